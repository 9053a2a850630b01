import type { Clock } from '../../loop/clock.ts';
import type { Turn } from '../../loop/turn.ts';
import { AddressLimiters } from './address-limiters.ts';
import { ClientMeter } from './client-meter.ts';
import type { LimitName, LimitOptions } from './limit-options.ts';
import { Limiter, type LimiterHost } from './limiter.ts';
import type { LimitedTenant } from './share-keys.ts';
import type { ShareOffice } from './share-office.ts';
import { tenantAddress } from './tenant-address.ts';

export interface PoolLimitOptions {
  readonly pool: LimitOptions | null;
  readonly address: LimitOptions | null;
  readonly addresses: number;
  /** By name. */
  readonly users: ReadonlyMap<string, LimitOptions>;
}

/** What the limits of a pool need of their worker. */
export interface PoolLimitsHost {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly office: ShareOffice;
  readonly stats: LimiterHost['stats'];
  /** A tenant is over a limit, or (null) has not been for a while. */
  tellLimiting(tenant: LimitedTenant, over: LimitName | null): void;
}

const SWEEP_MS = 1000;
/** Who has not been over a limit for so long is told to be within. */
export const WITHIN_AFTER_MS = 5000;
/** Tenants that are told to be over a limit in one pool and worker at once; of more it is only counted. */
const TOLD_MAX = 256;

/** The limits of one pool in one worker: its own, and those of the addresses and users of its clients. */
export class PoolLimits implements LimiterHost {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly office: ShareOffice;
  readonly stats: LimiterHost['stats'];
  isLifted = false;
  /** Of the pool. */
  readonly name: string;
  private readonly host: PoolLimitsHost;
  private readonly pool: Limiter | null;
  private readonly addresses: AddressLimiters | null;
  private readonly userOptions: ReadonlyMap<string, LimitOptions>;
  private readonly users = new Map<string, Limiter>();
  private readonly told = new Set<Limiter>();
  private readonly timer: NodeJS.Timeout;

  constructor(name: string, { pool, address, addresses, users }: PoolLimitOptions, host: PoolLimitsHost) {
    this.name = name;
    this.host = host;
    this.clock = host.clock;
    this.turn = host.turn;
    this.office = host.office;
    this.stats = host.stats;
    this.pool = pool === null ? null : new Limiter({ pool: name, scope: 'pool', name }, pool, this);
    this.addresses = address === null ? null : new AddressLimiters(name, address, addresses, this);
    this.userOptions = users;
    this.timer = setInterval(() => this.sweep(this.clock.refresh()), SWEEP_MS).unref();
  }

  /** Null where nothing is limited. */
  static of(name: string, options: PoolLimitOptions, host: PoolLimitsHost): PoolLimits | null {
    const isLimited = options.pool !== null || options.address !== null || options.users.size > 0;
    return isLimited ? new PoolLimits(name, options, host) : null;
  }

  /** What a client at `peer` is held to that has signed in as `user` (null: as nobody); null: nothing. */
  meter(peer: string, user: string | null, wake: () => void): ClientMeter | null {
    const limiters: Limiter[] = [];
    if (this.pool !== null) limiters.push(this.pool);
    const address = this.addresses === null ? null : tenantAddress(peer);
    if (address !== null) limiters.push((this.addresses as AddressLimiters).of(address));
    const ofUser = user === null ? null : this.ofUser(user);
    if (ofUser !== null) limiters.push(ofUser);
    return limiters.length === 0 ? null : new ClientMeter(limiters, this.clock, wake);
  }

  onOver(limiter: Limiter): void {
    if (this.told.size >= TOLD_MAX) {
      limiter.overAtMs = Number.NEGATIVE_INFINITY;
      return;
    }
    this.told.add(limiter);
    this.host.tellLimiting(limiter.tenant, limiter.over);
  }

  /** From now on nobody waits: what was read has to be answered before the worker leaves. */
  lift(): void {
    this.isLifted = true;
    this.pool?.lift();
    for (const limiter of this.addresses?.all() ?? []) limiter.lift();
    for (const limiter of this.users.values()) limiter.lift();
  }

  /** Nobody is held to it any more. */
  close(): void {
    clearInterval(this.timer);
    this.pool?.close();
    this.addresses?.close();
    for (const limiter of this.users.values()) limiter.close();
    for (const limiter of this.told) this.host.tellLimiting(limiter.tenant, null);
    this.told.clear();
  }

  private ofUser(name: string): Limiter | null {
    const options = this.userOptions.get(name);
    if (options === undefined) return null;
    let limiter = this.users.get(name);
    if (limiter === undefined) {
      limiter = new Limiter({ pool: this.name, scope: 'user', name }, options, this);
      this.users.set(name, limiter);
    }
    return limiter;
  }

  private sweep(nowMs: number): void {
    for (const limiter of this.told) {
      if (limiter.waitingClients > 0 || nowMs - limiter.overAtMs < WITHIN_AFTER_MS) continue;
      limiter.overAtMs = Number.NEGATIVE_INFINITY;
      this.told.delete(limiter);
      this.host.tellLimiting(limiter.tenant, null);
    }
    this.addresses?.sweep(nowMs);
  }
}
