import type { Block } from '../memory/block.ts';
import { Fifo } from '../memory/fifo.ts';
import type { HolderWalk } from '../memory/memory-ceiling.ts';
import type { SubscriptionWords } from '../protocol/subscription-words.ts';
import {
  PUSH_ERROR,
  PUSH_MESSAGE,
  PUSH_OTHER,
  PUSH_UNSUBSCRIBED,
  type PushReading,
  TOPIC_SHARD,
  type TopicKind,
} from '../protocol/topics.ts';
import type { FailureReason } from '../request/failure.ts';
import { Request } from '../request/request.ts';
import { RequestBytes } from '../request/request-bytes.ts';
import type { Backend } from './backend.ts';
import { PrivateConnection, type PrivateConnectionUser } from './private-connection.ts';
import { Reconnects } from './reconnects.ts';
import type { PushSink } from './reply-stream.ts';
import { SEAT_FAILED, SEAT_TAKEN, SEAT_WAITING, Seat, type SeatLink, type Topic } from './topic.ts';
import { TopicMessage } from './topic-message.ts';

/** Who the messages of a link are for. */
export interface MessageOwner {
  /** A message on the topic `name`. */
  onMessage(kind: TopicKind, name: string, message: TopicMessage): void;
  /** A connection that had topics was lost. */
  onLinkLost(): void;
  /** The server has refused the seat with this error, or, null, lets go of it. True: it is not over with that. */
  onRefused(seat: Seat, error: Buffer | null): boolean;
}

/** What the server was asked, in this order. */
interface Question {
  readonly seat: Seat;
  readonly isLeaving: boolean;
  askedAtMs: number;
}

/** So much is asked at once; the rest follows as the server answers. */
const UNANSWERED_MAX = 1024;
/** A connection that no topic needs stays open for so long. */
const IDLE_MAX_MS = 60_000;
/** The variant of the connection: what is pushed there is understood by servers of any age. */
const VARIANT = 0;

/**
 * The one connection over which a worker is subscribed at one server:
 *
 *   seats ── asked one by one ─▶ waiting ─▶ taken ─ connection lost ─▶ waiting ─ no connection comes about ─▶ failed
 *                                  ▲                                     │                                     │
 *                                  └──────── connected again, and asked for all: 50 ms later, up to a second ──┘
 */
export class SubscriptionLink implements PushSink, PrivateConnectionUser, SeatLink {
  readonly backend: Backend;
  private readonly words: SubscriptionWords;
  private readonly owner: MessageOwner;
  private readonly seats = new Set<Seat>();
  private readonly reconnects = new Reconnects(() => this.open());
  private connection: PrivateConnection | null = null;
  private unsent = new Fifo<Question>();
  private unanswered = new Fifo<Question>();
  /** No connection came about when last tried. */
  private whyDown: FailureReason | null = null;
  /** The connection has answered. */
  private hasServed = false;
  private idleSinceMs = 0;
  /** The beginning of a push whose end has not come. */
  private partial = new Request(null, 0);

  constructor(backend: Backend, words: SubscriptionWords, owner: MessageOwner) {
    this.backend = backend;
    this.words = words;
    this.owner = owner;
  }

  get isUnused(): boolean {
    return this.seats.size === 0;
  }

  /** Subscribes; the topic hears of it by its seat. */
  join(topic: Topic): Seat {
    const seat = new Seat(topic, this);
    this.seats.add(seat);
    topic.seats.push(seat);
    if (this.whyDown !== null) {
      seat.settle(SEAT_FAILED, this.whyDown);
      this.reconnects.wanted();
    }
    if (this.connection !== null) this.ask(seat, false);
    else if (!this.reconnects.isWaiting) this.open();
    return seat;
  }

  leave(seat: Seat): void {
    if (seat.isLeft) return;
    seat.isLeft = true;
    this.seats.delete(seat);
    const { seats } = seat.topic;
    seats.splice(seats.indexOf(seat), 1);
    if (this.connection !== null) {
      seat.depart();
      this.ask(seat, true);
    }
    if (this.seats.size === 0) this.idleSinceMs = this.backend.clock.nowMs;
  }

  askAgain(seat: Seat): void {
    // A connection that is yet to come asks for all.
    if (this.connection !== null) this.ask(seat, false);
  }

  /** Once per tick of the worker's clock. */
  checkDeadline(nowMs: number): void {
    const { connection } = this;
    if (connection === null) return;
    this.sendQuestions();
    connection.checkDeadline(nowMs);
    const { timeoutMs } = this.backend.options;
    const first = this.unanswered.peek();
    if (timeoutMs > 0 && first !== undefined && nowMs - first.askedAtMs >= timeoutMs) this.giveUpWaiting();
    if (this.seats.size === 0 && nowMs - this.idleSinceMs >= IDLE_MAX_MS) this.close();
  }

  /** Ends the connection; there is another one when somebody joins. */
  close(): void {
    this.reconnects.stop();
    this.connection?.close();
    this.forget();
  }

  /** As `close`, and nobody is subscribed by it any more. */
  end(): void {
    this.close();
    for (const seat of [...this.seats]) this.leave(seat);
  }

  readonly eachHolder: HolderWalk = visit => {
    if (this.connection !== null) visit(this.connection);
  };

