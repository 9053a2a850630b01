import { lookup } from 'node:dns/promises';
import { chmodSync, statSync, unlinkSync } from 'node:fs';
import net, { connect } from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { ListenAddress, PoolConfig } from '../config/config.ts';

/*
 * The listening sockets. The master binds them and keeps them, one per worker slot and pool, and hands each to
 * whichever worker fills the slot: a connection that arrives while a worker is being replaced waits in its socket's
 * queue. TCP sockets share their port by SO_REUSEPORT and the kernel spreads connections over them; a unix socket has
 * no such thing, so all slots accept from the same one.
 *
 * Node has no public way to bind without accepting; `net._createServerHandle` (used by node:cluster itself) is the
 * only internal we lean on here.
 */

/** node's TCP or Pipe handle: bound, not yet listening. */
export interface BoundHandle {
  /** Fills in `address` and `port`; returns 0 or a negative errno, also one that `bind` kept for later. */
  getsockname?(out: { address?: string; port?: number }): number;
  close(): void;
}

const UV_TCP_REUSEPORT = 2;
/** How long an existing unix socket may take to show that somebody serves it. */
const UNIX_CHECK_MS = 500;

type CreateServerHandle = (
  address: string | null,
  port: number,
  family: number,
  fd?: number,
  flags?: number,
) => BoundHandle | number;

const createServerHandle = (net as unknown as { _createServerHandle: CreateServerHandle })._createServerHandle;

/** A listen address that can't be had; the message is a sentence for the operator. */
export class ListenError extends Error {}

/** The sockets of one pool: `handles[slot]`, and where they listen (the port the system chose for port 0). */
export interface PoolSockets {
  readonly handles: readonly BoundHandle[];
  readonly address: ListenAddress;
}

/** Binds the sockets of a pool for all worker slots. Throws a ListenError. */
export async function bindPool(pool: PoolConfig, slots: number): Promise<PoolSockets> {
  const { listen } = pool;
  return 'path' in listen ? await bindUnix(pool.name, listen, slots) : await bindTcp(pool.name, listen, slots);
}

/** Gives the sockets back; a unix socket's file goes with them. */
export function closePool(sockets: PoolSockets): void {
  for (const handle of new Set(sockets.handles)) handle.close();
  if ('path' in sockets.address) removeIfSocket(sockets.address.path);
}

async function bindTcp(pool: string, listen: { host: string; port: number }, slots: number): Promise<PoolSockets> {
  const where = `${listen.host}:${listen.port}`;
  const found = await lookup(listen.host).catch(() => {
    throw new ListenError(`pool ${pool}: cannot listen on ${where}: the host name does not resolve`);
  });
  const handles: BoundHandle[] = [];
  let { port } = listen;
  // Alone first, without SO_REUSEPORT: else a second Ringmaster would quietly take half of the connections.
  handles.push(bindOne(pool, found.address, port, found.family, 0));
  port = portOf(handles[0] as BoundHandle);
  handles.pop()?.close();
  for (let slot = 0; slot < slots; slot++) {
    handles.push(bindOne(pool, found.address, port, found.family, UV_TCP_REUSEPORT));
  }
  return { handles, address: { host: listen.host, port } };
}

function bindOne(pool: string, address: string, port: number, family: number, flags: number): BoundHandle {
  const handle = createServerHandle(address, port, family, undefined, flags);
  const errno = typeof handle === 'number' ? handle : (handle.getsockname?.({}) ?? 0);
  if (errno === 0) return handle as BoundHandle;
  if (typeof handle !== 'number') handle.close();
  throw new ListenError(`pool ${pool}: cannot listen on ${address}:${port}: ${reasonOf(errno)}`);
}

function portOf(handle: BoundHandle): number {
  const out: { port?: number } = {};
  handle.getsockname?.(out);
  return out.port as number;
}

async function bindUnix(
  pool: string,
  listen: { path: string; mode: number | null },
  slots: number,
): Promise<PoolSockets> {
  const { path, mode } = listen;
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
  return { handles: new Array<BoundHandle>(slots).fill(handle), address: listen };
}

/** Whether somebody accepts connections on the unix socket. */
function isServed(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ path, timeout: UNIX_CHECK_MS });
    const done = (isServed: boolean) => {
      socket.destroy();
      resolve(isServed);
    };
    socket.on('connect', () => done(true));
    socket.on('timeout', () => done(true));
    socket.on('error', () => done(false));
  });
}

function removeIfSocket(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(path);
}

function reasonOf(errno: number): string {
  const name = getSystemErrorName(errno);
  if (name === 'EADDRINUSE') return 'the address is in use';
  if (name === 'EACCES') return 'permission denied';
  if (name === 'EADDRNOTAVAIL') return 'this machine has no such address';
  if (name === 'ENOENT') return 'its directory does not exist';
  return name;
}
