import { keyText } from '../../figures/key-label.ts';
import type { SlowRequest } from '../../figures/slow-request.ts';
import type { PoolStats } from '../../figures/statistics.ts';
import type { Clock } from '../../loop/clock.ts';
import type { Request, RequestCommand } from '../../request/request.ts';
import type { Log } from '../../system/log.ts';
import type { KeyTrail } from './key-trail.ts';

export interface SlowRequestOptions {
  /** Requests that took so long or longer are slow; null: none is. */
  readonly thresholdMs: number | null;
  /** So many wait to be reported at most; more that come until then are only counted. */
  readonly capacity: number;
  readonly hidesKeys: boolean;
  /** Each is a line of the log, too. */
  readonly isLogged: boolean;
}

/** Whose request it was. */
export interface SlowClient {
  readonly address: string;
  readonly name: string;
}

/** Slow requests of one pool, from being answered to being reported. */
export class SlowRequests {
  /** In microseconds. */
  threshold = Number.POSITIVE_INFINITY;
  private options: SlowRequestOptions | null = null;
  private found: SlowRequest[] = [];
  private readonly stats: PoolStats;
  private readonly trail: KeyTrail;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly onFound: () => void;

  /** `onFound`: called with the first that waits to be reported. */
  constructor(stats: PoolStats, trail: KeyTrail, clock: Clock, log: Log, onFound: () => void) {
    this.stats = stats;
    this.trail = trail;
    this.clock = clock;
    this.log = log;
    this.onFound = onFound;
  }

  configure(options: SlowRequestOptions): void {
    this.options = options;
    this.threshold = options.thresholdMs === null ? Number.POSITIVE_INFINITY : options.thresholdMs * 1000;
  }

  /** `request` has been answered. One that is to wait at its server, as a blocking command is, is not slow. */
  add(pool: string, client: SlowClient, command: RequestCommand, request: Request, replyBytes: number): void {
    if (request.extraMs !== 0) return;
    const { options, found } = this;
    this.stats.slowRequests++;
    if (options === null || found.length >= options.capacity) return;
    const totalUs = (this.clock.nowUs - request.readAtUs) >>> 0;
    const slow: SlowRequest = {
      pool,
      atMs: Date.now(),
      client: client.address,
      clientName: client.name,
      command: command.name,
      key: options.hidesKeys ? null : this.keyOf(request, totalUs),
      server: request.server?.name ?? null,
      requestBytes: request.originBytes,
      replyBytes,
      queueUs: (request.sentAtUs - request.queuedAtUs) >>> 0,
      serverUs: (request.repliedAtUs - request.sentAtUs) >>> 0,
      totalUs,
      worker: 0,
    };
    if (options.isLogged) this.log.warn(logFields(slow), 'slow request');
    found.push(slow);
    if (found.length === 1) this.onFound();
  }

  /** Those found since it was last asked. */
  take(): SlowRequest[] {
    const { found } = this;
    this.found = [];
    return found;
  }

  private keyOf({ keyAt, keyBytes }: Request, ageUs: number): string | null {
    const key = keyBytes === 0 ? null : this.trail.find(keyAt, keyBytes, ageUs);
    return key === null ? null : keyText(key, 0, key.length);
  }
}

function logFields({ queueUs, serverUs, totalUs, atMs: _, worker: __, ...fields }: SlowRequest): object {
  return { ...fields, queueMs: queueUs / 1000, serverMs: serverUs / 1000, totalMs: totalUs / 1000 };
}
