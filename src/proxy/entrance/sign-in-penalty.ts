import type { RequestReading } from '../../protocol/protocol.ts';
import { Request } from '../../request/request.ts';
import { tenantAddress } from '../limits/tenant-address.ts';
import type { RequestOrigin } from '../request-origin.ts';

/** The answer to the first wrong password of an address waits so long, … */
const FIRST_MS = 250;
/** … to the next ones twice as long each, up to this. */
const LONGEST_MS = 4000;
/** An address that has given no wrong password for so long begins anew. */
const FORGOTTEN_MS = 60_000;
/** Answers that wait at once: to wait costs a connection, and must not cost more. */
const MAX_WAITING = 1000;
/** Addresses remembered; then the one that was heard of first is forgotten. */
const MAX_ADDRESSES = 10_000;

/** What addresses gave is told so long after the first: what comes meanwhile goes with it. */
const TOLD_AFTER_MS = 1000;
/** Addresses in one message; of more it is only counted. */
const MAX_TOLD = 1000;

interface Offender {
  wrong: number;
  atMs: number;
}

/**
 * Makes wrong passwords cost time: the client's, whose answer waits and who is not read from meanwhile, and nobody else's. Where
 * too many wait, the answer comes at once and ends the connection.
 */
export class SignInPenalty {
  private readonly offenders = new Map<string, Offender>();
  private waiting = 0;
  private untold = new Map<string, number>();
  /** Wrong passwords by address; empty address: by a unix socket. */
  tell: (addresses: readonly (readonly [string, number])[]) => void = () => {};

  /** Gives the client what it reads of its wrong password, `parser.reply`, in its time. */
  answer(origin: RequestOrigin, parser: RequestReading, nowMs: number): void {
    const address = tenantAddress(origin.peer) ?? '';
    this.count(address);
    const delayMs = this.delayOf(address, nowMs);
    const { reply } = parser;
    if (this.waiting >= MAX_WAITING) {
      origin.answer(reply, true);
      return;
    }
    const request = new Request(origin, 0);
    request.isSilent = parser.isNoreply;
    origin.enqueue(request);
    this.waiting++;
    const timer = setTimeout(() => {
      this.waiting--;
      request.sink?.onReply(request, reply, 0, reply.length, true, null);
    }, delayMs);
    timer.unref();
  }

  private count(address: string): void {
    const { untold } = this;
    if (untold.size === 0) setTimeout(() => this.tellAll(), TOLD_AFTER_MS).unref();
    const before = untold.get(address);
    if (before !== undefined || untold.size < MAX_TOLD) untold.set(address, (before ?? 0) + 1);
  }

  private tellAll(): void {
    const { untold } = this;
    this.untold = new Map();
    this.tell([...untold]);
  }

  private delayOf(host: string, nowMs: number): number {
    let offender = this.offenders.get(host);
    if (offender === undefined || nowMs - offender.atMs > FORGOTTEN_MS) {
      if (this.offenders.size >= MAX_ADDRESSES) this.offenders.delete(this.offenders.keys().next().value as string);
      offender = { wrong: 0, atMs: nowMs };
    }
    // The last one is heard of last.
    this.offenders.delete(host);
    this.offenders.set(host, offender);
    offender.atMs = nowMs;
    return Math.min(FIRST_MS * 2 ** offender.wrong++, LONGEST_MS);
  }
}
