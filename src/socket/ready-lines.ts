import { Fifo } from '../memory/fifo.ts';

/** A socket that is ready and waits for its turn. */
export interface LineTarget {
  /** What it is ready for, and was not told yet; the line's. */
  readyEvents: number;
  onReady(events: number): void;
}

/** The sockets of one tenant. */
export class ReadyLine {
  /** That stand in it, ready or not. */
  sockets = 0;
  readonly ready = new Fifo<LineTarget>();
  /** What it may use before it is the next one's turn; below 0: it has used more. */
  creditMs = 0;
  /** It has its place among those who have a turn; the lines'. */
  isListed = false;
}

/** What each line may use until the others have had as much. */
const QUANTUM_MS = 0.05;
/** Of a round: then the other sockets are looked at, servers and those who have become ready since. */
const ROUND_MS = 0.1;

/**
 * Which socket is read next, where clients of several tenants are ready: deficit round robin (M. Shreedhar, G. Varghese,
 * "Efficient Fair Queuing using Deficit Round Robin", SIGCOMM 1995) over their lines, by the time that reading and what comes of it
 * takes. So one tenant with many sockets, or much to ask on each, has the same part of a busy worker as one with little.
 *
 * Who asks little comes first: a line in which nobody has waited since its last turn (FQ-CoDel, RFC 8290, section 4.2).
 *
 *   ready ─▶ its tenant's line ─▶ fresh ─▶ its sockets, until its time is used up, or nobody is left
 *                                              └─▶ behind the others ─▶ its turn ─▶ … ─▶ the round is over
 */
export class ReadyLines {
  /** Of one tenant alone nobody has to wait. */
  private lines = 0;
  /** Sockets that are ready and were not told. */
  private waiting = 0;
  /** Those that come first. */
  private readonly fresh = new Fifo<ReadyLine>();
  /** The others in which somebody is ready, in turn, and those in which nobody is any more and which have yet to stand behind them. */
  private readonly turns = new Fifo<ReadyLine>();
  private readonly now: () => number;

  private isToServe = false;

  constructor(now = () => performance.now()) {
    this.now = now;
  }

  get areSeveral(): boolean {
    return this.lines > 1;
  }

  /** Somebody is ready, and was not told. */
  get isAny(): boolean {
    return this.waiting > 0;
  }

  /** A socket goes from one line to another; null: it stood, or is to stand, in none. */
  move(from: ReadyLine | null, to: ReadyLine | null): void {
    if (from !== null && --from.sockets === 0) this.lines--;
    if (to !== null && to.sockets++ === 0) this.lines++;
  }

  add(line: ReadyLine, target: LineTarget, events: number): void {
    const { readyEvents } = target;
    target.readyEvents = readyEvents | events;
    if (readyEvents !== 0) return;
    line.ready.push(target);
    this.waiting++;
    if (line.isListed) return;
    line.isListed = true;
    this.fresh.push(line);
  }

  /** Rounds, one in each turn of the event loop, until nobody waits: where there is no poller to serve them. */
  serveSoon(): void {
    if (this.isToServe) return;
    this.isToServe = true;
    setImmediate(() => {
      this.isToServe = false;
      this.serve(throwLater);
      if (this.isAny) this.serveSoon();
    });
  }

  /** One round. `onError` hears what a target throws. */
  serve(onError: (error: unknown) => void): void {
    const { fresh, turns } = this;
    let nowMs = this.now();
    const untilMs = nowMs + ROUND_MS;
    while (nowMs < untilMs && this.waiting > 0) {
      const from = fresh.length > 0 ? fresh : turns;
      const line = from.peek() as ReadyLine;
      if (fresh.length + turns.length === 1) line.creditMs = QUANTUM_MS;
      else if (line.creditMs <= 0) line.creditMs += QUANTUM_MS;
      while (line.creditMs > 0 && line.ready.length > 0 && nowMs < untilMs) {
        this.waiting--;
        tell(line.ready.shift() as LineTarget, onError);
        const thenMs = this.now();
        line.creditMs -= thenMs - nowMs;
        nowMs = thenMs;
      }
      if (line.ready.length > 0 && line.creditMs > 0) return;
      from.shift();
      if (line.ready.length > 0 || (from === fresh && turns.length > 0)) turns.push(line);
      else line.isListed = false;
      // Who has nothing to do saves nothing up; what was used too much is owed.
      if (line.ready.length === 0) line.creditMs = Math.min(0, line.creditMs);
    }
  }
}

function tell(target: LineTarget, onError: (error: unknown) => void): void {
  const { readyEvents } = target;
  target.readyEvents = 0;
  try {
    target.onReady(readyEvents);
  } catch (error) {
    onError(error);
  }
}

/** From where node takes it for an uncaught exception; the others who are ready must not suffer. */
export function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

/** Those of this process, as there is one poller. */
export const readyLines = new ReadyLines();
