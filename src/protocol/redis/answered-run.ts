import { INCOMPLETE } from '../protocol.ts';
import type { ReplyTransform, TransformOut } from '../reply-transform.ts';
import type { QueuedAnswer } from './queued-answer.ts';
import { RedisReplyScanner } from './reply-scanner.ts';
import { LF, MINUS, STAR } from './resp.ts';
import { REPLIES_OFF, type RedisSession } from './session.ts';

const NO_BYTES = Buffer.alloc(0);

/**
 * The reply to EXEC of a transaction of which some requests are answered here. Where it was run, they are carried out now:
 *
 *   *3 +OK +PONG :1   ─▶   *3 +OK (what is answered here) :1
 *
 * Any other reply says that nothing was run, and is the client's as it is. Pieces may end anywhere; of an element that stays
 * nothing is kept.
 */
export class AnsweredRun implements ReplyTransform {
  private readonly session: RedisSession;
  private readonly answers: readonly QueuedAnswer[];
  private readonly requests: number;
  private readonly scanner = new RedisReplyScanner();
  /** Of the line that the reply begins with. */
  private head: Buffer = NO_BYTES;
  private hasBegun = false;
  private hasRun = false;
  /** Of the element that is read, and of the next answer. */
  private place = 0;
  private next = 0;
  private isInside = false;
  private isLeftOut = false;

  constructor(session: RedisSession) {
    this.session = session;
    this.answers = session.queuedAnswers;
    this.requests = session.queuedRequests;
  }

  piece(buf: Buffer, start: number, end: number, _isLast: boolean, out: TransformOut): void {
    let at = this.hasBegun ? start : this.begin(buf, start, end, out);
    if (!this.hasRun) {
      out.append(buf, at, end);
      return;
    }
    while (at < end) {
      if (!this.isInside) this.beginElement(buf[at] === MINUS, out);
      const stop = this.scanner.scan(buf, at, end);
      const isWhole = stop >= 0;
      // The server's reply was found to be one.
      if (!isWhole && stop !== INCOMPLETE) throw new Error('an element of a reply to EXEC cannot be read');
      if (!this.isLeftOut) this.append(buf, at, isWhole ? stop : end, out);
      at = isWhole ? stop : end;
      if (isWhole) this.isInside = false;
    }
  }

  failure(): null {
    return null;
  }

  /** Reads the first line. Returns where what follows it begins. */
  private begin(buf: Buffer, start: number, end: number, out: TransformOut): number {
    const newline = buf.indexOf(LF, start);
    const stop = newline < 0 || newline >= end ? end : newline + 1;
    this.head = Buffer.concat([this.head, buf.subarray(start, stop)]);
    const { head } = this;
    // `*-1` says that a watched key has changed.
    const isArray = head[0] === STAR && head[1] !== MINUS;
    if (isArray && head.at(-1) !== LF) return end;
    if (head.length === 0 || (head[0] === STAR && head.length === 1)) return end;
    this.hasBegun = true;
    this.hasRun = isArray;
    out.append(head, 0, head.length);
    return stop;
  }

  private beginElement(isError: boolean, out: TransformOut): void {
    const { session, answers } = this;
    this.isInside = true;
    this.isLeftOut = false;
    this.scanner.begin(0);
    const answer = answers[this.next];
    if (answer?.place === this.place) {
      this.next++;
      session.runningRequests = this.requests;
      const reply = answer.settle(isError);
      session.runningRequests = -1;
      this.isLeftOut = reply !== null;
      if (reply !== null) this.append(reply, 0, reply.length, out);
    }
    this.place++;
  }

  /** As Redis: CLIENT REPLY OFF inside a transaction leaves out the rest. */
  private append(buf: Buffer, start: number, end: number, out: TransformOut): void {
    if (this.session.replyMode !== REPLIES_OFF) out.append(buf, start, end);
  }
}
