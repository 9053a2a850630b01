import { chmodSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { ListenAddress } from '../config/address.ts';
import type { PoolConfig } from '../config/config.ts';
import { asHeir } from '../system/privileges.ts';
import type { BoundHandle } from '../system/server-handle.ts';
import { bindPool, closeUnix, type ListenPlace, type PoolSockets, placeOf, resizePool } from './listen-sockets.ts';
import type { HandedSockets } from './upgrade/handover.ts';

/** A pool that has a socket of its own. */
type BoundPool = PoolConfig & { readonly listen: ListenAddress };

interface Entry {
  /** What it was made for: in `listen`, port 0 stays 0. */
  readonly pool: HandedSockets['pool'];
  readonly sockets: PoolSockets;
}

/** The next table: what it binds anew is not used before `SocketTable.adopt`, and given back by `abandon`. */
export interface SocketPlan {
  readonly entries: ReadonlyMap<string, Entry>;
  /** Pools whose workers need a handle: a new one, or the one they have, to listen on it anew. */
  readonly handed: ReadonlySet<string>;
}

/** The listening sockets of all pools, kept over reloads as long as some pool listens there. */
export class SocketTable {
  private entries: ReadonlyMap<string, Entry> = new Map();

  /** Binds what `pools` need beyond what is there. Throws a ListenError; then nothing has changed. */
  async plan(pools: readonly PoolConfig[], slots: number): Promise<SocketPlan> {
    const entries = new Map<string, Entry>();
    const handed = new Set<string>();
    const plan = { entries, handed };
    try {
      for (const { listen, ...others } of pools) {
        if (listen === null) continue;
        const pool = { ...others, listen };
        const same = await this.find(pool);
        if (same === undefined) {
          const place = await placeOf(pool);
          entries.set(pool.name, { pool, sockets: await bindPool(pool, place, slots, this.sharesPort(place)) });
          handed.add(pool.name);
          continue;
        }
        entries.set(pool.name, { pool, sockets: resizePool(pool.name, same.sockets, slots) });
        if (listensAnew(same.pool, pool)) handed.add(pool.name);
      }
    } catch (error) {
      this.abandon(plan);
      throw error;
    }
    return plan;
  }

  abandon(plan: SocketPlan): void {
    closeAllBut(plan.entries, this.entries);
  }

  /**
   * Makes `plan` the table. `closeObsolete` closes the sockets that no pool needs any more; `problems` are sentences
   * for the operator.
   */
  adopt(plan: SocketPlan): { readonly closeObsolete: () => void; readonly problems: readonly string[] } {
    const before = this.entries;
    const problems: string[] = [];
    for (const [name, { pool }] of plan.entries) {
      const { listen } = pool;
      if (!('path' in listen) || listen.mode === null) continue;
      try {
        setMode(listen.path, listen.mode);
      } catch (error) {
        problems.push(`pool ${name}: cannot set the mode of ${listen.path}: ${(error as Error).message}`);
      }
    }
    this.entries = plan.entries;
    return { closeObsolete: () => closeAllBut(before, plan.entries), problems };
  }

  /** Each pool's handle for a worker slot. */
  *handles(slot: number, plan?: SocketPlan): Iterable<readonly [pool: string, handle: BoundHandle]> {
    const entries = plan?.entries ?? this.entries;
    for (const [pool, { sockets }] of entries) {
      const handle = sockets.handles[slot];
      if (handle !== undefined && (plan === undefined || plan.handed.has(pool))) yield [pool, handle];
    }
  }

  /** Where the pools listen: with the port that the system chose for port 0. */
  addresses(): { readonly pool: string; readonly listen: ListenAddress }[] {
    return [...this.entries].map(([pool, { sockets }]) => ({ pool, listen: sockets.address }));
  }

  /** What another master needs to listen on them. `number`: of a handle, among those that are sent. */
  offered(number: (handle: BoundHandle) => number): HandedSockets[] {
    return [...this.entries.values()].map(({ pool, sockets: { handles, address, place, file } }) => {
      const { name, listen, protocol, poolBy, backlog, tcpKeepalive, keepaliveIdleMs } = pool;
      const kept = { name, listen, protocol, poolBy: poolBy ?? null, backlog, tcpKeepalive, keepaliveIdleMs };
      return { pool: kept, address, place, file, handles: handles.map(number) };
    });
  }

  /** Begins with what another master has offered. */
  inherit(offered: readonly HandedSockets[], handles: readonly BoundHandle[]): void {
    this.entries = new Map(
      offered.map(({ pool, address, place, file, handles: numbers }) => {
        const sockets = { address, place, file, handles: numbers.map(number => handles[number] as BoundHandle) };
        return [pool.name, { pool, sockets }];
      }),
    );
  }

  /** Another master has them: the files of unix sockets stay when this process ends. */
  giveAway(): void {
    for (const { sockets } of this.entries.values()) for (const handle of sockets.handles) handle.unref?.();
    this.entries = new Map();
  }

  close(): void {
    closeAllBut(this.entries, new Map());
    this.entries = new Map();
  }

  /** The sockets that listen where `pool` wants to; its own first. */
  private async find(pool: BoundPool): Promise<Entry | undefined> {
    const { listen } = pool;
    const own = this.entries.get(pool.name);
    if (own !== undefined && isSameAddress(own.pool.listen, listen)) return own;
    if (this.entries.size === 0 || ('port' in listen && listen.port === 0)) return undefined;
    const place = await placeOf(pool);
    return [...this.entries.values()].find(({ sockets }) => isDeepStrictEqual(sockets.place, place));
  }

  private sharesPort(place: ListenPlace): boolean {
    if ('path' in place) return false;
    return [...this.entries.values()].some(
      ({ sockets }) => 'port' in sockets.place && sockets.place.port === place.port,
    );
  }
}

/** As it was bound, it has the mode that it was bound for: root goes after no file that the user can't reach. */
function setMode(path: string, mode: number): void {
  asHeir(
    () => chmodSync(path, mode),
    () => {},
  );
}

/** Whether a worker that listens for `before` has to do so anew for `after`, on the same socket. */
function listensAnew(before: HandedSockets['pool'], after: BoundPool): boolean {
  return (
    before.name !== after.name ||
    before.protocol !== after.protocol ||
    (before.poolBy ?? null) !== after.poolBy ||
    before.backlog !== after.backlog ||
    before.tcpKeepalive !== after.tcpKeepalive ||
    before.keepaliveIdleMs !== after.keepaliveIdleMs
  );
}

function isSameAddress(a: ListenAddress, b: ListenAddress): boolean {
  return 'path' in a && 'path' in b ? a.path === b.path : isDeepStrictEqual(a, b);
}

/** Closes the handles of `entries` that are not in `kept`; the file of a unix socket goes with them if it is ours. */
function closeAllBut(entries: ReadonlyMap<string, Entry>, kept: ReadonlyMap<string, Entry>): void {
  const keptHandles = new Set([...kept.values()].flatMap(({ sockets }) => sockets.handles));
  for (const { sockets } of entries.values()) {
    const { handles, place, file } = sockets;
    for (const handle of new Set(handles)) {
      if (keptHandles.has(handle)) continue;
      keptHandles.add(handle);
      if ('path' in place && file !== null) closeUnix(handle, place.path, file);
      else handle.close();
    }
  }
}
