import type { FailureReason } from '../../../request/failure.ts';
import type { ReplyTransform, TransformOut } from '../../reply-transform.ts';

const CODE_BYTES = 2;

/** Two letters that begin a reply, as one number. */
const code = (letters: string): number => (letters.charCodeAt(0) << 8) | letters.charCodeAt(1);
const EN = code('EN');
const HD = code('HD');
const VA = code('VA');

/** What `q` hides, as memcached 1.6.18 has it: of mg EN, of ms and md HD, of ma HD and the value. */
export const QUIET_GET = 0;
export const QUIET_CHANGE = 1;
export const QUIET_ARITHMETIC = 2;

function isHidden(kind: number, first: number, second: number): boolean {
  const letters = (first << 8) | second;
  if (kind === QUIET_GET) return letters === EN;
  return letters === HD || (kind === QUIET_ARITHMETIC && letters === VA);
}

/**
 * Drops the replies that a client with the flag `q` does not want to see. The server does not get to see the flag: a
 * connection that others share must have a reply for each request.
 */
export class QuietReply implements ReplyTransform {
  private readonly kind: number;
  /** Bytes of the reply seen, up to CODE_BYTES, and the first. */
  private seen = 0;
  private first = 0;
  private isDropped = false;

  constructor(kind: number) {
    this.kind = kind;
  }

  piece(buf: Buffer, start: number, end: number, _isLast: boolean, out: TransformOut): void {
    if (this.seen < CODE_BYTES) {
      if (start === end) return;
      if (this.seen + end - start < CODE_BYTES) {
        this.first = buf[start]!;
        this.seen = 1;
        return;
      }
      const isCut = this.seen === 1;
      const first = isCut ? this.first : buf[start]!;
      this.isDropped = isHidden(this.kind, first, buf[isCut ? start : start + 1]!);
      this.seen = CODE_BYTES;
      if (isCut && !this.isDropped) {
        const begin = Buffer.allocUnsafe(1);
        begin[0] = first;
        out.append(begin, 0, 1);
      }
    }
    if (!this.isDropped) out.append(buf, start, end);
  }

  failure(_reason: FailureReason): null {
    return null;
  }
}
