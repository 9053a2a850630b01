import { type ByteReader, type ByteWriter, FormatError } from './bytes.ts';
import { bucketOf, HISTOGRAM_BUCKETS, type Histogram } from './histogram.ts';

/*
 * A histogram in few bytes, for the way to the master and for the slices of its windows: mostly one for how many empty
 * buckets to skip and one for the count.
 *
 *   for each bucket that is not empty: 1 + how many empty ones are before it │ its count
 *   0 │ sum │ maximum + 1
 *
 * All are varints (bytes.ts). An empty one takes three bytes, a busy server's some hundreds.
 */

export function packHistogram(histogram: Histogram, out: ByteWriter): void {
  const { counts, maxUs } = histogram;
  const end = maxUs < 0 ? 0 : bucketOf(maxUs) + 1;
  let next = 0;
  for (let bucket = 0; bucket < end; bucket++) {
    const count = counts[bucket]!;
    if (count === 0) continue;
    out.varint(bucket - next + 1);
    out.varint(count);
    next = bucket + 1;
  }
  out.varint(0);
  out.varint(histogram.sumUs);
  out.varint(maxUs + 1);
}

/** Adds what was packed. Throws a FormatError, with `into` spoiled, when it is not a histogram. */
export function addPacked(from: ByteReader, into: Histogram): void {
  let bucket = -1;
  for (let step = from.varint(); step > 0; step = from.varint()) {
    bucket += step;
    if (bucket >= HISTOGRAM_BUCKETS) throw new FormatError(`a histogram has no bucket ${bucket}`);
    into.counts[bucket]! += from.varint();
  }
  into.sumUs += from.varint();
  into.maxUs = Math.max(into.maxUs, from.varint() - 1);
}
