import { hiddenKey, keyLabel, labelText } from '../../figures/key-label.ts';
import { type LargeItem, Largest } from '../../figures/largest.ts';
import { Recent } from '../../figures/recent.ts';
import { SpaceSaving } from '../../figures/space-saving.ts';
import type { PoolStats } from '../../figures/statistics.ts';
import type { HeavyList, TrafficInsight } from '../../figures/traffic-insight.ts';
import type { Clock } from '../../loop/clock.ts';
import type { RequestReading } from '../../protocol/protocol.ts';
import { FLAG_WRITES } from '../../protocol/routes.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';

export interface TrafficWatchOptions {
  /** One request in so many is looked at; 0: none. */
  readonly sampleOneIn: number;
  /** Keys are told as hashes. */
  readonly hidesKeys: boolean;
}

/** A client, and what it did since it came. */
export interface WatchedClient {
  /** Its address, and its name if it has one. */
  readonly clientLabel: string;
  askedRequests: number;
  trafficBytes: number;
  /** So much of it had been done when it was last looked at. */
  seenRequests: number;
  seenBytes: number;
}

const HEAVY_CAPACITY = 512;
const HEAVY_PERIOD_MS = 60_000;
const LARGE_CAPACITY = 32;
const LARGE_PERIOD_MS = 10 * 60_000;
/** Smaller values are nothing to look at. */
const LARGE_MIN_BYTES = 4096;
/** Of one request so many keys are counted. */
const SAMPLED_KEYS_MAX = 64;
/** What a worker tells of each kind: enough for the heaviest of all workers together. */
const TOLD = 100;
const NEVER = 2 ** 30;

/**
 * Looks at what passes through a pool: which keys, which clients, what is large.
 *
 *   every request        a countdown, and three comparisons with the least that is large enough to be told
 *   one in `sampleOneIn` its keys and its client, with what that did since it was last looked at
 *
 * The countdown begins at a random number each time, so that it does not fall into step with clients that ask in turns.
 */
export class TrafficWatch {
  private countdown = NEVER;
  private sampleOneIn = 0;
  private hidesKeys = false;
  /** What is not above these is not large enough to be told. */
  private leastRead = NEVER;
  private leastWrite = NEVER;
  private leastWide = NEVER;
  private readonly clock: Clock;
  private readonly hotKeys: Recent<SpaceSaving>;
  private readonly clientRequests: Recent<SpaceSaving>;
  private readonly clientBytes: Recent<SpaceSaving>;
  private readonly reads: Recent<Largest>;
  private readonly writes: Recent<Largest>;
  private readonly wide: Recent<Largest>;

  constructor(clock: Clock) {
    this.clock = clock;
    const heavy = () => new Recent(() => new SpaceSaving(HEAVY_CAPACITY), HEAVY_PERIOD_MS, clock.nowMs);
    const large = (floor: number) => new Recent(() => new Largest(LARGE_CAPACITY, floor), LARGE_PERIOD_MS, clock.nowMs);
    this.hotKeys = heavy();
    this.clientRequests = heavy();
    this.clientBytes = heavy();
    this.reads = large(LARGE_MIN_BYTES);
    this.writes = large(LARGE_MIN_BYTES);
    this.wide = large(1);
  }

  get isOn(): boolean {
    return this.sampleOneIn > 0;
  }

  configure({ sampleOneIn, hidesKeys }: TrafficWatchOptions): void {
    this.hidesKeys = hidesKeys;
    if (sampleOneIn === this.sampleOneIn) return;
    this.sampleOneIn = sampleOneIn;
    this.setLeast();
    for (const recent of [this.hotKeys, this.clientRequests, this.clientBytes]) recent.clear(this.clock.nowMs);
    this.countDown();
  }

  /** A request of `requestBytes`, with so many keys, that the parser has just read. */
  onRequest(
    client: WatchedClient,
    parser: RequestReading,
    bytes: RequestBytes,
    requestBytes: number,
    keyCount: number,
  ): void {
    client.askedRequests++;
    client.trafficBytes += requestBytes;
    if (--this.countdown <= 0) this.sample(client, parser, bytes, keyCount);
    if (keyCount > this.leastWide) this.largest(this.wide, parser, bytes, keyCount);
    if (requestBytes <= this.leastWrite || keyCount !== 1 || (parser.flags & FLAG_WRITES) === 0) return;
    this.largest(this.writes, parser, bytes, requestBytes);
  }

  /** A reply that is large enough to be looked at, by its size. */
  isLargeReply(replyBytes: number): boolean {
    return replyBytes > this.leastRead;
  }

