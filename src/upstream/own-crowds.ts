import type { TopicKind } from '../protocol/topics.ts';
import type { Crowd, TellCrowds } from './crowd.ts';

/** So many are told of at once; the rest when that is known. A name may be long, but all of them are bounded by the settings. */
const TOLD_AT_ONCE = 1000;

interface Change {
  readonly kind: TopicKind;
  readonly name: string;
  readonly beyond: number;
}

/**
 * The crowds of this worker, as far as the others know of them. One message is under way at a time: what changes meanwhile goes
 * with the next, however often it does.
 *
 *   changed ─▶ pending ─ end of the turn ─▶ under way ─ all know ─▶ told
 */
export class OwnCrowds {
  private readonly tell: TellCrowds;
  /** What was sent last of each; those that are not in here have none. */
  private readonly told = new Map<string, Change>();
  private readonly pending = new Map<string, Change>();
  private isUnderWay = false;
  private isDue = false;
  /** Who waits for what is pending, and for what is under way. */
  private waiting: (() => void)[] = [];
  private served: (() => void)[] = [];

  constructor(tell: TellCrowds) {
    this.tell = tell;
  }

  /** A topic has so many subscribers beyond one now; true: the others have yet to hear of it. */
  changed(kind: TopicKind, name: string, beyond: number): boolean {
    const key = `${kind}${name}`;
    if (beyond === (this.told.get(key)?.beyond ?? 0)) this.pending.delete(key);
    else this.pending.set(key, { kind, name, beyond });
    if (this.pending.size === 0) return false;
    this.sendLater();
    return this.pending.has(key);
  }

  /** Calls `then` once, later: the others know of all that has changed by now, or can't be waited for any longer. */
  whenTold(then: () => void): void {
    this.waiting.push(then);
    this.sendLater();
  }

  /** The pool has another name, by which the others have not heard of it. */
  tellAnew(): void {
    for (const [key, change] of this.told) if (!this.pending.has(key)) this.pending.set(key, change);
    this.told.clear();
    if (this.pending.size > 0) this.sendLater();
  }

  private sendLater(): void {
    if (this.isUnderWay || this.isDue) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      this.send();
    });
  }

  private send(): void {
    const crowds: Crowd[] = [];
    for (const [key, change] of this.pending) {
      if (crowds.length >= TOLD_AT_ONCE) break;
      this.pending.delete(key);
      if (change.beyond === 0) this.told.delete(key);
      else this.told.set(key, change);
      crowds.push([change.kind, change.name, change.beyond]);
    }
    if (this.pending.size === 0) {
      this.served = this.waiting;
      this.waiting = [];
    }
    if (crowds.length === 0) this.arrived();
    else {
      this.isUnderWay = true;
      this.tell(crowds, () => this.arrived());
    }
  }

  private arrived(): void {
    this.isUnderWay = false;
    const { served } = this;
    this.served = [];
    for (const then of served) then();
    if (this.pending.size > 0 || this.waiting.length > 0) this.sendLater();
  }
}
