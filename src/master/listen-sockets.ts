import { lookup } from 'node:dns/promises';
import { chmodSync } from 'node:fs';
import net from 'node:net';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { ListenAddress } from '../config/address.ts';
import { portCalls } from '../system/port-calls.ts';
import { type FileId, fileIdOf, isOurs, isServed, removeIfLeft, removeIfSocket } from '../system/unix-socket.ts';
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
 *
 * Node has no public way to bind without accepting; `net._createServerHandle` (used by node:cluster itself) is the
 * only internal we lean on here.
 */

/** node's TCP or Pipe handle: bound, not yet listening. */
export interface BoundHandle {
  /** Its descriptor. */
  readonly fd?: number;
  /** Fills in `address` and `port`; returns 0 or a negative errno, also one that `bind` kept for later. */
  getsockname?(out: { address?: string; port?: number }): number;
  close(): void;
  /** No longer keeps this process from its end. */
  unref?(): void;
}

const UV_TCP_REUSEPORT = 2;
const UV_EADDRINUSE = -constants.errno.EADDRINUSE;
/** Until the worker that accepts says its own. */
const BACKLOG = 511;

type CreateServerHandle = (
  address: string | null,
  port: number,
  family: number,
  fd?: number,
  flags?: number,
) => BoundHandle | number;

const createServerHandle = (net as unknown as { _createServerHandle: CreateServerHandle })._createServerHandle;

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
  const { ip, family } = place;
  const taken = sharesPort ? null : takePort(name, place);
  const bound = { ip, family, port: taken?.port ?? place.port };
  try {
    const handles = bindMore(name, bound, slots);
    if (taken !== null) for (const { fd } of handles) portCalls?.listen(fd as number, BACKLOG);
    const address = 'path' in listen ? listen : { host: listen.host, port: bound.port };
    return { handles, address, place: bound, file: null };
  } finally {
    taken?.release();
  }
}

/** The same sockets for another number of worker slots; `handles` that are new are bound, those that go stay open. */
export function resizePool(pool: string, sockets: PoolSockets, slots: number): PoolSockets {
  const { handles, place } = sockets;
  if (handles.length >= slots) return { ...sockets, handles: handles.slice(0, slots) };
  const missing = slots - handles.length;
  const more = 'path' in place ? new Array<BoundHandle>(missing).fill(handles[0]!) : bindMore(pool, place, missing);
  return { ...sockets, handles: [...handles, ...more] };
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
function takePort(pool: string, { ip, port, family }: { ip: string; port: number; family: number }): TakenPort {
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

function bindMore(pool: string, place: { ip: string; family: number; port: number }, count: number): BoundHandle[] {
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
  return new ListenError(`pool ${pool}: cannot listen on ${where}: ${reasonOf(errno)}`);
}

function portOf(handle: BoundHandle): number {
  const out: { port?: number } = {};
  handle.getsockname?.(out);
  return out.port as number;
}

async function bindUnix(pool: string, path: string, mode: number | null): Promise<BoundHandle> {
  if (await isServed(path)) throw new ListenError(`pool ${pool}: cannot listen on ${path}: another process serves it`);
  // What a process that was killed left behind; a file that is no socket is not ours to remove.
  removeIfSocket(path);
  const handle = createServerHandle(path, -1, -1);
  if (typeof handle === 'number') {
    throw new ListenError(`pool ${pool}: cannot listen on ${path}: ${reasonOf(handle)}`);
  }
  if (mode !== null) {
    try {
      chmodSync(path, mode);
    } catch (error) {
      handle.close();
      throw new ListenError(
        `pool ${pool}: cannot set mode ${mode.toString(8)} on ${path}: ${(error as Error).message}`,
      );
    }
  }
  return handle;
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

function reasonOf(errno: number): string {
  const name = getSystemErrorName(errno);
  if (name === 'EADDRINUSE') return 'the address is in use';
  if (name === 'EACCES') return 'permission denied';
  if (name === 'EADDRNOTAVAIL') return 'this machine has no such address';
  if (name === 'ENOENT') return 'its directory does not exist';
  return name;
}
