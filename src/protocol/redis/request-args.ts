/**
 * Where the arguments of the request last parsed are: argument i is `buf[starts[i], ends[i])`, argument 0 the command's
 * name. One per parser, overwritten by each request.
 */
export class RequestArgs {
  buf: Buffer = Buffer.alloc(0);
  count = 0;
  starts = new Int32Array(INITIAL_ARGUMENTS);
  ends = new Int32Array(INITIAL_ARGUMENTS);
  /** Where the `$` of argument 0 is. The header of argument i > 0 begins at `ends[i - 1] + 2`. */
  firstHeader = 0;

  /** Takes over the arguments of a whole request in `buf`, an array of bulk strings that is known to be right. */
  locate(buf: Buffer): void {
    let at = buf.indexOf(LF) + 1;
    this.firstHeader = at;
    this.buf = buf;
    this.count = 0;
    while (at < buf.length) {
      const payload = buf.indexOf(LF, at) + 1;
      const length = Number(buf.toString('latin1', at + 1, payload - 2));
      if (this.count === this.starts.length) this.grow();
      this.starts[this.count] = payload;
      this.ends[this.count] = payload + length;
      this.count++;
      at = payload + length + 2;
    }
  }

  /** One more argument, `buf[start, end)`. */
  append(start: number, end: number): void {
    if (this.count === this.starts.length) this.grow();
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count++;
  }

  /** Doubles the room for offsets. */
  grow(): void {
    this.starts = doubled(this.starts);
    this.ends = doubled(this.ends);
  }

  /** The same arguments where they lie `shift` bytes further on, and stay. */
  shifted(shift: number): RequestArgs {
    const args = new RequestArgs();
    args.count = this.count;
    args.starts = this.starts.slice(0, this.count).map(start => start + shift);
    args.ends = this.ends.slice(0, this.count).map(end => end + shift);
    args.firstHeader = this.firstHeader + shift;
    return args;
  }

  /** The request that the arguments from `first` on are. */
  from(first: number): RequestArgs {
    const args = new RequestArgs();
    args.buf = this.buf;
    args.starts = this.starts.slice(first, this.count);
    args.ends = this.ends.slice(first, this.count);
    args.count = this.count - first;
    return args;
  }

  /** From the first byte of the command's name to the last of the last argument. */
  get byteCount(): number {
    return this.ends[this.count - 1]! - this.starts[0]!;
  }

  /** Length of argument `index` in bytes. */
  lengthOf(index: number): number {
    return this.ends[index]! - this.starts[index]!;
  }

  /** A copy of argument `index`, one character per byte; for what is known to be small. */
  text(index: number): string {
    return this.buf.toString('latin1', this.starts[index]!, this.ends[index]!);
  }

  /** A copy of argument `index`. */
  bytes(index: number): Buffer {
    return Buffer.from(this.buf.subarray(this.starts[index]!, this.ends[index]!));
  }

  /** Argument `index` is `word`, which is in lower case; letters compare without case. */
  isWord(index: number, word: string): boolean {
    const start = this.starts[index]!;
    if (this.ends[index]! - start !== word.length) return false;
    for (let i = 0; i < word.length; i++) {
      let byte = this.buf[start + i]!;
      if (byte >= UPPER_A && byte <= UPPER_Z) byte |= CASE_BIT;
      if (byte !== word.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Argument `index` as the integer it spells the way Redis's string2ll wants it, or NaN. */
  integer(index: number): number {
    const { buf } = this;
    let at = this.starts[index]!;
    const end = this.ends[index]!;
    const isNegative = at < end && buf[at] === MINUS;
    if (isNegative) at++;
    const digits = end - at;
    if (digits === 0 || digits > MAX_INTEGER_DIGITS) return Number.NaN;
    if (buf[at] === ZERO && (digits > 1 || isNegative)) return Number.NaN;
    let value = 0;
    for (; at < end; at++) {
      const digit = buf[at]! - ZERO;
      if (digit < 0 || digit > 9) return Number.NaN;
      value = value * 10 + digit;
    }
    return isNegative ? -value : value;
  }
}

/** Byte ranges of keys in the request's buffer, reused from request to request. */
export class KeyRanges {
  count = 0;
  starts = new Int32Array(INITIAL_ARGUMENTS);
  ends = new Int32Array(INITIAL_ARGUMENTS);

  add(start: number, end: number): void {
    if (this.count === this.starts.length) this.grow();
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count++;
  }

  /** Adds every `step`th argument from `first` to `last`. */
  addArguments(args: RequestArgs, first: number, last: number, step: number): void {
    let { count } = this;
    while (count + (last - first) / step >= this.starts.length) this.grow();
    const { starts, ends } = this;
    for (let i = first; i <= last; i += step) {
      starts[count] = args.starts[i]!;
      ends[count] = args.ends[i]!;
      count++;
    }
    this.count = count;
  }

  private grow(): void {
    this.starts = doubled(this.starts);
    this.ends = doubled(this.ends);
  }
}

function doubled(offsets: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(offsets.length * 2);
  larger.set(offsets);
  return larger;
}

const INITIAL_ARGUMENTS = 64;
// 2^53 has 16 digits: a number of more is beyond every limit that an argument is compared with.
const MAX_INTEGER_DIGITS = 15;
const LF = 10;
const UPPER_A = 65;
const UPPER_Z = 90;
const CASE_BIT = 32;
const MINUS = 45;
const ZERO = 48;
