import type { Clock } from '../../loop/clock.ts';
import type { TurnTask } from '../../loop/turn.ts';
import { ACCESS_WRITE } from '../../placement/placement.ts';
import type { BringWords } from '../../protocol/bringing.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import { ServerFence } from '../../upstream/server-fence.ts';
import { type BringOwner, KeysUnderWay } from './bring-task.ts';
import type { DeferredRequest } from './deferred-request.ts';
import { KnownKeys } from './known-keys.ts';
import type { RequestLine } from './request-line.ts';
import type { ReshardLimits } from './reshard-limits.ts';
import { SourceMemories } from './source-memories.ts';

/** After a failure between two servers nothing is tried between them for so long: each try may hold a server up. */
const PAUSE_MS = 500;
/** A server is waited for so long until it is quiet, in timeouts of a step. */
const FENCE_STEPS = 3;
/** What failed is logged no more often. */
const LOG_PAUSE_MS = 1000;

/**
 * Brings keys to where they belong by the second placement, each once, whoever asks for them. Those that are wanted within one
 * turn of the loop go together, server by server.
 *
 *   wanted ─▶ gathered until the turn ends ─▶ under way ─▶ there: known, and whoever waits goes on
 *                                                └─ failed: whoever waits fails
 */
export class KeyBringing implements BringOwner, TurnTask {
  private readonly pool: Pool;
  private readonly words: BringWords;
  private readonly clock: Clock;
  limits: ReshardLimits;
  private readonly known: KnownKeys;
  /** By id, what is gathered or under way. */
  private readonly table = new Map<string, KeysUnderWay>();
  private gathered: KeysUnderWay[] = [];
  readonly sources = new SourceMemories();
  private fenceWaiters: ((isQuiet: boolean) => void)[] = [];
  private isFencing = false;
  private isDue = false;
  /** Between which servers nothing is tried, and until when. */
  private readonly paused = new Map<string, number>();
  private saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(pool: Pool, words: BringWords, limits: ReshardLimits) {
    this.pool = pool;
    this.words = words;
    this.limits = limits;
    this.clock = pool.clock;
    this.known = new KnownKeys(limits.knownBytes);
  }

  get replyKind(): number {
    return this.words.replyKind;
  }

  get finishesTasks(): boolean {
    return this.words.isFinished;
  }

  get memoryBytes(): number {
    return this.known.memoryBytes;
  }

  get knownKeys(): number {
    return this.known.size;
  }

  /** Whoever asks while one is under way waits for another: what it asks for may have begun since. */
  fence(then: (isQuiet: boolean) => void): void {
    this.fenceWaiters.push(then);
    if (!this.isFencing) this.beginFence();
  }

  private beginFence(): void {
    const waiters = this.fenceWaiters;
    this.fenceWaiters = [];
    if (waiters.length === 0) return;
    this.isFencing = true;
    const places = new Set(this.pool.reshard?.to.places ?? []);
    const backends = this.pool.backends.filter((_, place) => places.has(place));
    let open = backends.length;
    let areQuiet = true;
    const heard = (isQuiet: boolean) => {
      areQuiet = areQuiet && isQuiet;
      if (--open > 0) return;
      for (const waiter of waiters) waiter(areQuiet);
      this.isFencing = false;
      this.beginFence();
    };
    const withinMs = FENCE_STEPS * this.limits.stepTimeoutMs;
    for (const backend of backends) new ServerFence(backend, this.words, withinMs, heard);
  }

  /** Other placements hold: what is known is forgotten, and what is under way is nobody's any more. */
  reset(): void {
    this.known.clear();
    for (const task of this.table.values()) task.cancel();
    this.table.clear();
    this.gathered = [];
    this.paused.clear();
  }

  /** Whether key `buf[start, end)`, of which `placements.moves` was just asked, is known to be there. */
  isThere(buf: Buffer, start: number, end: number, variant: number): boolean {
    return this.known.has(this.idOf(buf, start, end, variant));
  }

