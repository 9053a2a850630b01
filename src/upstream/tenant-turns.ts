import { Fifo } from '../memory/fifo.ts';
import type { Request } from '../request/request.ts';
import type { RequestBytes, RequestOut } from '../request/request-bytes.ts';
import type { ReadyLine } from '../socket/ready-lines.ts';
import { TenantLane } from './tenant-lane.ts';

/** What was sent and is not answered may cost so much; then the rest waits here. */
const WINDOW_BYTES = 128 * 1024;
/** What each tenant that waits may send until the others have had as much. */
const QUANTUM_BYTES = 4 * 1024;
/** Who has sent nothing for so long has no part of the connection any more. */
const UNUSED_MS = 10_000;
const SWEEP_EVERY_MS = 1000;

/**
 * What goes next on a server connection that several tenants share: the server does one request after the other, so whatever was
 * sent stands before what anybody else asks. Little is sent ahead, and the rest waits in its tenant's lane, from which
 * it goes by deficit round robin (M. Shreedhar, G. Varghese, "Efficient Fair Queuing using Deficit Round Robin", SIGCOMM 1995) over
 * bytes of requests and replies:
 *
 *   take ─▶ the only tenant, or the window is open, or its tenant has not its part of it ─▶ goes at once
 *     └───▶ its tenant's lane ─▶ next: when replies have come, the lane's turn ─▶ goes
 *
 * Who asks little never waits here: at the server it stands behind two windows at most, whatever the others ask. What it is sent so
 * is no turn of its lane, and not held against it should it have to wait one day.
 * A lane keeps the order of its requests, and what must not be parted (`Request.isFollowed`) goes in one piece.
 */
export class TenantTurns {
  /** Requests that wait. */
  waiting = 0;
  /** What was sent and is not answered costs so much. */
  private sentBytes = 0;
  /** What was ever sent costs so much. */
  private allBytes = 0;
  private readonly lanes = new Map<ReadyLine, TenantLane>();
  /** Those in which something waits, in turn. */
  private readonly turns = new Fifo<TenantLane>();
  /** What was sent last is to be followed by the next of its client. */
  private isFollowed = false;
  private sweptAtMs = 0;

  /** What the bytes of those that wait hold. */
  get heldBytes(): number {
    let bytes = 0;
    for (let i = 0; i < this.turns.length; i++) bytes += this.turns.at(i).bytes.heldBytes;
    return bytes;
  }

  /** False: it goes at once. Else it waits for its turn, its bytes kept. */
  take(line: ReadyLine, request: Request, bytes: RequestBytes): boolean {
    const lane = this.laneOf(line, request.startedAtMs);
    if (this.mayGo(lane)) {
      this.send(lane, request);
      return false;
    }
    this.waiting++;
    lane.bytes.push(bytes);
    lane.waiting.push(request);
    if (lane.waiting.length === 1) {
      this.turns.push(lane);
      lane.joins(this.allBytes, this.turns.length);
    }
    return true;
  }

  /** Whose first is to be sent now; null: nobody's, or not yet. */
  next(): TenantLane | null {
    const { turns } = this;
    for (let lane = turns.peek(); lane !== undefined; lane = turns.peek()) {
      if (!this.isFollowed) {
        if (this.sentBytes >= WINDOW_BYTES) return null;
        if (lane.creditBytes <= 0) {
          // Nobody else waits.
          if (turns.length === 1) lane.creditBytes = QUANTUM_BYTES;
          else {
            lane.creditBytes += QUANTUM_BYTES;
            turns.shift();
            turns.push(lane);
            continue;
          }
        }
      }
      return lane;
    }
    return null;
  }

  /** Sends the first of the one that is `next` to `out`. */
  sendFirst(lane: TenantLane, out: RequestOut): void {
    const request = lane.waiting.shift() as Request;
    this.waiting--;
    this.send(lane, request);
    // Only here: who was sent something while nothing of it waited had room at the server.
    lane.creditBytes -= request.costBytes;
    if (lane.waiting.length === 0) {
      this.turns.shift();
      lane.leaves(this.allBytes);
    }
    lane.bytes.shift(request.sizeBytes, out);
  }

  /** So many bytes of a reply to one of its requests came. */
  replied(lane: TenantLane, costBytes: number): void {
    this.sentBytes -= costBytes;
    lane.sentBytes -= costBytes;
  }

  /** All that wait, those of a tenant in their order. */
  *each(): Iterable<Request> {
    for (let i = 0; i < this.turns.length; i++) {
      const { waiting } = this.turns.at(i);
      for (let at = 0; at < waiting.length; at++) yield waiting.at(at);
    }
  }

  /** The last that waits of each tenant. */
  lasts(): Request[] {
    const lasts: Request[] = [];
    for (let i = 0; i < this.turns.length; i++) {
      const { waiting } = this.turns.at(i);
      lasts.push(waiting.at(waiting.length - 1));
    }
    return lasts;
  }

  /** Takes out those that have waited since `sinceMs` or longer. */
  takeOverdue(sinceMs: number): readonly Request[] {
    const overdue: Request[] = [];
    for (let left = this.turns.length; left > 0; left--) {
      const lane = this.turns.shift() as TenantLane;
      while (isDue(lane.waiting.peek(), sinceMs)) overdue.push(this.drop(lane));
      if (lane.waiting.length > 0) this.turns.push(lane);
      else lane.leaves(this.allBytes);
    }
    return overdue;
  }

  /** Takes out all that wait; what was sent will not be answered. */
  takeAll(): readonly Request[] {
    const all = this.takeOverdue(Number.POSITIVE_INFINITY);
    this.lanes.clear();
    this.sentBytes = 0;
    this.isFollowed = false;
    return all;
  }

  private mayGo(lane: TenantLane): boolean {
    if (this.isFollowed) return true;
    if (lane.waiting.length > 0) return false;
    return this.sentBytes < WINDOW_BYTES || lane.sentBytes < WINDOW_BYTES / this.lanes.size || this.lanes.size === 1;
  }

  private send(lane: TenantLane, request: Request): void {
    this.isFollowed = request.isFollowed;
    lane.sends(request);
    this.sentBytes += request.costBytes;
    this.allBytes += request.costBytes;
  }

  private drop(lane: TenantLane): Request {
    const request = lane.waiting.shift() as Request;
    this.waiting--;
    lane.bytes.shift(request.sizeBytes, null);
    return request;
  }

  private laneOf(line: ReadyLine, nowMs: number): TenantLane {
    if (nowMs - this.sweptAtMs >= SWEEP_EVERY_MS) this.sweep(nowMs);
    let lane = this.lanes.get(line);
    if (lane === undefined) {
      lane = new TenantLane(this);
      this.lanes.set(line, lane);
    }
    lane.usedAtMs = nowMs;
    return lane;
  }

  private sweep(nowMs: number): void {
    this.sweptAtMs = nowMs;
    for (const [line, lane] of this.lanes) {
      if (lane.isIdle && (line.sockets === 0 || nowMs - lane.usedAtMs >= UNUSED_MS)) this.lanes.delete(line);
    }
  }
}

function isDue(waiting: Request | undefined, sinceMs: number): boolean {
  return waiting !== undefined && waiting.startedAtMs <= sinceMs;
}
