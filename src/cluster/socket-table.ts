import { chmodSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { ListenAddress, PoolConfig } from '../config/config.ts';
import { type BoundHandle, bindPool, closePool, type PoolSockets } from './listen-sockets.ts';

interface Entry {
  /** As configured: port 0 stays 0. */
  readonly listen: ListenAddress;
  readonly sockets: PoolSockets;
}

/** The next table: what it binds anew is not used before `SocketTable.adopt`, and given back by `abandon`. */
export interface SocketPlan {
  readonly entries: ReadonlyMap<string, Entry>;
  /** Pools whose workers need a handle: bound anew, or taken over from a pool of another name. */
  readonly handed: ReadonlySet<string>;
  readonly bound: readonly PoolSockets[];
}

/** The listening sockets of all pools, kept over reloads as long as some pool listens there. */
export class SocketTable {
  private readonly slots: number;
  private entries: ReadonlyMap<string, Entry> = new Map();

  constructor(slots: number) {
    this.slots = slots;
  }

  /** Binds what `pools` need beyond what is there. Throws a ListenError; then nothing has changed. */
  async plan(pools: readonly PoolConfig[]): Promise<SocketPlan> {
    const entries = new Map<string, Entry>();
    const handed = new Set<string>();
    const bound: PoolSockets[] = [];
    try {
      for (const pool of pools) {
        const same = this.find(pool);
        if (same !== undefined) {
          entries.set(pool.name, { listen: pool.listen, sockets: same.entry.sockets });
          if (same.name !== pool.name) handed.add(pool.name);
          continue;
        }
        const sockets = await bindPool(pool, this.slots);
        bound.push(sockets);
        handed.add(pool.name);
        entries.set(pool.name, { listen: pool.listen, sockets });
      }
    } catch (error) {
      for (const sockets of bound) closePool(sockets);
      throw error;
    }
    return { entries, handed, bound };
  }

  abandon(plan: SocketPlan): void {
    for (const sockets of plan.bound) closePool(sockets);
  }

  /** Makes `plan` the table. Returns what closes the sockets that no pool needs any more. */
  adopt(plan: SocketPlan): () => void {
    const kept = new Set([...plan.entries.values()].map(entry => entry.sockets));
    const obsolete = [...this.entries.values()].map(entry => entry.sockets).filter(sockets => !kept.has(sockets));
    for (const { listen } of plan.entries.values()) {
      if ('path' in listen && listen.mode !== null) chmodSync(listen.path, listen.mode);
    }
    this.entries = plan.entries;
    return () => {
      for (const sockets of obsolete) closePool(sockets);
    };
  }

  /** Each pool's handle for a worker slot. */
  *handles(slot: number, plan?: SocketPlan): Iterable<readonly [pool: string, handle: BoundHandle]> {
    const entries = plan?.entries ?? this.entries;
    for (const [pool, { sockets }] of entries) {
      if (plan === undefined || plan.handed.has(pool)) yield [pool, sockets.handles[slot] as BoundHandle];
    }
  }

  /** Where the pools listen: with the port that the system chose for port 0. */
  addresses(): { readonly pool: string; readonly listen: ListenAddress }[] {
    return [...this.entries].map(([pool, { sockets }]) => ({ pool, listen: sockets.address }));
  }

  close(): void {
    for (const sockets of new Set([...this.entries.values()].map(entry => entry.sockets))) closePool(sockets);
    this.entries = new Map();
  }

  /** The sockets that listen where `pool` wants to; its own first. */
  private find(pool: PoolConfig): { name: string; entry: Entry } | undefined {
    const own = this.entries.get(pool.name);
    if (own !== undefined && isSamePlace(own.listen, pool.listen)) return { name: pool.name, entry: own };
    for (const [name, entry] of this.entries) {
      const isChosenBySystem = 'port' in pool.listen && pool.listen.port === 0;
      if (!isChosenBySystem && isSamePlace(entry.listen, pool.listen)) return { name, entry };
    }
    return undefined;
  }
}

function isSamePlace(a: ListenAddress, b: ListenAddress): boolean {
  return 'path' in a && 'path' in b ? a.path === b.path : isDeepStrictEqual(a, b);
}