  onPush(buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const { partial } = this;
    if (!isLast) {
      partial.hold(buf, start, end, block);
      return;
    }
    if (partial.heldBytes > 0) partial.hold(buf, start, end, block);
    const bytes = partial.heldBytes > 0 ? partial.takeHeld() : Buffer.from(buf.subarray(start, end));
    const reading = this.words.read(bytes);
    const { what, kind, nameStart, nameEnd } = reading;
    if (what === PUSH_MESSAGE) {
      this.owner.onMessage(kind, bytes.toString('latin1', nameStart, nameEnd), new TopicMessage(bytes));
    } else if (what !== PUSH_OTHER) this.answered(reading, bytes);
  }

  onConnectionLost(_connection: PrivateConnection, reason: FailureReason): void {
    const { hasServed } = this;
    this.forget();
    this.whyDown = hasServed ? null : reason;
    if (this.seats.size === 0) return;
    this.reconnects.failed(reason === 'connection_refused');
    if (hasServed) this.owner.onLinkLost();
    // Whoever has subscribed goes on waiting for messages; who is about to hears at once that none will come.
    for (const seat of [...this.seats]) seat.settle(hasServed ? SEAT_WAITING : SEAT_FAILED, reason);
  }

  private forget(): void {
    this.connection = null;
    this.hasServed = false;
    this.whyDown = null;
    const { unsent, unanswered } = this;
    this.unsent = new Fifo<Question>();
    this.unanswered = new Fifo<Question>();
    this.partial.dropHeld();
    for (const questions of [unanswered, unsent]) {
      // What it was asked to send no more it can't.
      for (let i = 0; i < questions.length; i++) questions.at(i).seat.departed();
    }
  }

  private open(): void {
    if (this.connection !== null || this.seats.size === 0) return;
    const connection = new PrivateConnection(this.backend, VARIANT, () => {}, this);
    connection.user = this;
    this.connection = connection;
    for (const seat of this.seats) this.unsent.push({ seat, isLeaving: false, askedAtMs: 0 });
    this.sendQuestions();
  }

  private ask(seat: Seat, isLeaving: boolean): void {
    this.unsent.push({ seat, isLeaving, askedAtMs: 0 });
    this.sendQuestions();
  }

  private sendQuestions(): void {
    const { unsent, unanswered, connection, words } = this;
    while (connection !== null && unsent.length > 0 && unanswered.length < UNANSWERED_MAX) {
      const question = unsent.peek() as Question;
      const { kind, name } = question.seat.topic;
      const bytes = words.request(kind, question.isLeaving, name);
      if (!connection.tell(new RequestBytes().set(bytes, 0, bytes.length, null))) return;
      question.askedAtMs = this.backend.clock.nowMs;
      unanswered.push(question);
      unsent.shift();
    }
  }

  /** The server has said something of what it was asked first. */
  private answered({ what, kind, nameStart, nameEnd }: PushReading, bytes: Buffer): void {
    const isError = what === PUSH_ERROR;
    const first = this.unanswered.peek();
    if (what === PUSH_UNSUBSCRIBED && kind === TOPIC_SHARD) {
      if (first === undefined || !isAnswer(first, true, kind, bytes, nameStart, nameEnd)) {
        this.letGo(bytes.subarray(nameStart, nameEnd));
        return;
      }
    }
    const question = this.unanswered.shift();
    if (
      question === undefined ||
      !(isError || isAnswer(question, what === PUSH_UNSUBSCRIBED, kind, bytes, nameStart, nameEnd))
    ) {
      this.connection?.cut('server_garbage');
      return;
    }
    const { seat, isLeaving } = question;
    if (!this.hasServed && !isError) {
      this.hasServed = true;
      this.whyDown = null;
      this.reconnects.succeeded();
    }
    if (isLeaving) seat.departed();
    else if (!seat.isLeft) {
      if (!isError) {
        seat.refusedAtMs = 0;
        seat.settle(SEAT_TAKEN);
      } else if (!this.owner.onRefused(seat, bytes)) seat.settle(SEAT_FAILED, bytes);
    }
    this.sendQuestions();
  }

  /** A channel of shards whose slot has moved: the server says so unasked, and sends no more of it. */
  private letGo(name: Buffer): void {
    for (const seat of this.seats) {
      if (seat.topic.kind !== TOPIC_SHARD || !seat.topic.name.equals(name)) continue;
      seat.settle(SEAT_WAITING);
      this.owner.onRefused(seat, null);
      return;
    }
  }

  /** The server takes too long. It may yet answer, and then sends messages to whoever still wants them. */
  private giveUpWaiting(): void {
    for (const seat of [...this.seats]) if (seat.state === SEAT_WAITING) seat.settle(SEAT_FAILED, 'timed_out');
    for (const questions of [this.unanswered, this.unsent]) {
      for (let i = 0; i < questions.length; i++) questions.at(i).seat.departed();
    }
  }
}

function isAnswer(
  { seat, isLeaving }: Question,
  isOfLeaving: boolean,
  kind: TopicKind,
  bytes: Buffer,
  nameStart: number,
  nameEnd: number,
): boolean {
  const { topic } = seat;
  return isLeaving === isOfLeaving && kind === topic.kind && topic.name.equals(bytes.subarray(nameStart, nameEnd));
}
