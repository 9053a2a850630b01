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
 *   ready ─▶ its tenant's line ─▶ a line's turn: its sockets, until its time is used up ─▶ the next line ─▶ … ─▶ the round is over
 */
export class ReadyLines {
  /** Of one tenant alone nobody has to wait. */
  private lines = 0;
  /** Those in which somebody is ready, in turn. */
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
    return this.turns.length > 0;
  }

  enter(line: ReadyLine): void {
    if (line.sockets++ === 0) this.lines++;
  }

  leave(line: ReadyLine): void {
    if (--line.sockets === 0) this.lines--;
  }

  add(line: ReadyLine, target: LineTarget, events: number): void {
    const { readyEvents } = target;
    target.readyEvents = readyEvents | events;
    if (readyEvents !== 0) return;
    line.ready.push(target);
    if (line.ready.length === 1) this.turns.push(line);
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
    const untilMs = this.now() + ROUND_MS;
    let nowMs = this.now();
    while (nowMs < untilMs) {
      const line = this.turns.peek();
      if (line === undefined) return;
      if (this.turns.length === 1) line.creditMs = QUANTUM_MS;
      else if (line.creditMs <= 0) line.creditMs += QUANTUM_MS;
      while (line.creditMs > 0 && line.ready.length > 0 && nowMs < untilMs) {
        tell(line.ready.shift() as LineTarget, onError);
        const thenMs = this.now();
        line.creditMs -= thenMs - nowMs;
        nowMs = thenMs;
      }
      if (line.ready.length > 0 && line.creditMs > 0) return;
      this.turns.shift();
      if (line.ready.length > 0) this.turns.push(line);
      // Who has nothing to do saves nothing up; what was used too much is owed.
      else line.creditMs = Math.min(0, line.creditMs);
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
