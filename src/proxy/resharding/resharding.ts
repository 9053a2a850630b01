import type { TurnTask } from '../../loop/turn.ts';
import type { MemoryHolder } from '../../memory/memory-ceiling.ts';
import { ACCESS_WRITE } from '../../placement/placement.ts';
import type { BringWords } from '../../protocol/bringing.ts';
import type { Protocol, RequestReading } from '../../protocol/protocol.ts';
import { ROUTE_KEY, ROUTE_PRIVATE, ROUTE_SAME_SERVER, ROUTE_SERVER, ROUTE_SPLIT } from '../../protocol/routes.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { ReshardOptions } from '../../upstream/pool-plan.ts';
import { ServerFence } from '../../upstream/server-fence.ts';
import type { PrivateLane, RequestOrigin } from '../request-origin.ts';
import { type DeferredRequest, FAILED, PARKED, READY, WAITING } from './deferred-request.ts';
import { FailureCounts } from './failure-counts.ts';
import { HoldBarrier } from './hold-barrier.ts';
import { KeyBringing } from './key-bringing.ts';
import { type LineKeeper, RequestLine } from './request-line.ts';
import type { ReshardLimits } from './reshard-limits.ts';

/** What becomes of requests that waited; the router. */
export interface ReshardRouter {
  dispatchNow(origin: RequestOrigin, reading: RequestReading, bytes: RequestBytes): void;
  refuseMoving(origin: RequestOrigin, reading: RequestReading): void;
  /** It has a name that nobody may use for now. */
  refuseReserved(origin: RequestOrigin, reading: RequestReading): void;
  /** Nothing waits any more, and nothing has to. */
  reshardOver(resharding: Resharding): void;
}

/**
 * Requests of a pool between two rings. Those whose keys stay where they are pass by; the others, and what their clients ask
 * after them, wait in a line for each client: while the pool holds, until it does no more; then until their keys are brought.
 */
export class Resharding implements LineKeeper, MemoryHolder, TurnTask {
  readonly bringing: KeyBringing;
  private readonly pool: Pool;
  private readonly router: ReshardRouter;
  private limits: ReshardLimits;
  private readonly lines = new Set<RequestLine>();
  private readonly dueLines = new Set<RequestLine>();
  private isDue = false;
  private heldBytes = 0;
  /** By what it works. */
  private current: ReshardOptions | null = null;
  /** What was sent before the pool held; null: it did not. */
  private barrier: HoldBarrier | null = null;
  private readonly words: BringWords;
  private readonly stopTicking: () => void;

  constructor(pool: Pool, protocol: Protocol, router: ReshardRouter, limits: ReshardLimits) {
    const { bringing } = protocol;
    if (bringing === null) throw new Error(`keys of ${protocol.name} servers can't be moved`);
    this.pool = pool;
    this.router = router;
    this.limits = limits;
    this.words = bringing;
    this.bringing = new KeyBringing(pool, bringing, limits);
    this.stopTicking = pool.clock.onTick(nowMs => this.checkDeadlines(nowMs));
  }

  get nowMs(): number {
    return this.pool.clock.nowMs;
  }

  get memoryBytes(): number {
    return this.bringing.memoryBytes;
  }

  configure(limits: ReshardLimits): void {
    this.limits = limits;
    this.bringing.limits = limits;
  }

  /** The pool has other placements, or one only, or holds, or does not any more. */
  poolChanged(): void {
    const { reshard } = this.pool;
    if (reshard === this.current) return;
    this.current = reshard;
    this.barrier?.giveUp('something else came after it');
    this.barrier = null;
    this.bringing.reset();
    // What a barrier has seen is good for the phase after it.
    if (reshard?.phase !== 'both') this.bringing.sources.clear();
    for (const line of this.lines) line.prepareAgain();
    this.endIfIdle();
  }

  /** The pool is to hold soon: resolves when nothing has to be opened any more then; rejects when a server can't be asked. */
  ready(): Promise<void> {
    const { pool, words, limits } = this;
    new FailureCounts(pool.backends, words, this.bringing.sources);
    const asked = pool.backends.map(
      backend =>
        new Promise<void>((resolve, reject) => {
          const heard = (isQuiet: boolean, why: string | null) =>
            isQuiet || why === null ? resolve() : reject(new Error(`${backend.name}: ${why}`));
          new ServerFence(backend, words, limits.stepTimeoutMs, heard);
        }),
    );
    return Promise.all(asked).then(() => {});
  }

  /**
   * The pool holds: resolves when all that was sent before is done. `lanes`: what clients do on connections of their own;
   * rejects when it takes too long, or the pool does not hold any more.
   */
  held(lanes: readonly PrivateLane[]): Promise<void> {
    // Asked again, it waits for the same.
    this.barrier ??= new HoldBarrier(
      this.pool,
      this.words,
      this.bringing.sources,
      lanes,
      request => this.hasMoving(request),
      this.limits.patienceMs,
    );
    return this.barrier.passed;
  }

  /** The request just parsed has to wait. False: it does not. */
  take(origin: RequestOrigin, reading: RequestReading, bytes: RequestBytes): boolean {
    let { line } = origin;
    if (line === null) {
      if (this.isFree(origin, reading, bytes)) return false;
      if (this.heldBytes >= this.limits.waitingBytes) {
        this.router.refuseMoving(origin, reading);
        return true;
      }
      line = this.newLine(origin);
    }
    line.add(reading, bytes);
    this.pool.stats.reshardParked++;
    return true;
  }

