import type { Block } from '../../memory/block.ts';
import { type Framer, INCOMPLETE, type RequestParser, type Session } from '../../protocol/protocol.ts';
import { HOLD_OPEN, ROUTE_PRIVATE } from '../../protocol/routes.ts';
import { PartialRequest } from './partial-request.ts';

/** What an input needs of the pool; read anew for each request, since a reload may change it. */
export interface InputHost {
  readonly parser: RequestParser;
  readonly limits: { readonly maxRequestBytes: number };
  createFramer(session: Session): Framer;
}

/** Who takes the requests. */
export interface RequestConsumer {
  /** It takes no more, for now or for ever. */
  readonly isFull: boolean;
  /** Requests may have to wait once it is known what they are. */
  readonly mayHoldUp: boolean;
  /** The parser has just parsed `buf[start, end)`, which is valid during the call, or as long as `block` is retained. */
  onRequest(buf: Buffer, start: number, end: number, block: Block | null): void;
  /**
   * The request at `buf[start]`, which has just been parsed, opens a transaction, all of which may be in `buf[start, end)`. True: the
   * parser was used, and the request has to be parsed again.
   */
  onTransaction(buf: Buffer, start: number, end: number): boolean;
  /** The request just parsed has to wait, and so has all behind it: `mayHoldUp`. */
  isHeldUp(parser: RequestParser): boolean;
  /** It is `buf[0, end)`, which is valid during the call; one that is not in pieces stays in its chunk, which is not read on. */
  onHeldUp(buf: Buffer, end: number): void;
  /** What has come ends inside a request, of which `missingBytes` at least are still to come; 0: nobody knows. */
  onUnfinished(missingBytes: number): void;
  /** The request in pieces grew over `maxRequestBytes`; what follows can't be understood. */
  onTooLarge(): void;
  /** A mistake of ours: going on, we might take the middle of a value for a command. */
  onDisagreement(): void;
}

/** A request that lacks so much or more is read straight to where it belongs. */
const READ_IN_PLACE_BYTES = 16 * 1024;

/**
 * Finds the requests in what one client sends.
 *
 *   chunk ─▶ rest of what is skipped ─▶ rest of the request in pieces ─▶ whole requests ─▶ beginning of the next
 *
 * Whole requests are parsed where they lie. Only one that arrives in pieces is gathered, and read once by the framer,
 * which knows where it ends, before it is parsed. Of a large one the rest is read from the socket into its place.
 */
export class RequestInput {
  private readonly session: Session;
  private host: InputHost;
  private readonly consumer: RequestConsumer;
  /** The beginning of a request whose end has not arrived. */
  private partial: PartialRequest | null = null;
  private framer: Framer | null = null;
  /** Where in `partial` the socket was told to read the next bytes into. */
  private vacancy: Buffer | null = null;
  /** Bytes still to come of a value that is over the limit. */
  private skipBytes = 0;

  constructor(session: Session, host: InputHost, consumer: RequestConsumer) {
    this.session = session;
    this.host = host;
    this.consumer = consumer;
  }

  /** Between two requests. */
  moveTo(host: InputHost): void {
    this.host = host;
    this.framer = null;
  }

  get isInsideRequest(): boolean {
    return this.partial !== null;
  }

  /** Of the request in pieces. */
  get heldBytes(): number {
    return this.partial === null ? 0 : this.partial.heldBytes;
  }

  /**
   * Hands over all whole requests in `chunk[0, end)`; the position that the consumer became full at, or `end`. The chunk
   * may be written to again afterwards.
   */
  read(chunk: Buffer, end: number): number {
    if (this.vacancy !== null && this.vacancy === chunk) return this.readInPlace(end);
    let position = 0;
    if (this.skipBytes > 0) {
      position = Math.min(this.skipBytes, end);
      this.skipBytes -= position;
    }
    while (this.partial !== null && position < end) {
      position = this.continuePartial(this.partial, chunk, position, end);
    }
    return this.readWhole(chunk, position, end);
  }

  /**
   * Where the next bytes from the socket should go; null: anywhere. To be asked after each read from the socket; a socket
   * that is paused reads into none of our memory, since it was not inside a request when it was paused.
   */
  nextBuffer(): Buffer | null {
    if (this.partial === null) {
      this.vacancy = null;
    } else {
      const { missingBytes } = this.framer as Framer;
      this.vacancy = missingBytes < READ_IN_PLACE_BYTES ? null : this.partial.vacancy(missingBytes);
    }
    return this.vacancy;
  }