  /** Has the keys of a request brought that are not there; how many times `came` will say so, or -1: it can't be. */
  bring(line: RequestLine, request: DeferredRequest): number {
    const { keyBuf, keyStarts, keyEnds, keyCount } = request;
    const two = this.pool.twoPlacements;
    let waits = 0;
    for (let i = 0; i < keyCount; i++) {
      const [start, end] = [keyStarts[i] as number, keyEnds[i] as number];
      if (!two.moves(keyBuf, start, end, ACCESS_WRITE)) continue;
      const { fromPlace, toPlace } = two;
      for (const variant of request.variants ?? [request.variant]) {
        const id = this.idOf(keyBuf, start, end, variant);
        if (this.words.isFinal && this.known.has(id)) continue;
        if (fromPlace < 0 || toPlace < 0) return -1;
        let task = this.table.get(id);
        if (task === undefined) {
          const [from, to] = [this.pool.backends[fromPlace] as Backend, this.pool.backends[toPlace] as Backend];
          if (this.isPaused(from, to)) return -1;
          task = this.gather(from, to, this.words.variantOf(variant));
          task.keys.push(Buffer.from(keyBuf.subarray(start, end)));
          task.ids.push(id);
          this.table.set(id, task);
        }
        if (task.addWaiter(line, request)) waits++;
      }
    }
    if (waits > 0) this.pool.stats.reshardExtraTrips++;
    return waits;
  }

  endTurn(): void {
    this.isDue = false;
    const { gathered } = this;
    this.gathered = [];
    for (const task of gathered) this.words.bring(task);
  }

  onDone(task: KeysUnderWay): void {
    this.pool.stats.reshardBrought += task.keys.length;
    for (const id of task.ids) {
      if (!this.forget(task, id)) continue;
      if (this.words.isFinal) this.known.add(id);
    }
    task.came(true);
  }

  onApart(task: KeysUnderWay): void {
    const singles = task.ids.map((id, i) => {
      const single = new KeysUnderWay(this, task.from, task.to, task.variant, this.limits.stepTimeoutMs);
      single.keys.push(task.keys[i] as Buffer);
      single.ids.push(id);
      if (this.forget(task, id)) this.table.set(id, single);
      // Whoever waits for one of them waits for all: they were asked for at once.
      for (const { line, request } of task.waiters) {
        single.addWaiter(line, request);
        request.pending++;
      }
      return single;
    });
    task.came(true);
    for (const single of singles) this.words.bring(single);
  }

  onFailed(task: KeysUnderWay, words: string): void {
    const { from, to, ids } = task;
    this.pool.stats.reshardBringFailures += ids.length;
    this.paused.set(pairOf(from, to), this.clock.nowMs + PAUSE_MS);
    if (this.clock.nowMs - this.saidAtMs >= LOG_PAUSE_MS) {
      this.saidAtMs = this.clock.nowMs;
      const said = { pool: this.pool.name, from: from.name, to: to.name, words };
      this.pool.log.warn(said, 'keys could not be brought to their new server');
    }
    for (const id of ids) this.forget(task, id);
    task.came(false);
  }

  /** False: it is another's by now. */
  private forget(task: KeysUnderWay, id: string): boolean {
    return this.table.get(id) === task && this.table.delete(id);
  }

  private isPaused(from: Backend, to: Backend): boolean {
    const untilMs = this.paused.get(pairOf(from, to));
    return untilMs !== undefined && this.clock.nowMs < untilMs;
  }

  /** Where the next key of this kind goes, for this turn. */
  private gather(from: Backend, to: Backend, variant: number): KeysUnderWay {
    const { gathered } = this;
    for (let i = gathered.length - 1; i >= 0; i--) {
      const task = gathered[i] as KeysUnderWay;
      const isSame = task.from === from && task.to === to && task.variant === variant;
      if (isSame && task.keys.length < this.words.maxKeys) return task;
      if (isSame) break;
    }
    const task = new KeysUnderWay(this, from, to, variant, this.limits.stepTimeoutMs);
    gathered.push(task);
    if (!this.isDue) {
      this.isDue = true;
      this.pool.turn.defer(this);
    }
    return task;
  }

  private idOf(buf: Buffer, start: number, end: number, variant: number): string {
    return String.fromCharCode(this.words.variantOf(variant)) + buf.toString('latin1', start, end);
  }
}

function pairOf(from: Backend, to: Backend): string {
  return `${from.place} ${to.place}`;
}
