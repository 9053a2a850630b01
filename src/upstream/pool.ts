import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { PoolStats } from '../core/statistics.ts';
import type { Turn } from '../core/turn.ts';
import { KeyRing, type KeyRingOptions } from '../ring/key-ring.ts';
import { Backend, type BackendHost, type BackendOptions } from './backend.ts';

export interface PoolOptions {
  readonly name: string;
  readonly ring: Omit<KeyRingOptions, 'servers'>;
  readonly backends: readonly (BackendOptions & { readonly weight: number })[];
}

/** The servers behind one listen address, and the ring that spreads keys over those that are not ejected. */
export class Pool implements BackendHost {
  readonly name: string;
  readonly backends: readonly Backend[];
  readonly stats = new PoolStats();
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  private readonly ring: KeyRing;
  private readonly stopTicking: () => void;
  private nextAny = 0;

  constructor(options: PoolOptions, worker: { readonly clock: Clock; readonly turn: Turn; readonly log: Log }) {
    this.name = options.name;
    this.clock = worker.clock;
    this.turn = worker.turn;
    this.log = worker.log;
    this.ring = new KeyRing({
      ...options.ring,
      servers: options.backends.map(({ name, weight }) => ({ name, weight })),
    });
    this.backends = options.backends.map(backend => new Backend(backend, this));
    this.stopTicking = worker.clock.onTick(() => {
      for (const backend of this.backends) backend.checkDeadlines(this.clock.nowMs);
    });
  }

  /** Index of the backend for the key `buf[start, end)`, or -1 when all are ejected. */
  pick(buf: Buffer, start: number, end: number): number {
    return this.ring.pick(buf, start, end);
  }

  /** Index of a backend for a request without a key: they take turns. -1 when all are ejected. */
  pickAny(): number {
    const { backends } = this;
    for (let i = 0; i < backends.length; i++) {
      const index = this.nextAny++ % backends.length;
      if (!(backends[index] as Backend).isEjected) return index;
    }
    return -1;
  }

  onEjectionChange(): void {
    this.ring.setLive(this.backends.map(backend => !backend.isEjected));
    this.stats.serverEjects = this.backends.reduce((sum, backend) => sum + backend.ejections, 0);
  }

  preconnect(): void {
    for (const backend of this.backends) backend.preconnect();
  }

  /** Fails what is inflight and closes all server connections. */
  close(): void {
    this.stopTicking();
    for (const backend of this.backends) backend.close();
  }
}
