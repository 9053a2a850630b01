import type { Fragment, Fragmenter, RequestReading } from '../../protocol/protocol.ts';
import { ROUTE_SPLIT } from '../../protocol/routes.ts';
import type { Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import { RequestNote } from '../request-note.ts';
import type { RequestOrigin } from '../request-origin.ts';

/** What it takes beside its bytes. */
const OBJECT_BYTES = 512;

/** It may be dispatched once it is its turn. */
export const READY = 0;
/** Keys of it are on their way. */
export const WAITING = 1;
/** It waits until its keys may be brought. */
export const PARKED = 2;
/** It can't be done. */
export const FAILED = 3;

/** A request that is dispatched later than it came: all that is known of it, and its bytes. */
export class DeferredRequest implements RequestReading {
  state: number = READY;
  /** FAILED: because of a name in it that is none of the clients'. */
  isReserved = false;
  /** WAITING: so many times something has to come. */
  pending = 0;
  /** Since when it waits. */
  sinceMs: number;
  bytes: RequestBytes;
  readonly heldBytes: number;
  /** The client has asked already, by this request, which is to be answered; null: it has not. */
  resumes: Request | null = null;
  readonly route;
  readonly command;
  readonly flags;
  readonly hold;
  waitMs: number;
  readonly isSoiling;
  readonly topicKind;
  readonly isLeavingTopics;
  readonly topicScope;
  readonly isCountingListeners;
  readonly inquiry;
  readonly awaitedRun;
  readonly variants;
  readonly serverPlace;
  readonly slot;
  readonly sweep;
  readonly replyKind;
  readonly transform;
  readonly remedy;
  readonly keyCount: number;
  readonly keyStarts: Int32Array;
  readonly keyEnds: Int32Array;
  readonly keyBuf: Buffer;
  readonly cutStart = 0;
  readonly cutEnd = 0;
  readonly isNoreply;
  readonly rewritten = null;
  readonly rewrittenEnd = 0;
  readonly rewrittenBlock = null;
  readonly reply;
  readonly closesClient;
  readonly isRefusedSignIn: boolean;
  readonly isSignIn: boolean;
  readonly coalescer;
  readonly variant: number;
  private readonly fragments: Fragmenter | null;
  private readonly note = new RequestNote();

  /** `reading` and `bytes` are of the request that is being dispatched for `origin`. */
  constructor(origin: RequestOrigin, variant: number, reading: RequestReading, bytes: RequestBytes, nowMs: number) {
    this.sinceMs = nowMs;
    this.route = reading.route;
    this.command = reading.command;
    this.flags = reading.flags;
    this.hold = reading.hold;
    this.waitMs = reading.waitMs;
    this.isSoiling = reading.isSoiling;
    this.topicKind = reading.topicKind;
    this.isLeavingTopics = reading.isLeavingTopics;
    this.topicScope = reading.topicScope;
    this.isCountingListeners = reading.isCountingListeners;
    this.inquiry = reading.inquiry;
    this.awaitedRun = reading.awaitedRun;
    this.variants = reading.variants;
    this.serverPlace = reading.serverPlace;
    this.slot = reading.slot;
    this.sweep = reading.sweep;
    this.replyKind = reading.replyKind;
    this.transform = reading.transform;
    this.remedy = reading.remedy;
    this.isNoreply = reading.isNoreply;
    this.reply = reading.reply;
    this.closesClient = reading.closesClient;
    this.isRefusedSignIn = reading.isRefusedSignIn;
    this.isSignIn = reading.isSignIn;
    this.coalescer = reading.coalescer;
    this.variant = variant;
    this.note.copyFrom(origin.note);
    const { keyCount, keyStarts, keyEnds } = reading;
    this.keyCount = keyCount;
    this.keyStarts = new Int32Array(keyCount);
    this.keyEnds = new Int32Array(keyCount);
    this.keyBuf = this.copyKeys(keyCount, keyStarts, keyEnds, bytes.keyBuf);
    this.bytes = bytes.keep();
    const shift = this.bytes.buf === bytes.buf ? 0 : -bytes.start;
    this.fragments = reading.route === ROUTE_SPLIT ? reading.fragmenter(shift) : null;
    this.bytes.keyBuf = this.keyBuf;
    this.heldBytes = OBJECT_BYTES + this.bytes.heldBytes + this.keyBuf.length + 8 * keyCount;
  }

  /** Makes it the request that is being dispatched for `origin`. */
  resume(origin: RequestOrigin): void {
    origin.note.copyFrom(this.note);
  }

  /** Goes out as these bytes, its keys being the same. */
  replaceBytes(bytes: Buffer): void {
    this.bytes.release();
    this.bytes = new RequestBytes().set(bytes, 0, bytes.length, null);
    this.bytes.keyBuf = this.keyBuf;
  }

  release(): void {
    this.bytes.release();
  }

  fragment(buf: Buffer, _start: number, _end: number, members: Int32Array, count: number): Fragment {
    return (this.fragments as Fragmenter).fragment(buf, members, count);
  }

  fragmenter(): Fragmenter {
    return this.fragments as Fragmenter;
  }

  private copyKeys(count: number, starts: Int32Array, ends: Int32Array, source: Buffer): Buffer {
    let size = 0;
    for (let i = 0; i < count; i++) size += (ends[i] as number) - (starts[i] as number);
    const keys = Buffer.allocUnsafe(size);
    let at = 0;
    for (let i = 0; i < count; i++) {
      this.keyStarts[i] = at;
      at += source.copy(keys, at, starts[i], ends[i]);
      this.keyEnds[i] = at;
    }
    return keys;
  }
}
