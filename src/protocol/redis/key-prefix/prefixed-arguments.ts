import { type Block, takeBlock } from '../../../memory/block.ts';
import type { KeyRanges, RequestArgs } from '../request-args.ts';
import { arrayHeaderBytes, CR, DOLLAR, LF, writeArrayHeader } from '../resp.ts';

const NOT_A_NAME = -1;
const INITIAL_ARGUMENTS = 64;
const LINE_END_BYTES = 2;

/** Which arguments of a request get the prefix, and where in them; writes the request with it. One per parser. */
export class PrefixedArguments {
  /** By argument: the byte before which the prefix goes. */
  private places = new Int32Array(INITIAL_ARGUMENTS);
  private count = 0;
  /** Arguments that follow those of the request. */
  private added: readonly Buffer[] = [];

  /** A request of so many arguments: none is a name yet. */
  begin(count: number): void {
    if (count > this.places.length) this.places = new Int32Array(2 * count);
    this.places.fill(NOT_A_NAME, 0, count);
    this.count = 0;
    this.added = [];
  }

  get areNone(): boolean {
    return this.count === 0 && this.added.length === 0;
  }

  /** The prefix goes into argument `index`, before its byte `at`. */
  mark(index: number, at = 0): void {
    if (this.places[index] === NOT_A_NAME) this.count++;
    this.places[index] = at;
  }

  /** The arguments whose bytes are these ranges, mostly in their order. */
  markRanges({ starts }: RequestArgs, argumentCount: number, keys: KeyRanges): void {
    let index = 0;
    for (let i = 0; i < keys.count; i++) {
      const start = keys.starts[i]!;
      if (index > 0 && starts[index]! > start) index = 0;
      while (index < argumentCount && starts[index]! < start) index++;
      this.mark(index);
    }
  }

  append(...words: readonly Buffer[]): void {
    this.added = words;
  }

  /** Length of the request with the prefix. */
  sizeWith(prefix: Buffer, { starts, ends, count }: RequestArgs): number {
    let size = arrayHeaderBytes(count + this.added.length);
    for (let i = 0; i < count; i++) {
      const own = ends[i]! - starts[i]!;
      size += bulkBytes(this.places[i] === NOT_A_NAME ? own : own + prefix.length);
    }
    for (const word of this.added) size += bulkBytes(word.length);
    return size;
  }

  /** Writes the request with the prefix, `size` bytes, into a block, whose one reference is the caller's; `args` are then there. */
  write(prefix: Buffer, args: RequestArgs, size: number): Block {
    const { buf, count } = args;
    const block = takeBlock(size);
    const { bytes } = block;
    let at = writeArrayHeader(bytes, 0, count + this.added.length);
    args.firstHeader = at;
    for (let i = 0; i < count; i++) {
      const start = args.starts[i]!;
      const end = args.ends[i]!;
      const place = this.places[i]!;
      const own = end - start;
      at = writeLength(bytes, at, place === NOT_A_NAME ? own : own + prefix.length);
      args.starts[i] = at;
      if (place === NOT_A_NAME) at += buf.copy(bytes, at, start, end);
      else {
        at += buf.copy(bytes, at, start, start + place);
        at += prefix.copy(bytes, at);
        at += buf.copy(bytes, at, start + place, end);
      }
      args.ends[i] = at;
      at = writeLineEnd(bytes, at);
    }
    for (const word of this.added) {
      at = writeLength(bytes, at, word.length);
      args.append(at, at + word.length);
      at = writeLineEnd(bytes, at + word.copy(bytes, at));
    }
    args.buf = bytes;
    return block;
  }
}

function digitsOf(length: number): number {
  let digits = 1;
  for (let rest = length; rest >= 10; rest = Math.trunc(rest / 10)) digits++;
  return digits;
}

function bulkBytes(length: number): number {
  return 1 + digitsOf(length) + LINE_END_BYTES + length + LINE_END_BYTES;
}

/** `$length\r\n`. */
function writeLength(bytes: Buffer, at: number, length: number): number {
  const end = writeArrayHeader(bytes, at, length);
  bytes[at] = DOLLAR;
  return end;
}

function writeLineEnd(bytes: Buffer, at: number): number {
  bytes[at] = CR;
  bytes[at + 1] = LF;
  return at + LINE_END_BYTES;
}
