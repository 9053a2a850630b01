import { expectedBytesAfter } from '../../request/expected-bytes.ts';

/** So many replies a client may await whatever their size, … */
const AWAITED_MIN = 4;
/** … and so many while nobody knows how large they are; twice as many as came since, after that. */
const AWAITED_UNKNOWN = 64;
/** From this size on a reply says that those before it say little about the next ones. */
const LARGE_REPLY_BYTES = 64 * 1024;

/** How large the next replies to a client are likely to be, by the last ones. */
export class ExpectedReplies {
  /** What the next one is likely to have. */
  private bytes = 0;
  /** Requests answered since the last large reply. */
  private answered = 0;

  /** So many replies are enough to await at once, where `bufferBytes` of them are. */
  areEnough(awaited: number, bufferBytes: number): boolean {
    if (awaited < AWAITED_MIN) return false;
    if (awaited * this.bytes >= bufferBytes) return true;
    return awaited >= AWAITED_UNKNOWN && awaited >= 2 * this.answered;
  }

  /** A request was answered. */
  count(): void {
    this.answered++;
  }

  /** A reply of so many bytes is complete. */
  learn(bytes: number): void {
    if (bytes >= LARGE_REPLY_BYTES && bytes >= this.bytes) this.answered = 0;
    this.bytes = expectedBytesAfter(bytes, this.bytes);
  }
}