  /** A request that was taken out of a server's hands waits, and is the client's only one. */
  wait(origin: RequestOrigin, request: DeferredRequest): void {
    this.newLine(origin).push(request);
    this.pool.stats.reshardParked++;
  }

  private newLine(origin: RequestOrigin): RequestLine {
    const line = new RequestLine(origin, this);
    this.lines.add(line);
    origin.line = line;
    return line;
  }

  /** All keys of the request are where it goes. */
  isFree(origin: RequestOrigin, reading: RequestReading, { keyBuf }: RequestBytes): boolean {
    const { reshard } = this.pool;
    const { privateLane } = origin;
    if (reshard === null || reshard.phase === 'old' || !isAboutKeys(reading) || privateLane?.isGoingThrough)
      return true;
    // What goes over connections that all share is waited for no more.
    const isHolding = reshard.phase === 'hold';
    if (isHolding && reading.route === ROUTE_PRIVATE && this.barrier?.isExempt(privateLane)) return true;
    const { keyCount, keyStarts, keyEnds } = reading;
    const two = this.pool.twoPlacements;
    for (let i = 0; i < keyCount; i++) {
      const [start, end] = [keyStarts[i] as number, keyEnds[i] as number];
      if (this.words.isOwnName(keyBuf, start, end)) return false;
      if (!two.moves(keyBuf, start, end, ACCESS_WRITE)) continue;
      if (isHolding || !this.isThere(reading, keyBuf, start, end, origin.variant)) return false;
    }
    return true;
  }

  private isThere({ variants }: RequestReading, keyBuf: Buffer, start: number, end: number, variant: number): boolean {
    const { bringing } = this;
    if (variants === null) return bringing.isThere(keyBuf, start, end, variant);
    return variants.every(each => bringing.isThere(keyBuf, start, end, each));
  }

  prepare(line: RequestLine, request: DeferredRequest, isAgain: boolean): void {
    const { reshard } = this.pool;
    request.pending = 0;
    // The servers may stand in another order by now.
    request.state = isAgain && request.route === ROUTE_SERVER ? FAILED : READY;
    if (reshard === null || reshard.phase === 'old' || !isAboutKeys(request)) return;
    if (this.hasOwnName(request)) {
      request.isReserved = true;
      request.state = FAILED;
      return;
    }
    if (reshard.phase === 'hold') {
      if (this.hasMoving(request)) request.state = PARKED;
      return;
    }
    const waits = this.bringing.bring(line, request);
    if (waits < 0) request.state = FAILED;
    else if (waits > 0) {
      request.state = WAITING;
      request.pending = waits;
    }
  }

  dispatch(origin: RequestOrigin, request: DeferredRequest): void {
    this.router.dispatchNow(origin, request, request.bytes);
  }

  refuse(origin: RequestOrigin, request: DeferredRequest): void {
    if (request.isReserved) this.router.refuseReserved(origin, request);
    else this.router.refuseMoving(origin, request);
  }

  due(line: RequestLine): void {
    this.dueLines.add(line);
    if (this.isDue) return;
    this.isDue = true;
    this.pool.turn.defer(this);
  }

  endTurn(): void {
    this.isDue = false;
    for (const line of this.dueLines) {
      this.dueLines.delete(line);
      line.advance();
    }
  }

  keeps(bytes: number): void {
    this.heldBytes += bytes;
  }

  ended(line: RequestLine): void {
    this.lines.delete(line);
    this.dueLines.delete(line);
    this.endIfIdle();
  }

  describe(): Readonly<Record<string, unknown>> {
    return { pool: this.pool.name, what: 'keys that were brought to their new server' };
  }

  shed(): void {
    this.bringing.reset();
    this.pool.stats.memorySheds++;
    for (const line of this.lines) line.prepareAgain();
  }

  /** Of a request whose keys are kept. */
  private hasMoving({ keyBuf, keyStarts, keyEnds, keyCount }: RequestReading): boolean {
    const two = this.pool.twoPlacements;
    for (let i = 0; i < keyCount; i++) {
      if (two.moves(keyBuf as Buffer, keyStarts[i] as number, keyEnds[i] as number, ACCESS_WRITE)) return true;
    }
    return false;
  }

  private hasOwnName({ keyBuf, keyStarts, keyEnds, keyCount }: RequestReading): boolean {
    for (let i = 0; i < keyCount; i++) {
      if (this.words.isOwnName(keyBuf as Buffer, keyStarts[i] as number, keyEnds[i] as number)) return true;
    }
    return false;
  }

  private checkDeadlines(nowMs: number): void {
    const { stats } = this.pool;
    stats.reshardWaiting = this.lines.size;
    stats.reshardKnownKeys = this.bringing.knownKeys;
    for (const line of this.lines) line.failOverdue(nowMs - this.limits.patienceMs);
  }

  private endIfIdle(): void {
    if (this.pool.reshard !== null || this.lines.size > 0) return;
    this.stopTicking();
    this.pool.stats.reshardWaiting = 0;
    this.pool.stats.reshardKnownKeys = 0;
    this.router.reshardOver(this);
  }
}

/** What is asked of servers by keys; all else asks every server, or none. */
function isAboutKeys({ route, keyCount }: RequestReading): boolean {
  if (keyCount === 0) return false;
  return route === ROUTE_KEY || route === ROUTE_SAME_SERVER || route === ROUTE_SPLIT || route === ROUTE_PRIVATE;
}