  /** `key`: of a request with one, or its beginning. */
  onLargeReply(key: Buffer, command: string, replyBytes: number): void {
    this.reads.at(this.clock.nowMs).add(keyLabel(key, 0, key.length), replyBytes, command);
    this.setLeast();
  }

  /** Which part of what was looked at is one key's, and one client's, as far as two numbers tell it. */
  countInto(stats: PoolStats): void {
    const { nowMs } = this.clock;
    const keys = fuller(this.hotKeys, nowMs);
    stats.sampledKeys = keys.total;
    stats.hottestKeySamples = keys.largest;
    const clients = fuller(this.clientRequests, nowMs);
    stats.watchedRequests = clients.total;
    stats.busiestClientRequests = clients.largest;
  }

  insight(pool: string): TrafficInsight {
    const { nowMs } = this.clock;
    const { sampleOneIn, hidesKeys } = this;
    const shown = hidesKeys ? hiddenKey : labelText;
    const heavy = (recent: Recent<SpaceSaving>, weight: number, name: (item: string) => string): HeavyList => {
      const current = recent.at(nowMs);
      const both = new SpaceSaving(2 * HEAVY_CAPACITY);
      for (const sketch of [recent.previous, current]) {
        for (const { item, count, error } of sketch.heaviest(HEAVY_CAPACITY)) both.add(item, count, error);
      }
      const items = both.heaviest(TOLD).map(({ item, count, error }) => {
        return { item: name(item), count: count * weight, error: error * weight };
      });
      return { total: (recent.previous.total + current.total) * weight, items };
    };
    const large = (recent: Recent<Largest>): LargeItem[] => {
      const current = recent.at(nowMs);
      const both = new Largest(LARGE_CAPACITY, 0);
      for (const { item, size, command } of [...recent.previous.list(), ...current.list()])
        both.add(item, size, command);
      return both.list().map(({ item, size, command }) => ({ item: shown(item), size, command }));
    };
    return {
      pool,
      coveredMs: this.hotKeys.coveredMs(nowMs),
      sampledOneIn: sampleOneIn,
      hotKeys: heavy(this.hotKeys, sampleOneIn, shown),
      clientRequests: heavy(this.clientRequests, 1, item => item),
      clientBytes: heavy(this.clientBytes, 1, item => item),
      largestReads: large(this.reads),
      largestWrites: large(this.writes),
      widest: large(this.wide),
    };
  }

  private sample(client: WatchedClient, parser: RequestReading, { keyBuf }: RequestBytes, keyCount: number): void {
    this.countDown();
    if (!this.isOn) return;
    const { nowMs } = this.clock;
    // Those that are too old make room for others, though they were larger.
    for (const recent of [this.reads, this.writes, this.wide]) recent.at(nowMs);
    this.setLeast();
    const { keyStarts, keyEnds } = parser;
    const keys = this.hotKeys.at(nowMs);
    const count = Math.min(keyCount, SAMPLED_KEYS_MAX);
    for (let i = 0; i < count; i++) keys.add(keyLabel(keyBuf, keyStarts[i] as number, keyEnds[i] as number), 1);
    const { clientLabel, askedRequests, trafficBytes } = client;
    this.clientRequests.at(nowMs).add(clientLabel, askedRequests - client.seenRequests);
    this.clientBytes.at(nowMs).add(clientLabel, trafficBytes - client.seenBytes);
    client.seenRequests = askedRequests;
    client.seenBytes = trafficBytes;
  }

  private largest(recent: Recent<Largest>, parser: RequestReading, { keyBuf }: RequestBytes, size: number): void {
    const key = keyLabel(keyBuf, parser.keyStarts[0] as number, parser.keyEnds[0] as number);
    recent.at(this.clock.nowMs).add(key, size, parser.command);
    this.setLeast();
  }

  private setLeast(): void {
    const { isOn, reads, writes, wide } = this;
    this.leastRead = isOn ? reads.current.least : NEVER;
    this.leastWrite = isOn ? writes.current.least : NEVER;
    this.leastWide = isOn ? wide.current.least : NEVER;
  }

  private countDown(): void {
    const { sampleOneIn } = this;
    this.countdown = sampleOneIn === 0 ? NEVER : 1 + Math.floor(Math.random() * (2 * sampleOneIn - 1));
  }
}

/** What has begun a moment ago says little. */
function fuller(recent: Recent<SpaceSaving>, nowMs: number): SpaceSaving {
  const current = recent.at(nowMs);
  return current.total >= recent.previous.total ? current : recent.previous;
}
