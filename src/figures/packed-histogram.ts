import { type ByteReader, type ByteWriter, FormatError } from './bytes.ts';
import { HISTOGRAM_BUCKETS, type Histogram } from './histogram.ts';

/*
 * A histogram in few bytes, for the way to the master and for the slices of its windows: mostly one for how many empty
 * buckets to skip and one for the count.
 *
 *   runs of non-empty buckets: number │ for each: empty buckets before it, its count │ sum │ maximum
 *
 * All are varints (bytes.ts). An idle server's takes three bytes, a busy one's some hundreds.
 */

export function packHistogram(histogram: Histogram, out: ByteWriter): void {
  const { counts } = histogram;
  let used = 0;
  for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) if (counts[bucket] !== 0) used++;
  out.varint(used);
  let skipped = 0;
  for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    const count = counts[bucket]!;
    if (count === 0) {
      skipped++;
      continue;
    }
    out.varint(skipped);
    out.varint(count);
    skipped = 0;
  }
  out.varint(histogram.sumUs);
  out.varint(histogram.maxUs);
}

/** Adds what was packed. Throws a FormatError, with `into` spoiled, when it is not a histogram. */
export function addPacked(from: ByteReader, into: Histogram): void {
  const used = from.varint();
  let bucket = 0;
  for (let i = 0; i < used; i++) {
    bucket += from.varint();
    if (bucket >= HISTOGRAM_BUCKETS) throw new FormatError(`a histogram has no bucket ${bucket}`);
    const count = from.varint();
    into.counts[bucket++]! += count;
    into.count += count;
  }
  into.sumUs += from.varint();
  into.maxUs = Math.max(into.maxUs, from.varint());
}
