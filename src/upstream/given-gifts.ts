import type { Block } from '../memory/block.ts';
import type { Gift, GiftCheck } from '../protocol/remedy.ts';
import { type ReplySink, Request } from '../request/request.ts';
import { RequestBytes } from '../request/request-bytes.ts';

/** What one connection to a server was given. Whoever gave it may forget it: then so does this. */
export class GivenGifts {
  isEmpty = true;
  private readonly given = new WeakSet<Gift>();
  private readonly taken = new WeakSet<Gift>();

  has(gift: Gift): boolean {
    return gift.isLasting && this.given.has(gift);
  }

  /** The server has answered to it: it has it for other connections, too. */
  isTaken(gift: Gift): boolean {
    return gift.isLasting && this.taken.has(gift);
  }

  add(gift: Gift): void {
    this.isEmpty = false;
    this.given.add(gift);
  }

  take(gift: Gift): void {
    this.taken.add(gift);
  }

  /** The server says that it lacks it. */
  delete(gift: Gift): void {
    this.given.delete(gift);
    this.taken.delete(gift);
  }
}

/** A connection to a server, shared or not. */
export interface GiftTaker {
  readonly stream: { readonly length: number; readonly gifts: GivenGifts };
  /** `line`: see `BackendConnection.send`. */
  send(request: Request, bytes: RequestBytes, line: null): void;
}

const giftBytes = new RequestBytes();
/** What is not larger costs little to give again. */
const SMALL_BYTES = 1024;

/** Gives `connection` what it was not given yet, before the next that is sent on it. `onSettled`: called once each has its reply, or failed. */
export function give(connection: GiftTaker, gifts: readonly Gift[], onSettled: (() => void) | null = null): void {
  for (const gift of gifts) {
    const { gifts: given } = connection.stream;
    const isKnown = onSettled === null ? given.has(gift) : given.isTaken(gift);
    if (!isKnown) giveOne(connection, gift, onSettled);
    else onSettled?.();
  }
}

/**
 * As `give`, before a transaction that goes out directly behind: nothing can be given inside of that, so what is small is given each
 * time, should somebody have taken it away.
 */
export function giveAnew(connection: GiftTaker, gifts: readonly Gift[]): void {
  for (const gift of new Set(gifts)) {
    if (gift.request.length <= SMALL_BYTES || !connection.stream.gifts.has(gift)) giveOne(connection, gift, null);
  }
}

/** Gives it, unless the server says that it has it still. `onSettled`: called once it has been given, or is there, or it failed. */
export function giveIfAbsent(connection: GiftTaker, gift: Gift, onSettled: () => void): void {
  const { check } = gift;
  if (!connection.stream.gifts.isTaken(gift)) giveOne(connection, gift, onSettled);
  else if (check === null) onSettled();
  else sendTo(connection, new CheckReply(connection, gift, check, onSettled), check.request);
}

function giveOne(connection: GiftTaker, gift: Gift, onSettled: (() => void) | null): void {
  const { stream } = connection;
  const { length } = stream;
  sendTo(connection, new GiftReply(stream.gifts, gift, onSettled), gift.request);
  // One that is down takes nothing.
  if (stream.length > length) stream.gifts.add(gift);
}

/** Ahead of all that waits, also of other tenants: from now on they rely on it. */
function sendTo(connection: GiftTaker, sink: ReplySink, request: Buffer): void {
  connection.send(new Request(sink, 0), giftBytes.set(request, 0, request.length, null), null);
  giftBytes.clear();
}

/** What a server says to a gift is nobody's to read; whether it has it is seen by what needs it. */
class GiftReply implements ReplySink {
  private readonly gifts: GivenGifts;
  private readonly gift: Gift;
  private readonly onSettled: (() => void) | null;

  constructor(gifts: GivenGifts, gift: Gift, onSettled: (() => void) | null) {
    this.gifts = gifts;
    this.gift = gift;
    this.onSettled = onSettled;
  }

  onReply(_request: Request, _buf: Buffer, _start: number, _end: number, isLast: boolean, _block: Block | null): void {
    if (!isLast) return;
    this.gifts.take(this.gift);
    this.onSettled?.();
  }

  onFailure(): void {
    this.gifts.delete(this.gift);
    this.onSettled?.();
  }
}

/** Whether the server has it still. */
class CheckReply implements ReplySink {
  private readonly connection: GiftTaker;
  private readonly gift: Gift;
  private readonly check: GiftCheck;
  private readonly onSettled: () => void;
  private length = 0;
  private isAbsent = true;

  constructor(connection: GiftTaker, gift: Gift, check: GiftCheck, onSettled: () => void) {
    this.connection = connection;
    this.gift = gift;
    this.check = check;
    this.onSettled = onSettled;
  }

  onReply(_request: Request, buf: Buffer, start: number, end: number, isLast: boolean, _block: Block | null): void {
    const { absent } = this.check;
    const { length } = this;
    this.length += end - start;
    this.isAbsent &&= this.length <= absent.length && absent.compare(buf, start, end, length, this.length) === 0;
    if (!isLast) return;
    if (!this.isAbsent || this.length < absent.length) {
      this.onSettled();
      return;
    }
    const { connection, gift } = this;
    connection.stream.gifts.delete(gift);
    giveOne(connection, gift, this.onSettled);
  }

  onFailure(): void {
    this.onSettled();
  }
}
