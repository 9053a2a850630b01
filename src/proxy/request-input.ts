import { type Framer, INCOMPLETE, type RequestParser, type Session } from '../protocol/protocol.ts';
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
  /** The parser has just parsed `buf[start, end)`. Nobody will write to `buf` again. */
  onRequest(buf: Buffer, start: number, end: number): void;
  /** What has come ends inside a request. */
  onUnfinished(): void;
  /** The request in pieces grew over `maxRequestBytes`; what follows can't be understood. */
  onTooLarge(): void;
  /** A mistake of ours: going on, we might take the middle of a value for a command. */
  onDisagreement(): void;
}

/**
 * Finds the requests in what one client sends.
 *
 *   chunk ─▶ rest of what is skipped ─▶ rest of the request in pieces ─▶ whole requests ─▶ beginning of the next
 *
 * Whole requests are parsed where they lie. Only one that arrives in pieces is gathered, and read once by the framer,
 * which knows where it ends, before it is parsed.
 */
export class RequestInput {
  private readonly session: Session;
  private readonly host: InputHost;
  private readonly consumer: RequestConsumer;
  /** The beginning of a request whose end has not arrived. */
  private partial: PartialRequest | null = null;
  private framer: Framer | null = null;
  /** Bytes still to come of a value that is over the limit. */
  private skipBytes = 0;

  constructor(session: Session, host: InputHost, consumer: RequestConsumer) {
    this.session = session;
    this.host = host;
    this.consumer = consumer;
  }

  get isInsideRequest(): boolean {
    return this.partial !== null;
  }

  /** Of the request in pieces. */
  get heldBytes(): number {
    return this.partial === null ? 0 : this.partial.heldBytes;
  }

  /** Hands over all whole requests; the position that the consumer became full at, or the end of the chunk. */
  read(chunk: Buffer): number {
    let position = 0;
    if (this.skipBytes > 0) {
      position = Math.min(this.skipBytes, chunk.length);
      this.skipBytes -= position;
    }
    while (this.partial !== null && position < chunk.length) {
      position = this.continuePartial(this.partial, chunk, position);
    }
    return this.readWhole(chunk, position);
  }

  /** Forgets the request in pieces. */
  forget(): void {
    this.partial = null;
  }

  private readWhole(chunk: Buffer, start: number): number {
    const { consumer, session } = this;
    const { parser } = this.host;
    const end = chunk.length;
    let position = start;
    while (position < end) {
      if (consumer.isFull) return position;
      const stop = parser.parse(session, chunk, position, end);
      if (stop === INCOMPLETE) {
        this.beginPartial(chunk, position);
        return end;
      }
      if (stop > end) this.skipBytes = stop - end;
      consumer.onRequest(chunk, position, Math.min(stop, end));
      position = stop;
    }
    return end;
  }

  /** `buf[start…]` is the beginning of a request. False when nothing can be made of it. */
  private beginPartial(buf: Buffer, start: number): boolean {
    this.framer ??= this.host.createFramer(this.session);
    this.framer.reset();
    if (this.framer.scan(buf, start, buf.length) !== INCOMPLETE) {
      this.consumer.onDisagreement();
      return false;
    }
    this.partial = new PartialRequest(this.host.limits.maxRequestBytes);
    return this.gather(this.partial, buf, start, buf.length, this.framer.missingBytes);
  }

  private gather(partial: PartialRequest, buf: Buffer, start: number, end: number, missingBytes: number): boolean {
    if (partial.append(buf, start, end, missingBytes)) {
      if (missingBytes >= 0) this.consumer.onUnfinished();
      return true;
    }
    this.partial = null;
    this.consumer.onTooLarge();
    return false;
  }

  /** Adds to the request in pieces; the position after it, or the end of the chunk. */
  private continuePartial(partial: PartialRequest, chunk: Buffer, start: number): number {
    const framer = this.framer as Framer;
    const stop = framer.scan(chunk, start, chunk.length);
    if (stop === INCOMPLETE) {
      this.gather(partial, chunk, start, chunk.length, framer.missingBytes);
      return chunk.length;
    }
    if (!this.gather(partial, chunk, start, stop, NOTHING_MISSING)) return chunk.length;
    this.partial = null;
    const bytes = partial.take();
    const parsed = this.host.parser.parse(this.session, bytes, 0, bytes.length);
    if (parsed === INCOMPLETE) {
      // The framer is older than a change of the limits.
      this.framer = null;
      return this.beginPartial(bytes, 0) ? stop : chunk.length;
    }
    if (parsed < bytes.length) {
      this.consumer.onDisagreement();
      return chunk.length;
    }
    this.consumer.onRequest(bytes, 0, bytes.length);
    // A value over the limit: what is left of it is skipped.
    const rest = parsed - bytes.length;
    const here = Math.min(rest, chunk.length - stop);
    this.skipBytes = rest - here;
    return stop + here;
  }
}

/** The request is whole with this piece. */
const NOTHING_MISSING = -1;
