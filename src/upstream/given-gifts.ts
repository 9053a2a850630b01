import type { Block } from '../memory/block.ts';
import type { Gift } from '../protocol/remedy.ts';
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

/** Gives `connection` what it was not given yet, before the next that is sent on it. `onSettled`: called once each has its reply, or failed. */
export function give(connection: GiftTaker, gifts: readonly Gift[], onSettled: (() => void) | null = null): void {
  for (const gift of gifts) {
    const { stream } = connection;
    const isKnown = onSettled === null ? stream.gifts.has(gift) : stream.gifts.isTaken(gift);
    if (isKnown) {
      onSettled?.();
      continue;
    }
    const { length } = stream;
    // Ahead of all that waits, also of other tenants: from now on they rely on it.
    const reply = new GiftReply(stream.gifts, gift, onSettled);
    connection.send(new Request(reply, 0), giftBytes.set(gift.request, 0, gift.request.length, null), null);
    giftBytes.clear();
    // One that is down takes nothing.
    if (stream.length > length) stream.gifts.add(gift);
  }
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
