import { ByteReader, ByteWriter } from './bytes.ts';
import { HISTOGRAM_BUCKETS, Histogram } from './histogram.ts';
import { addPacked, packHistogram } from './packed-histogram.ts';

/*
 * Durations by when they were reported: a sum since the start, and slices that get coarser with age and are gone after 15
 * minutes. They stay packed, so that a thousand servers need some megabytes, not hundreds.
 *
 *   now ◀─ 10 s ─▶◀────── 50 s ──────▶◀───────────────── 14 min ─────────────────▶
 *        1 s each       5 s each                       1 min each                    dropped
 *
 * A window counts every slice of which any part lies in it: that of 10 s is told to within a second, the others to within a
 * tenth.
 */
const AGES: readonly { readonly olderThanS: number; readonly widthS: number }[] = [
  { olderThanS: 10, widthS: 5 },
  { olderThanS: 60, widthS: 60 },
];
const KEPT_S = 15 * 60;
/** What comes within one second, from several workers, is put together when there is so much of it. */
const PIECES_MAX = 8;

export const LATENCY_WINDOWS = [
  { name: '10s', seconds: 10 },
  { name: '1m', seconds: 60 },
  { name: '15m', seconds: KEPT_S },
] as const;

/** Durations of `[startS, startS + widthS)`, as packed histograms that are to be added. */
interface Slice {
  readonly startS: number;
  readonly widthS: number;
  pieces: Buffer[];
}

const writer = new ByteWriter();
const scratch = new Histogram();

export class LatencyWindows {
  /** Since the start. */
  readonly total = new Histogram(new Float64Array(HISTOGRAM_BUCKETS));
  /** The oldest first. */
  private slices: Slice[] = [];

  /** Takes in a packed histogram, which is kept. `nowS`: on any clock that does not go back. Throws a FormatError. */
  add(packed: Buffer, nowS: number): void {
    addPacked(new ByteReader(packed), this.total);
    const startS = Math.floor(nowS);
    const last = this.slices.at(-1);
    if (last !== undefined && last.startS === startS && last.widthS === 1) {
      last.pieces.push(packed);
      if (last.pieces.length > PIECES_MAX) last.pieces = [merged(last.pieces)];
      return;
    }
    this.age(startS);
    this.slices.push({ startS, widthS: 1, pieces: [packed] });
  }

  /** What was reported in the last `seconds`, 900 at most. */
  window(seconds: number, nowS: number): Histogram {
    this.age(Math.floor(nowS));
    const result = new Histogram(new Float64Array(HISTOGRAM_BUCKETS));
    const sinceS = Math.floor(nowS) - seconds;
    for (const { startS, widthS, pieces } of this.slices) {
      if (startS + widthS <= sinceS) continue;
      for (const piece of pieces) addPacked(new ByteReader(piece), result);
    }
    return result;
  }

  /** Bytes that the slices take. */
  get heldBytes(): number {
    let bytes = 0;
    for (const { pieces } of this.slices) for (const piece of pieces) bytes += piece.length;
    return bytes;
  }

  private age(nowS: number): void {
    let { slices } = this;
    if (slices.length === 0) return;
    slices = slices.filter(({ startS, widthS }) => startS + widthS > nowS - KEPT_S);
    for (const { olderThanS, widthS } of AGES) slices = coarser(slices, nowS - olderThanS, widthS);
    this.slices = slices;
  }
}

/** Puts finer slices together to those of `widthS`, as far as these end before `beforeS`. */
function coarser(slices: Slice[], beforeS: number, widthS: number): Slice[] {
  const ends = (slice: Slice) => Math.floor(slice.startS / widthS) * widthS + widthS;
  if (!slices.some(slice => slice.widthS < widthS && ends(slice) <= beforeS)) return slices;
  const result: Slice[] = [];
  for (const slice of slices) {
    const startS = ends(slice) - widthS;
    const last = result.at(-1);
    if (slice.widthS >= widthS || startS + widthS > beforeS) result.push(slice);
    else if (last !== undefined && last.startS === startS && last.widthS === widthS) last.pieces.push(...slice.pieces);
    else result.push({ startS, widthS, pieces: [...slice.pieces] });
  }
  for (const slice of result) if (slice.widthS === widthS) slice.pieces = [merged(slice.pieces)];
  return result;
}

/** One packed histogram with what all of `pieces` have, in memory of its own. */
function merged(pieces: readonly Buffer[]): Buffer {
  if (pieces.length === 1) return pieces[0]!;
  scratch.clear();
  for (const piece of pieces) addPacked(new ByteReader(piece), scratch);
  writer.clear();
  packHistogram(scratch, writer);
  return Buffer.from(writer.bytes());
}
