import { lookup } from 'node:dns/promises';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { ListenAddress } from '../config/address.ts';
import { portCalls } from '../system/port-calls.ts';
import { asHeir, isDenied } from '../system/privileges.ts';
import { type BoundHandle, createServerHandle } from '../system/server-handle.ts';
import { bindUnixSocket, type FileId, fileIdOf, isOurs, isServed, removeIfLeft } from '../system/unix-socket.ts';
import { ListenError } from './errors.ts';

/*
 * The listening sockets. The master binds them and keeps them, one per worker slot and pool, and hands each to
 * whichever worker fills the slot: a connection that arrives while a worker is being replaced waits in its socket's
 * queue. TCP sockets share their port by SO_REUSEPORT and the kernel spreads connections over them; a unix socket has
 * no such thing, so all slots accept from the same one.
 *
 * SO_REUSEPORT would also let a second Ringmaster quietly take half of the connections. Whether a port is free only a socket
 * without it can tell, and against sockets that do not listen yet not even that one, since libuv sets SO_REUSEADDR. So the
 * first socket of a port listens alone before it shares, and closes once those of the slots listen, too; all in one turn.
 */

const UV_TCP_REUSEPORT = 2;
const UV_EADDRINUSE = -constants.errno.EADDRINUSE;
const NEEDS_PRIVILEGE = 'it has to be started anew by root, or with CAP_NET_BIND_SERVICE';
/** Until the worker that accepts says its own. */
const BACKLOG = 511;

/** The sockets of one pool: `handles[slot]`, and where they listen (the port the system chose for port 0). */
export interface PoolSockets {
  readonly handles: readonly BoundHandle[];
  readonly address: ListenAddress;
  readonly place: ListenPlace;
  /** The file of a unix socket; null for TCP. */
  readonly file: FileId | null;
}

/** A listen address with its host name looked up: what tells two spellings of one address from two addresses. */
export type ListenPlace =
  | { readonly ip: string; readonly family: number; readonly port: number }
  | { readonly path: string };

/** The pool it is of, and where it is to be. */
interface NamedListener {
  readonly name: string;
  readonly listen: ListenAddress;
}

/** Looks up the host name of a listen address. Throws a ListenError. */
export async function placeOf({ name, listen }: NamedListener): Promise<ListenPlace> {
  if ('path' in listen) return { path: listen.path };
  try {
    const { address, family } = await lookup(listen.host);
    return { ip: address, family, port: listen.port };
  } catch {
    throw new ListenError(
      `pool ${name}: cannot listen on ${listen.host}:${listen.port}: the host name does not resolve`,
    );
  }
}

/**
 * Binds the sockets of a pool for all worker slots. `sharesPort`: sockets of ours are on that port already, so it can't
 * be tried whether it is free. Throws a ListenError.
 */
export async function bindPool(
  { name, listen }: NamedListener,
  place: ListenPlace,
  slots: number,
  sharesPort: boolean,
): Promise<PoolSockets> {
  if ('path' in place) {
    const handle = await bindUnix(name, place.path, 'path' in listen ? listen.mode : null);
    const file = fileIdOf(place.path);
    return { handles: new Array<BoundHandle>(slots).fill(handle), address: listen, place, file };
  }
  const bind = () => bindPort(name, place, slots, sharesPort);
  // Who shares a port has to be the same user for the kernel; more are bound when there are more workers.
  const { handles, bound } = asHeir(bind, bind);
  const address = 'path' in listen ? listen : { host: listen.host, port: bound.port };
  return { handles, address, place: bound, file: null };
}

interface Port {
  readonly ip: string;
  readonly family: number;
  readonly port: number;
}

function bindPort(pool: string, place: Port, slots: number, sharesPort: boolean) {
  const taken = sharesPort ? null : takePort(pool, place);
  const bound = { ip: place.ip, family: place.family, port: taken?.port ?? place.port };
  try {
    const handles = bindMore(pool, bound, slots);
    if (taken !== null) for (const { fd } of handles) portCalls?.listen(fd as number, BACKLOG);
    return { handles, bound };
  } finally {
    taken?.release();
  }
}

/**
 * The same sockets for another number of worker slots; `handles` that are new are bound, those that go stay open. Where only root could
 * bind more, and privileges were dropped, the new slots accept from sockets of the others.
 */
