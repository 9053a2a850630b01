import type { BringWords } from '../../protocol/bringing.ts';
import type { RequestReading } from '../../protocol/protocol.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import { ServerFence } from '../../upstream/server-fence.ts';
import type { PrivateLane } from '../request-origin.ts';
import { FailureCounts } from './failure-counts.ts';
import { RingSession } from './ring-session.ts';
import type { SourceMemories } from './source-memories.ts';

/** How often it is looked at what is not answered yet. */
const LOOK_MS = 1;
/** A reply may lead to one more request (a script that the server lacks), which is sent when it comes. */
const ROUNDS = 2;
/** Transactions that are open have so long to end; but not more than half of the time for all. */
const GRACE_MAX_MS = 250;

/**
 * Waits until all that was sent before on a pool's behalf is done:
 *
 *   shared connections: all that is in their queues is answered ─▶ once more ─▶ clients' own: given back, or cut where a transaction
 *   stays open ─▶ subscriptions are heard at the new servers, too ─▶ what was on connections that were lost: servers have none of them any more
 */
export class HoldBarrier {
  private readonly pool: Pool;
  private readonly words: BringWords;
  private readonly deadlineMs: number;
  private readonly graceMs: number;
  private readonly moves: (request: RequestReading) => boolean;
  private lanes: readonly RingSession[];
  private readonly counts: FailureCounts;
  private fences: ServerFence[] = [];
  private timer: NodeJS.Timeout | null = null;
  private readonly settled = Promise.withResolvers<void>();
  private isOver = false;

  /** `lanes`: those that clients have now. `moves`: whether keys of a request do, which are in its `keyBuf`. */
  constructor(
    pool: Pool,
    words: BringWords,
    sources: SourceMemories,
    lanes: readonly PrivateLane[],
    moves: (request: RequestReading) => boolean,
    patienceMs: number,
  ) {
    this.pool = pool;
    this.moves = moves;
    this.words = words;
    this.lanes = lanes.filter(lane => lane instanceof RingSession).filter(lane => lane.isAtServer(moves));
    const nowMs = pool.clock.refresh();
    this.deadlineMs = nowMs + patienceMs;
    this.graceMs = nowMs + Math.min(GRACE_MAX_MS, patienceMs / 2);
    // Behind all that was asked before, so that they are answered when that is.
    this.counts = new FailureCounts(pool.backends, words, sources);
    for (const lane of this.lanes) lane.moveOn();
    this.waitForReplies(ROUNDS);
  }

  /** Resolves when it is passed; rejects when it is not in time, or is given up. */
  get passed(): Promise<void> {
    return this.settled.promise;
  }

  /** These were in the middle of something when it began, and may go on with it. */
  isExempt(lane: PrivateLane | null): boolean {
    return lane instanceof RingSession && !this.isOver && this.lanes.includes(lane);
  }

  giveUp(why: string): void {
    if (this.isOver) return;
    this.isOver = true;
    if (this.timer !== null) clearTimeout(this.timer);
    for (const fence of this.fences) fence.cancel();
    this.settled.reject(new Error(why));
  }

  private waitForReplies(rounds: number): void {
    const barriers = [...this.pool.eachBackend()].map(({ connections }) => connections.barrier());
    this.until(
      () => barriers.every(isPast => isPast()),
      'servers have not answered what was asked before',
      () => (rounds > 1 ? this.waitForReplies(rounds - 1) : this.waitForLanes()),
    );
  }

  private waitForLanes(): void {
    const isEnded = (nowMs: number) => {
      this.lanes = this.lanes.filter(lane => lane.isAtServer(this.moves));
      for (const lane of this.lanes) lane.cut(nowMs >= this.graceMs);
      return this.lanes.length === 0;
    };
    this.until(isEnded, 'clients have not ended what they do on connections of their own', () => this.listen());
  }

  /** Publications go to other servers once nobody holds any more: all are subscribed there by then. */
  private listen(): void {
    this.until(
      () => this.pool.isHeard,
      'servers have not answered to subscriptions',
      () => this.fence(),
    );
  }

  private fence(): void {
    const { pool } = this;
    const { backends } = pool;
    let open = backends.length;
    const withinMs = this.deadlineMs - pool.clock.refresh();
    const heard = (backend: Backend) => (isQuiet: boolean, why: string | null) => {
      open--;
      if (!isQuiet) this.giveUp(`${backend.name}: ${why ?? 'it may have something left to do of lost connections'}`);
      else if (open === 0 && !this.isOver) {
        this.isOver = true;
        this.counts.keep();
        // What a polled socket's callback resolves waits for node's next callback, which may be the clock's: clients wait for it.
        setImmediate(() => this.settled.resolve());
      }
    };
    for (const backend of backends) this.fences.push(new ServerFence(backend, this.words, withinMs, heard(backend)));
  }

  /** Goes on with `then` once `isDone`. */
  private until(isDone: (nowMs: number) => boolean, why: string, then: () => void): void {
    const look = () => {
      this.timer = null;
      const nowMs = this.pool.clock.refresh();
      if (isDone(nowMs)) then();
      else if (nowMs >= this.deadlineMs) this.giveUp(why);
      // All that has come by then was read.
      else this.timer = setTimeout(() => setImmediate(() => this.isOver || look()), LOOK_MS);
    };
    look();
  }
}
