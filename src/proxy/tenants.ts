import { isDeepStrictEqual } from 'node:util';
import { ReadyLine } from '../socket/ready-lines.ts';
import type { ClientMeter } from './limits/client-meter.ts';
import { type PoolLimitOptions, PoolLimits, type PoolLimitsHost } from './limits/pool-limits.ts';

const UNLIMITED: PoolLimitOptions = { pool: null, address: null, addresses: 0, users: new Map() };

/** Whose the clients of a pool are: what they may ask, and in which line they wait for their turn to be read. */
export class Tenants {
  private readonly host: PoolLimitsHost;
  private options = UNLIMITED;
  /** Null: nothing is limited. */
  private limits: PoolLimits | null = null;
  private readonly ofPool = new ReadyLine();
  private readonly ofUsers = new Map<string, ReadyLine>();

  constructor(host: PoolLimitsHost) {
    this.host = host;
  }

  /** Takes other limits, or another name, under which the pool has others with the master. Who waits goes on by the new ones. */
  configure(pool: string, options: PoolLimitOptions, clients: Iterable<{ limit(): void }>): void {
    const { limits: before } = this;
    const isSame = before === null || before.name === pool;
    if (isSame && isDeepStrictEqual(this.options, options)) return;
    this.options = options;
    this.limits = PoolLimits.of(pool, options, this.host);
    for (const client of clients) client.limit();
    before?.close();
  }

  /** What a client at `peer` is held to that has signed in as `user` (null: as nobody); null: nothing. */
  meter(peer: string, user: string | null, wake: () => void): ClientMeter | null {
    return this.limits === null ? null : this.limits.meter(peer, user, wake);
  }

  /** Each user has a line; who has not signed in stands in that of its address, where addresses have limits, or the pool's. */
  line(user: string | null, meter: ClientMeter | null): ReadyLine {
    if (user === null) return meter?.line ?? this.ofPool;
    let line = this.ofUsers.get(user);
    if (line === undefined) {
      line = new ReadyLine();
      this.ofUsers.set(user, line);
    }
    return line;
  }

  /** From now on nobody waits: what was read has to be answered before the worker leaves. */
  lift(): void {
    this.limits?.lift();
  }

  close(): void {
    this.limits?.close();
  }
}
