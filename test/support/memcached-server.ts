import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { Child, temporaryDirectory } from './child.ts';
import { RawClient } from './raw-client.ts';
import { waitFor } from './wait-for.ts';

export interface MemcachedOptions {
  /** A fixed port, to come back where a server has died; otherwise the system chooses. */
  readonly port?: number;
  /** Listen on a unix socket instead of TCP (memcached knows no both); its path is in `socketPath`. */
  readonly hasUnixSocket?: boolean;
  readonly memoryMiB?: number;
  /** Further arguments of memcached, e.g. ['-I', '2m']. */
  readonly args?: readonly string[];
}

/** A real memcached on 127.0.0.1. */
export interface MemcachedServer {
  /** 0 with `hasUnixSocket`. */
  readonly port: number;
  /** '' without `hasUnixSocket`. */
  readonly socketPath: string;
  readonly pid: number;
  client(): Promise<RawClient>;
  /** Sends bytes over a connection of its own and returns the answer up to and with `end` (default: one line). */
  ask(bytes: Buffer | string, end?: string): Promise<Buffer>;
  /** SIGSTOP: connections stay open and nothing is answered until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Ends it and waits for that: by SIGKILL, as memcached has nothing to save and takes a second over SIGTERM. */
  stop(): Promise<void>;
  /** The same; the name for a test that means a death. */
  kill(): Promise<void>;
}

/** Starts a memcached and resolves once it accepts connections. */
export async function startMemcached(options: MemcachedOptions = {}): Promise<MemcachedServer> {
  const dir = temporaryDirectory('memcached');
  const socketPath = options.hasUnixSocket ? path.join(dir, 'memcached.sock') : '';
  const portFile = path.join(dir, 'ports');
  const args = ['-u', userInfo().username, '-m', String(options.memoryMiB ?? 64), '-c', '4096'];
  // Port -1 lets the system choose; memcached tells its choice through the file.
  if (socketPath !== '') args.push('-s', socketPath, '-a', '777');
  else args.push('-l', '127.0.0.1', '-p', String(options.port ?? -1));
  args.push(...(options.args ?? []));

  const child = new Child('memcached', args, { env: { ...process.env, MEMCACHED_PORT_FILENAME: portFile } });
  let port = 0;
  await child.until(() => {
    if (socketPath !== '') return existsSync(socketPath);
    const line = existsSync(portFile) ? /^TCP INET: (\d+)$/m.exec(readFileSync(portFile, 'utf8')) : null;
    port = Number(line?.[1] ?? 0);
    return port > 0;
  }, 'memcached listening');
  const target = socketPath === '' ? port : socketPath;
  // The file and the socket's name are there an instant before listen(2).
  const first = await waitFor(() => RawClient.connect(target).catch(() => null), { what: 'memcached accepting' });
  first.destroy();

  return {
    port,
    socketPath,
    pid: child.pid,
    client: () => RawClient.connect(target),
    async ask(bytes, end = '\r\n') {
      const connection = await RawClient.connect(target);
      try {
        connection.send(bytes);
        return await connection.readUntil(end);
      } finally {
        connection.destroy();
      }
    },
    freeze: () => child.signal('SIGSTOP'),
    thaw: () => child.signal('SIGCONT'),
    stop: async () => void (await child.kill()),
    kill: async () => void (await child.kill()),
  };
}
