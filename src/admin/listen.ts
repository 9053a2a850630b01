import { existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { isDenied } from '../system/privileges.ts';
import { bindUnixSocket, type FileId, fileIdOf, isOurs, isServed, removeIfLeft } from '../system/unix-socket.ts';

export interface HostPort {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
}

/** A unix socket, and who may connect: the permissions of its file. */
export interface SocketPath {
  readonly path: string;
  readonly mode: number;
}

const REFUSALS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'no permission for this port',
  EADDRNOTAVAIL: 'the address is not one of this machine',
  ENOTFOUND: 'the host name does not resolve',
  EAI_AGAIN: 'the host name does not resolve',
};

const SOCKET_REFUSALS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'there is a file, and it is no socket',
  EACCES: 'permission denied',
  ENOENT: 'its directory does not exist',
};

/**
 * Has `server` listen; resolves with the actual port. Rejects with an Error whose message is one sentence that says
 * what cannot listen where, and why. `handle`: node's, of a socket that is bound there already.
 */
export function listenOn(
  server: Server,
  { host, port }: HostPort,
  what: string,
  handle: object | null = null,
): Promise<HostPort> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      const why = REFUSALS[error.code ?? ''] ?? error.message;
      reject(new Error(`${what} cannot listen on ${host.includes(':') ? `[${host}]` : host}:${port}: ${why}`));
    };
    server.once('error', refuse);
    server.listen(handle ?? { host, port }, () => {
      server.off('error', refuse);
      const { address, port: actual } = server.address() as AddressInfo;
      resolve({ host: address, port: actual });
    });
  });
}

/** Of a server that listens: node's handle, for another process. */
export function handleOf(server: Server): object {
  return (server as unknown as { readonly _handle: object })._handle;
}

/** Stops listening; resolves when the last connection is gone. */
export function closeServer(server: Server): Promise<void> {
  // The callback's error says that it does not listen, which is what is wanted.
  return new Promise(resolve => server.close(() => resolve()));
}

/** What listens on a unix socket. */
export interface SocketFile {
  readonly path: string;
  readonly file: FileId;
}

/**
 * Has `server` listen on a unix socket, which nobody can open for a moment whom its mode does not let. Rejects as `listenOn`
 * does.
 */
export async function listenOnSocket(
  server: Server,
  { path, mode }: SocketPath,
  what: string,
  handle: object | null = null,
): Promise<SocketFile> {
  if (handle !== null) {
    await new Promise<void>(resolve => server.listen(handle, resolve));
    return { path, file: fileIdOf(path) };
  }
  if (await isServed(path)) throw new Error(`${what} cannot listen on ${path}: another process serves it`);
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      const why = SOCKET_REFUSALS[error.code ?? ''] ?? error.message;
      reject(new Error(`${what} cannot listen on ${path}: ${why}`));
    };
    try {
      const bound = bindUnixSocket(path, mode);
      server.once('error', refuse);
      server.listen(bound, () => {
        server.off('error', refuse);
        resolve({ path, file: fileIdOf(path) });
      });
    } catch (error) {
      refuse(error as NodeJS.ErrnoException);
    }
  });
}

/** As `closeServer`; a file that another process has put in the place of ours stays. */
export function closeSocket(server: Server, { path, file }: SocketFile): void {
  // What is closed is removed by its path. Nobody can reach it any more.
  if (!isOurs(path, file)) {
    server.unref();
    return;
  }
  void closeServer(server);
  removeIfLeft(path, file);
}

/** As `closeServer`, where another process has the same socket: its file stays. */
export function leaveSocket(server: Server, { path }: SocketFile): void {
  const second = `${path}.${process.pid}`;
  try {
    linkSync(path, second);
  } catch (error) {
    if (!isDenied(error)) throw error;
    // Nor can it be removed by who may not do that.
    void closeServer(server);
    return;
  }
  void closeServer(server);
  // libuv has removed the file of a socket that this process has bound.
  if (existsSync(path)) rmSync(second);
  else renameSync(second, path);
}
