import { isDeepStrictEqual } from 'node:util';
import type { PoolConfig, ServerConfig } from '../../config/config.ts';
import type { OutServer } from '../../ipc/messages.ts';
import type { Log } from '../../system/log.ts';
import { RefusedError } from '../errors.ts';

/** `ejected`: its connections are cut, and what is inflight fails; `drained`: it gets nothing new, and finishes the rest. */
export type HandVerdict = 'ejected' | 'drained';

export interface HandVerdictsHost {
  readonly log: Log;
  /** All servers that are out of the ring, whoever says so. */
  out(): readonly OutServer[];
  /** Another set of servers is out than before. */
  onVerdict(): void;
}

interface Entry {
  readonly pool: string;
  readonly server: ServerConfig;
  readonly verdict: HandVerdict;
}

/** Servers that an operator took out of the ring; they come back by hand only. */
export class HandVerdicts {
  private entries: readonly Entry[] = [];
  private pools: readonly PoolConfig[] = [];
  private readonly host: HandVerdictsHost;

  constructor(host: HandVerdictsHost) {
    this.host = host;
  }

  /** Takes over another configuration, without a word to the host. A server that is gone, or at another address, is let go. */
  setPools(pools: readonly PoolConfig[]): void {
    this.pools = pools;
    this.entries = this.entries.filter(({ pool, server }) =>
      isDeepStrictEqual(this.find(pool, server.name)?.address, server.address),
    );
  }

  /**
   * Throws a RefusedError when there is no such server, or, unless `isForced`, when no other of its pool is left in the ring.
   */
  take(pool: string, name: string, verdict: HandVerdict, by: string, isForced: boolean): void {
    const server = this.serverOf(pool, name);
    const out = new Set(this.host.out().flatMap(each => (each.pool === pool ? [each.server] : [])));
    const servers = this.pools.find(each => each.name === pool)?.servers ?? [];
    if (!isForced && servers.every(each => each.name === name || out.has(each.name))) {
      throw new RefusedError(`${name} is the last server of pool ${pool} in the ring; force it if that is meant`);
    }
    this.entries = [...this.without(pool, name), { pool, server, verdict }];
    const what = verdict === 'ejected' ? 'server ejected by hand' : 'server drained by hand';
    this.host.log.warn({ by, pool, server: name, verdict }, what);
    this.host.onVerdict();
  }

  /** Lets it back; false: it was not taken out by hand. Throws a RefusedError when there is no such server. */
  readmit(pool: string, name: string, by: string): boolean {
    this.serverOf(pool, name);
    const rest = this.without(pool, name);
    if (rest.length === this.entries.length) return false;
    this.entries = rest;
    this.host.log.warn({ by, pool, server: name }, 'server readmitted by hand');
    this.host.onVerdict();
    return true;
  }

  /** For another process, which takes it with `restore`. */
  list(): { readonly pool: string; readonly server: string; readonly verdict: HandVerdict }[] {
    return this.entries.map(({ pool, server, verdict }) => ({ pool, server: server.name, verdict }));
  }

  /** Goes on with those of another process, without a word to the host. */
  restore(list: ReturnType<HandVerdicts['list']>): void {
    this.entries = list.flatMap(({ pool, server: name, verdict }) => {
      const server = this.find(pool, name);
      return server === undefined ? [] : [{ pool, server, verdict }];
    });
  }

  of(pool: string, name: string): HandVerdict | null {
    return this.entries.find(entry => entry.pool === pool && entry.server.name === name)?.verdict ?? null;
  }

  out(): OutServer[] {
    return this.entries.map(({ pool, server, verdict }) => ({
      pool,
      server: server.name,
      why: verdict === 'ejected' ? 'ejected_by_hand' : 'drained by hand',
      isEjected: verdict === 'ejected',
    }));
  }

  private without(pool: string, name: string): Entry[] {
    return this.entries.filter(entry => entry.pool !== pool || entry.server.name !== name);
  }

  private find(pool: string, name: string): ServerConfig | undefined {
    return this.pools.find(each => each.name === pool)?.servers.find(server => server.name === name);
  }

  private serverOf(pool: string, name: string): ServerConfig {
    const server = this.find(pool, name);
    if (server === undefined) throw new RefusedError(`there is no server ${name} in a pool ${pool}`);
    return server;
  }
}
