import { Glob } from './glob.ts';

/** Longer names match only patterns that are a prefix: what has to be searched for the rest of a pattern takes its time. */
const MAX_SEARCHED_BYTES = 16 * 1024;

/** A glob pattern of an access rule, held against keys and channels as Redis's stringmatchlen does. */
export class AccessPattern {
  /** As written, a character a byte. */
  readonly text: string;
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  /** What a name must begin with to match, where that is all; null: more is to be looked at. */
  private readonly prefix: Buffer | null;
  private readonly glob: Glob | null;

  constructor(pattern: string, mayRead: boolean, mayWrite: boolean) {
    this.text = Buffer.from(pattern).toString('latin1');
    this.mayRead = mayRead;
    this.mayWrite = mayWrite;
    const isPrefix = /^[^*?[\\]*\*$/.test(this.text);
    this.prefix = isPrefix ? Buffer.from(this.text.slice(0, -1), 'latin1') : null;
    this.glob = isPrefix ? null : Glob.read(this.text);
  }

  get isForAll(): boolean {
    return this.prefix?.length === 0;
  }

  /** Whether it is for the name `buf[start, end)`. To Redis an empty one matches nothing, not even `*`. */
  matches(buf: Buffer, start: number, end: number): boolean {
    if (start === end) return false;
    const { prefix } = this;
    if (prefix !== null) {
      const { length } = prefix;
      if (end - start < length) return false;
      for (let i = 0; i < length; i++) if (buf[start + i] !== prefix[i]) return false;
      return true;
    }
    if (this.glob === null || end - start > MAX_SEARCHED_BYTES) return false;
    return this.glob.matches(buf.toString('latin1', start, end));
  }

  /** Whether the name `buf[start, end)` is this pattern, as PSUBSCRIBE needs it. */
  isWritten(buf: Buffer, start: number, end: number): boolean {
    return end - start === this.text.length && buf.toString('latin1', start, end) === this.text;
  }
}
