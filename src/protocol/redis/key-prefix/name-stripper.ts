import type { ReplyTransform, TransformOut } from '../../reply-transform.ts';
import { BANG, BAR, DOLLAR, EQUALS, GREATER, LF, MINUS, numberAfterType, PERCENT, STAR, TILDE } from '../resp.ts';
import { withoutPrefix } from './named-error.ts';
import { type ReplyShape, SHAPE_ERROR, SHAPE_NAME, SHAPE_PLAIN, shapeOfElement } from './reply-shape.ts';

const NO_BYTES = Buffer.alloc(0);
const NO_RUN: readonly ReplyShape[] = [];
/** Stands for a name that is not the client's. No name is shorter on the wire. */
const NO_NAME = Buffer.from('$-1\r\n');
const LINE_END_BYTES = 2;

/** An array, a map or a set whose elements are being read. */
interface Frame {
  readonly shape: ReplyShape;
  readonly isMap: boolean;
  /** It stands before an element and is none. */
  readonly isAttribute: boolean;
  left: number;
  index: number;
}

/**
 * Takes the prefix off the names in one reply:
 *
 *   *2 $5 app:k $1 v   ─▶   *2 $1 k $1 v
 *
 * The reply is read element by element, in pieces that may end anywhere; what of a piece can't be understood before the next is
 * kept, which is a line or the beginning of a name. Each piece is written anew, and hardly ever longer than it was.
 */
export class NameStripper implements ReplyTransform {
  private readonly prefix: Buffer;
  private readonly shape: ReplyShape;
  private readonly ofRun: readonly ReplyShape[];
  private readonly frames: Frame[] = [];
  private rest: Buffer = NO_BYTES;
  /** Bytes of the element that are passed on as they are, or left out. */
  private left = 0;
  private isLeftOut = false;
  private hasBegun = false;
  /** Nothing of it is to be changed. */
  private isAsItIs = false;
  private out: Buffer = NO_BYTES;
  private written = 0;

  /** `ofRun`: the shapes of the elements of SHAPE_RUN. */
  constructor(prefix: Buffer, shape: ReplyShape, ofRun: readonly ReplyShape[] = NO_RUN) {
    this.prefix = prefix;
    this.shape = shape;
    this.ofRun = ofRun;
  }

  piece(buf: Buffer, start: number, end: number, _isLast: boolean, out: TransformOut): void {
    if (!this.hasBegun && start < end) {
      this.hasBegun = true;
      this.isAsItIs = this.shape === SHAPE_ERROR && buf[start] !== MINUS;
    }
    if (this.isAsItIs) {
      out.append(buf, start, end);
      return;
    }
    const { rest } = this;
    const piece = buf.subarray(start, end);
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    this.out = Buffer.allocUnsafe(bytes.length + NO_NAME.length);
    this.written = 0;
    const read = this.read(bytes);
    this.rest = read === bytes.length ? NO_BYTES : Buffer.from(bytes.subarray(read));
    out.append(this.out, 0, this.written);
  }

  failure(): null {
    return null;
  }

  /** How much of `bytes` was understood. */
  private read(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length) {
      if (this.left > 0) {
        const stop = Math.min(bytes.length, at + this.left);
        this.left -= stop - at;
        if (!this.isLeftOut) this.write(bytes, at, stop);
        at = stop;
        continue;
      }
      const next = this.readElement(bytes, at);
      if (next < 0) return at;
      at = next;
    }
    return at;
  }

  /** Reads the line that an element begins with, and of a name the prefix; -1: not all of it is there. */
  private readElement(bytes: Buffer, at: number): number {
    const lineEnd = bytes.indexOf(LF, at) + 1;
    if (lineEnd === 0) return -1;
    const type = bytes[at];
    switch (type) {
      case DOLLAR:
      case EQUALS:
      case BANG:
        return this.readBulk(bytes, at, lineEnd);
      case STAR:
      case TILDE:
      case GREATER:
        this.write(bytes, at, lineEnd);
        this.enter(numberAfterType(bytes, at), false, false);
        return lineEnd;
      case PERCENT:
      case BAR:
        this.write(bytes, at, lineEnd);
        this.enter(2 * numberAfterType(bytes, at), true, type === BAR);
        return lineEnd;
      case MINUS: {
        const error = withoutPrefix(bytes.subarray(at, lineEnd), this.prefix);
        this.write(error, 0, error.length);
        break;
      }
      default:
        this.write(bytes, at, lineEnd);
    }
    this.leave();
    return lineEnd;
  }

  private readBulk(bytes: Buffer, at: number, lineEnd: number): number {
    const length = numberAfterType(bytes, at);
    const { prefix } = this;
    if (length < 0 || bytes[at] !== DOLLAR || this.shapeHere() !== SHAPE_NAME) {
      this.write(bytes, at, lineEnd);
      this.pass(length < 0 ? 0 : length + LINE_END_BYTES, false);
      return lineEnd;
    }
    if (bytes.length - lineEnd < Math.min(length, prefix.length)) return -1;
    const nameAt = lineEnd + prefix.length;
    if (length < prefix.length || bytes.compare(prefix, 0, prefix.length, lineEnd, nameAt) !== 0) {
      this.write(NO_NAME, 0, NO_NAME.length);
      this.pass(length + LINE_END_BYTES, true);
      return lineEnd;
    }
    const own = length - prefix.length;
    this.written += this.out.write(`$${own}\r\n`, this.written, 'latin1');
    this.pass(own + LINE_END_BYTES, false);
    return nameAt;
  }

  /** The element ends after so many bytes. */
  private pass(count: number, isLeftOut: boolean): void {
    this.left = count;
    this.isLeftOut = isLeftOut;
    this.leave();
  }

  private enter(count: number, isMap: boolean, isAttribute: boolean): void {
    if (count <= 0) {
      if (!isAttribute) this.leave();
      return;
    }
    const shape = isAttribute ? SHAPE_PLAIN : this.shapeHere();
    this.frames.push({ shape, isMap, isAttribute, left: count, index: 0 });
  }

  /** An element is over, and so may be what it is the last of. */
  private leave(): void {
    const { frames } = this;
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      frame.index++;
      if (--frame.left > 0) return;
      frames.pop();
      if (frame.isAttribute) return;
    }
  }

  private shapeHere(): ReplyShape {
    const frame = this.frames.at(-1);
    return frame === undefined ? this.shape : shapeOfElement(frame.shape, frame.index, frame.isMap, this.ofRun);
  }

  private write(bytes: Buffer, start: number, end: number): void {
    this.written += bytes.copy(this.out, this.written, start, end);
  }
}
