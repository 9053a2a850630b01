import { INCOMPLETE, MALFORMED, type ReplyScanner } from '../../src/protocol/protocol.ts';
import { expect, Fault } from './fuzz-target.ts';

/** Where each reply of a stream ends, and what comes after the last whole one. */
export interface ScanResult {
  readonly ends: readonly number[];
  readonly areErrors: readonly boolean[];
  readonly rest: 'nothing' | 'incomplete' | 'malformed';
}

const PLACEHOLDER = 0x2b;
const GAP_BYTES = 8;

/** Scans `input`, which arrives in pieces, as a backend connection does; `kindOf(i)` is what request i expects. */
export function scanReplies(
  scanner: ReplyScanner,
  input: Buffer,
  cuts: readonly number[],
  kindOf: (index: number) => number,
): ScanResult {
  // Pieces lie apart, with something between them that must not be read.
  const buf = Buffer.alloc(input.length + (cuts.length + 1) * GAP_BYTES, PLACEHOLDER);
  const ends: number[] = [];
  const areErrors: boolean[] = [];
  let isInReply = false;
  let from = 0;
  for (let i = 0; i <= cuts.length; i++) {
    const to = i === cuts.length ? input.length : cuts[i]!;
    const shift = i * GAP_BYTES;
    const end = to + shift;
    let at = from + shift;
    input.copy(buf, at, from, to);
    while (at < end) {
      if (!isInReply) scanner.begin(kindOf(ends.length));
      isInReply = true;
      const stop = scanner.scan(buf, at, end);
      if (stop === MALFORMED) return { ends, areErrors, rest: 'malformed' };
      if (stop === INCOMPLETE) break;
      expect(stop > at && stop <= end, () => `scan returned ${stop} for ${at}–${end}`);
      ends.push(stop - shift);
      areErrors.push(scanner.isError);
      isInReply = false;
      at = stop;
    }
    buf.fill(PLACEHOLDER, from + shift, end);
    from = to;
  }
  return { ends, areErrors, rest: isInReply ? 'incomplete' : 'nothing' };
}

export function expectSameScan(want: ScanResult, found: ScanResult, how: string): void {
  const isSame =
    want.rest === found.rest &&
    want.ends.length === found.ends.length &&
    want.ends.every((end, i) => end === found.ends[i]) &&
    want.areErrors.every((isError, i) => isError === found.areErrors[i]);
  if (!isSame) throw new Fault(`${how}: ${JSON.stringify(found)}, not ${JSON.stringify(want)}`);
}
