import { isDeepStrictEqual } from 'node:util';
import { Admission } from './admission.ts';
import { tenantAddress } from './tenant-address.ts';

/** Whose connections are limited together. */
export interface PlaceHolder {
  readonly pool: string;
  readonly scope: 'pool' | 'address' | 'user';
  /** An address, or the name of a user; of a pool its own. */
  readonly name: string;
}

/** The master's side of the limits, as a worker reaches it; see `LeaseOffice`. */
export interface PlaceLink {
  ask(holder: PlaceHolder, limit: number, count: number, isForced: boolean): void;
  giveBack(holder: PlaceHolder, count: number, isAnswer: boolean): void;
}

/** Connections at once, over all workers. */
export interface PlaceOptions {
  /** 0: unlimited. */
  readonly pool: number;
  /** Of each; 0: unlimited. */
  readonly address: number;
  /** By name, of those who have a limit. */
  readonly users: ReadonlyMap<string, number>;
}

/** A client that is in. */
export interface PlacedClient {
  /** It counts as whom it is now, by the limits that there are now. */
  countIn(): void;
}

/** An address or user without connections gives back what it has leased after so long at most. */
const SWEEP_MS = 1000;
const UNLIMITED: PlaceOptions = { pool: 0, address: 0, users: new Map() };

/** The places for connections in one pool and worker: those of the pool, and those of its users and of addresses. */
export class Places {
  readonly ofPool: Admission;
  private readonly link: PlaceLink;
  private name: string;
  private options = UNLIMITED;
  /** Of those that have connections here, or had one of late. */
  private readonly addresses = new Map<string, Admission>();
  private readonly users = new Map<string, Admission>();
  /** Those that are in are counted first. */
  private isCounting = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(pool: string, link: PlaceLink) {
    this.name = pool;
    this.link = link;
    this.ofPool = this.newAdmission('pool', () => this.name);
  }

  /**
   * Takes other limits, or another name, by which the master knows nothing of the pool yet. `clients`: those of the pool, who stay,
   * and count.
   */
  configure(pool: string, options: PlaceOptions, clients: Iterable<PlacedClient>): void {
    const isRenamed = pool !== this.name;
    if (!isRenamed && isDeepStrictEqual(options, this.options)) return;
    this.options = options;
    if (options.address === 0 || isRenamed) forget(this.addresses);
    for (const [name, admission] of this.users) {
      if (!options.users.has(name) || isRenamed) forgetOne(this.users, name, admission);
    }
    this.name = pool;
    this.ofPool.setLimit(options.pool);
    if (isRenamed) this.ofPool.reset();
    this.count(clients);
  }

  /** Of who comes from `peer`; null: there is no limit. */
  ofAddress(peer: string): Admission | null {
    if (this.options.address === 0) return null;
    const address = tenantAddress(peer);
    return address === null ? null : this.of(this.addresses, 'address', address, this.options.address);
  }

  /** Null: there is no limit. */
  ofUser(user: string | null): Admission | null {
    const limit = user === null ? undefined : this.options.users.get(user);
    return limit === undefined ? null : this.of(this.users, 'user', user as string, limit);
  }

  /** The master's answer to `ask`. */
  granted(holder: PlaceHolder, count: number, isForced: boolean): void {
    const admission = this.find(holder);
    if (admission !== null) admission.granted(count, isForced);
    else if (count > 0) this.link.giveBack(holder, count, false);
  }

  /** The master needs places for another worker. */
  recall(holder: PlaceHolder): void {
    const admission = this.find(holder);
    if (admission === null) this.link.giveBack(holder, 0, true);
    else admission.recall();
  }

  /** Resolves when nobody waits any more: who gets one place may have to wait for another. */
  async settled(): Promise<void> {
    for (let waiting = this.waiting(); waiting.length > 0; waiting = this.waiting()) {
      await Promise.all(waiting.map(admission => admission.settled()));
    }
  }

  /** Nobody is let in any more. */
  close(): void {
    for (const admission of this.all()) admission.close();
  }

  private waiting(): Admission[] {
    return this.all().filter(({ isAwaited }) => isAwaited);
  }

  private all(): Admission[] {
    return [this.ofPool, ...this.addresses.values(), ...this.users.values()];
  }

  private count(clients: Iterable<PlacedClient>): void {
    const { address, users } = this.options;
    this.isCounting = true;
    for (const client of clients) client.countIn();
    this.isCounting = false;
    for (const admission of this.addresses.values()) admission.setLimit(address);
    for (const [name, admission] of this.users) admission.setLimit(users.get(name) as number);
  }

  private find({ scope, name }: PlaceHolder): Admission | null {
    if (scope === 'pool') return this.ofPool;
    return (scope === 'address' ? this.addresses : this.users).get(name) ?? null;
  }

  private of(all: Map<string, Admission>, scope: 'address' | 'user', name: string, limit: number): Admission {
    let admission = all.get(name);
    if (admission === undefined) {
      // What it has leased is that of the pool of this name.
      const pool = this.name;
      admission = this.newAdmission(scope, () => name, pool);
      if (!this.isCounting) admission.setLimit(limit);
      all.set(name, admission);
      this.timer ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
    }
    return admission;
  }

  private newAdmission(scope: PlaceHolder['scope'], name: () => string, pool?: string): Admission {
    const holder = (): PlaceHolder => ({ pool: pool ?? this.name, scope, name: name() });
    return new Admission({
      ask: (count, isForced, limit) => this.link.ask(holder(), limit, count, isForced),
      giveBack: (count, isAnswer) => this.link.giveBack(holder(), count, isAnswer),
    });
  }

  private sweep(): void {
    for (const all of [this.addresses, this.users]) {
      for (const [name, admission] of all) if (admission.isIdle) forgetOne(all, name, admission);
    }
    if (this.timer === null || this.addresses.size + this.users.size > 0) return;
    clearInterval(this.timer);
    this.timer = null;
  }
}

function forget(all: Map<string, Admission>): void {
  for (const [name, admission] of all) forgetOne(all, name, admission);
}

/** Who is in may stay as long as it likes; what was leased goes back. */
function forgetOne(all: Map<string, Admission>, name: string, admission: Admission): void {
  all.delete(name);
  admission.setLimit(0);
}
