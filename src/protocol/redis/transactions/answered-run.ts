import type { ReplyTransform, TransformOut } from '../../reply-transform.ts';
import { MINUS } from '../resp.ts';
import { REPLIES_OFF, type RedisSession } from '../session.ts';
import type { QueuedAnswer } from './queued-answer.ts';
import { RunElements } from './run-elements.ts';

/**
 * The reply to EXEC of a transaction of which some requests are answered here. Where it was run, they are carried out now:
 *
 *   *3 +OK +PONG :1   ─▶   *3 +OK (what is answered here) :1
 *
 * Any other reply says that nothing was run, and is the client's as it is. Pieces may end anywhere; of an element that stays
 * nothing is kept.
 */
export class AnsweredRun implements ReplyTransform, TransformOut {
  private readonly session: RedisSession;
  private readonly answers: readonly QueuedAnswer[];
  private readonly requests: number;
  private readonly elements = new RunElements();
  /** Of the next answer. */
  private next = 0;
  private isLeftOut = false;
  /** Changes the element that is read; null: it is the client's as it is. */
  private change: ReplyTransform | null = null;
  private out: TransformOut | null = null;

  constructor(session: RedisSession) {
    this.session = session;
    this.answers = session.queuedAnswers;
    this.requests = session.queuedRequests;
  }

  piece(buf: Buffer, start: number, end: number, _isLast: boolean, out: TransformOut): void {
    const { elements } = this;
    let at = elements.hasBegun ? start : this.begin(buf, start, end, out);
    if (!elements.hasRun) {
      out.append(buf, at, end);
      return;
    }
    this.out = out;
    while (at < end) {
      if (!elements.isInside) this.beginElement(buf[at] === MINUS);
      const stop = elements.read(buf, at, end);
      if (this.change !== null) this.change.piece(buf, at, stop, !elements.isInside, this);
      else if (!this.isLeftOut) this.append(buf, at, stop);
      at = stop;
    }
    this.out = null;
  }

  failure(): null {
    return null;
  }

  /** As Redis: CLIENT REPLY OFF inside a transaction leaves out the rest. */
  append(buf: Buffer, start: number, end: number): void {
    if (this.session.replyMode !== REPLIES_OFF) this.out?.append(buf, start, end);
  }

  /** Reads the first line. Returns where what follows it begins. */
  private begin(buf: Buffer, start: number, end: number, out: TransformOut): number {
    const { elements } = this;
    const stop = elements.begin(buf, start, end);
    if (elements.hasBegun) out.append(elements.head, 0, elements.head.length);
    return stop;
  }

  private beginElement(isError: boolean): void {
    const { session, answers, elements } = this;
    this.isLeftOut = false;
    this.change = null;
    const answer = answers[this.next];
    if (answer?.place !== elements.place) return;
    this.next++;
    this.change = answer.change;
    session.runningRequests = this.requests;
    const reply = answer.settle(isError);
    session.runningRequests = -1;
    this.isLeftOut = reply !== null;
    if (reply !== null) this.append(reply, 0, reply.length);
  }
}