  /** Forgets the request in pieces. Its memory is the collector's: the socket may still read into it. */
  forget(): void {
    this.partial = null;
    this.vacancy = null;
  }

  /** The socket is destroyed and reads no more: as `forget`, and others can have the memory. */
  discard(): void {
    this.partial?.block?.release();
    this.forget();
  }

  private readWhole(chunk: Buffer, start: number, end: number): number {
    const { consumer, session } = this;
    const { parser } = this.host;
    let position = start;
    while (position < end) {
      if (consumer.isFull) return position;
      const { mayHoldUp } = consumer;
      if (mayHoldUp) session.mark?.();
      const stop = parser.parse(session, chunk, position, end);
      if (stop === INCOMPLETE) {
        this.beginPartial(chunk, position, end);
        return end;
      }
      if (parser.route === ROUTE_PRIVATE && parser.hold === HOLD_OPEN) {
        if (consumer.onTransaction(chunk, position, end)) parser.parse(session, chunk, position, end);
      }
      if (mayHoldUp && consumer.isHeldUp(parser)) {
        session.rewind?.();
        return position;
      }
      if (stop > end) this.skipBytes = stop - end;
      consumer.onRequest(chunk, position, Math.min(stop, end), null);
      position = stop;
    }
    return end;
  }

  /** `buf[start, end)` is the beginning of a request. False when nothing can be made of it. */
  private beginPartial(buf: Buffer, start: number, end: number): boolean {
    this.framer ??= this.host.createFramer(this.session);
    this.framer.reset();
    if (this.framer.scan(buf, start, end) !== INCOMPLETE) {
      this.consumer.onDisagreement();
      return false;
    }
    this.partial = new PartialRequest(this.host.limits.maxRequestBytes);
    const { missingBytes } = this.framer;
    if (!this.gather(this.partial, buf, start, end, missingBytes)) return false;
    this.consumer.onUnfinished(missingBytes);
    return true;
  }

  private gather(partial: PartialRequest, buf: Buffer, start: number, end: number, missingBytes: number): boolean {
    if (partial.append(buf, start, end, missingBytes)) return true;
    this.partial = null;
    partial.block?.release();
    this.consumer.onTooLarge();
    return false;
  }

  /** Adds to the request in pieces; the position after it, or `end`. */
  private continuePartial(partial: PartialRequest, chunk: Buffer, start: number, end: number): number {
    const framer = this.framer as Framer;
    const stop = framer.scan(chunk, start, end);
    if (stop === INCOMPLETE) {
      const { missingBytes } = framer;
      if (this.gather(partial, chunk, start, end, missingBytes)) this.consumer.onUnfinished(missingBytes);
      return end;
    }
    if (!this.gather(partial, chunk, start, stop, 0)) return end;
    const rest = this.completed(partial);
    if (rest < 0) return end;
    const here = Math.min(rest, end - stop);
    this.skipBytes = rest - here;
    return stop + here;
  }

  /** `count` bytes more of the request in pieces were read to where they belong: no more than it lacked. */
  private readInPlace(count: number): number {
    const partial = this.partial as PartialRequest;
    const framer = this.framer as Framer;
    const start = partial.length;
    partial.filled(count);
    if (framer.scan(partial.bytes, start, partial.length) === INCOMPLETE) {
      this.consumer.onUnfinished(framer.missingBytes);
    } else {
      const rest = this.completed(partial);
      if (rest > 0) this.skipBytes = rest;
    }
    return count;
  }

  /**
   * The request in pieces is whole, by the framer. Returns how many bytes after it are to be skipped, those of a value
   * over the limit; below 0 when nothing can be made of it.
   */
  private completed(partial: PartialRequest): number {
    this.partial = null;
    this.vacancy = null;
    const { bytes, length, block } = partial;
    const { mayHoldUp } = this.consumer;
    if (mayHoldUp) this.session.mark?.();
    const parsed = this.host.parser.parse(this.session, bytes, 0, length);
    if (parsed === INCOMPLETE) {
      // The framer is older than a change of the limits.
      this.framer = null;
      const isBegun = this.beginPartial(bytes, 0, length);
      block?.release();
      return isBegun ? 0 : -1;
    }
    if (parsed < length) {
      this.consumer.onDisagreement();
      return -1;
    }
    if (mayHoldUp && this.consumer.isHeldUp(this.host.parser)) {
      this.session.rewind?.();
      this.consumer.onHeldUp(bytes, length);
    } else this.consumer.onRequest(bytes, 0, length, block);
    block?.release();
    return parsed - length;
  }
}
