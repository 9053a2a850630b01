// Requests of a transaction that all workers answer together: they are asked when EXEC's reply has come to their places.
import type { AwaitedRun } from '../../awaited-run.ts';
import type { ClientInquiry } from '../../client-inquiry.ts';
import { EMPTY } from '../resp.ts';
import type { RedisSession } from '../session.ts';
import type { QueuedAnswer } from './queued-answer.ts';
import { RunElements } from './run-elements.ts';

/** One of them. */
export class QueuedInquiry implements QueuedAnswer {
  readonly place: number;
  readonly change = null;
  /** Returns what is to be asked, or what the client reads. */
  readonly inquire: () => ClientInquiry | Buffer;
  reply: Buffer = EMPTY;

  constructor(place: number, inquire: () => ClientInquiry | Buffer) {
    this.place = place;
    this.inquire = inquire;
  }

  settle(): Buffer {
    return this.reply;
  }
}

/** Those of one transaction, before `AnsweredRun` comes to them. */
export class QueuedInquiries implements AwaitedRun {
  private readonly session: RedisSession;
  private readonly inquiries: readonly QueuedInquiry[];
  private readonly requests: number;
  private readonly elements = new RunElements();
  private next = 0;
  private asked: ClientInquiry | null = null;

  constructor(session: RedisSession, inquiries: readonly QueuedInquiry[]) {
    this.session = session;
    this.inquiries = inquiries;
    this.requests = session.queuedRequests;
  }

  placeIn(buf: Buffer, start: number, end: number): number {
    const { elements, inquiries } = this;
    let at = elements.hasBegun ? start : elements.begin(buf, start, end);
    if (!elements.hasRun) return end;
    while (at < end) {
      if (!elements.isInside && inquiries[this.next]?.place === elements.place) return at;
      at = elements.read(buf, at, end);
    }
    return end;
  }

  ask(): ClientInquiry | null {
    const { session, requests } = this;
    const queued = this.inquiries[this.next++]!;
    const inquiry = queued.inquire();
    if (Buffer.isBuffer(inquiry)) {
      queued.reply = inquiry;
      return null;
    }
    this.asked = inquiry;
    // For as long as it is asked, the client is one that runs a transaction.
    session.runningRequests = requests;
    return inquiry;
  }

  answered(reply: Buffer): void {
    this.inquiries[this.next - 1]!.reply = reply;
    this.end();
  }

  end(): void {
    if (this.asked !== null) this.session.runningRequests = -1;
    this.asked = null;
  }
}

/** What of the transaction is to be asked; null: nothing. */
export function inquiriesOf(session: RedisSession): QueuedInquiries | null {
  const inquiries = session.queuedAnswers.filter(answer => answer instanceof QueuedInquiry);
  return inquiries.length === 0 ? null : new QueuedInquiries(session, inquiries);
}