export function resizePool(pool: string, sockets: PoolSockets, slots: number): PoolSockets {
  const { handles, place } = sockets;
  if (handles.length >= slots) return { ...sockets, handles: handles.slice(0, slots) };
  const missing = slots - handles.length;
  const more = 'path' in place ? shared(handles, missing) : bindOrShare(pool, place, missing, handles);
  return { ...sockets, handles: [...handles, ...more] };
}

function bindOrShare(pool: string, place: Port, count: number, handles: readonly BoundHandle[]): BoundHandle[] {
  try {
    return bindMore(pool, place, count);
  } catch (error) {
    if (!(error instanceof ListenError) || !isDenied(error)) throw error;
    return shared(handles, count);
  }
}

/** `count` of them, in turn. */
function shared(handles: readonly BoundHandle[], count: number): BoundHandle[] {
  return Array.from({ length: count }, (_, i) => handles[i % handles.length] as BoundHandle);
}

interface TakenPort {
  /** The one the system chose for port 0. */
  readonly port: number;
  release(): void;
}

/**
 * A port that no other process has, which our sockets may share from now on. Without native calls it can't be kept meanwhile: another
 * process that takes it in the same moment is not seen. Throws a ListenError.
 */
function takePort(pool: string, { ip, port, family }: Port): TakenPort {
  const handle = bindOne(pool, ip, port, family, 0);
  const taken = { port: portOf(handle), release: () => handle.close() };
  if (portCalls === null) {
    handle.close();
    return { ...taken, release: () => {} };
  }
  if (!portCalls.listen(handle.fd as number, 1)) {
    handle.close();
    throw cannotListen(pool, ip, port, family, UV_EADDRINUSE);
  }
  portCalls.share(handle.fd as number);
  return taken;
}

function bindMore(pool: string, place: Port, count: number): BoundHandle[] {
  const handles: BoundHandle[] = [];
  try {
    while (handles.length < count) handles.push(bindOne(pool, place.ip, place.port, place.family, UV_TCP_REUSEPORT));
  } catch (error) {
    for (const handle of handles) handle.close();
    throw error;
  }
  return handles;
}

function bindOne(pool: string, address: string, port: number, family: number, flags: number): BoundHandle {
  const handle = createServerHandle(address, port, family, undefined, flags);
  const errno = typeof handle === 'number' ? handle : (handle.getsockname?.({}) ?? 0);
  if (errno === 0) return handle as BoundHandle;
  if (typeof handle !== 'number') handle.close();
  throw cannotListen(pool, address, port, family, errno);
}

function cannotListen(pool: string, ip: string, port: number, family: number, errno: number): ListenError {
  const where = family === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;
  const name = getSystemErrorName(errno);
  // Which ports need a privilege is the system's to say; it did.
  const why = name === 'EACCES' ? `${reasonOf(name)}: ${NEEDS_PRIVILEGE}` : reasonOf(name);
  return new ListenError(`pool ${pool}: cannot listen on ${where}: ${why}`, name);
}

function portOf(handle: BoundHandle): number {
  const out: { port?: number } = {};
  handle.getsockname?.(out);
  return out.port as number;
}

async function bindUnix(pool: string, path: string, mode: number | null): Promise<BoundHandle> {
  if (await isServed(path)) throw new ListenError(`pool ${pool}: cannot listen on ${path}: another process serves it`);
  try {
    return bindUnixSocket(path, mode);
  } catch (error) {
    throw new ListenError(`pool ${pool}: cannot listen on ${path}: ${reasonOf((error as NodeJS.ErrnoException).code)}`);
  }
}

/**
 * Closes the handle of a unix socket, and with it, as libuv does, the file at its path. Where another daemon has put its own
 * there meanwhile the handle stays open: nobody can reach it any more.
 */
export function closeUnix(handle: BoundHandle, path: string, file: FileId): void {
  if (!isOurs(path, file)) {
    handle.unref?.();
    return;
  }
  handle.close();
  removeIfLeft(path, file);
}

function reasonOf(name: string | undefined): string {
  if (name === 'EADDRINUSE') return 'the address is in use';
  if (name === 'EACCES') return 'permission denied';
  if (name === 'EADDRNOTAVAIL') return 'this machine has no such address';
  if (name === 'ENOENT') return 'its directory does not exist';
  return String(name);
}
