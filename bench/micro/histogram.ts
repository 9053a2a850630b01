// Nanoseconds and heap bytes of recording a duration, and of packing a histogram. Run: node bench/micro/histogram.ts
import { ByteWriter } from '../../src/figures/bytes.ts';
import { Histogram } from '../../src/figures/histogram.ts';
import { packHistogram } from '../../src/figures/packed-histogram.ts';
import { measure, printTable } from './measure.ts';

/** Durations around 300 µs with a tail, as a cache has them. */
const durations = Uint32Array.from({ length: 4096 }, (_, i) =>
  Math.floor(300 * Math.exp(((Math.imul(i, 0x9e3779b1) >>> 0) / 2 ** 32) * 2 - 0.5) + (i % 100 === 0 ? 20_000 : 0)),
);

function recording(count: number): (calls: number) => void {
  const histograms = Array.from({ length: count }, () => new Histogram());
  return calls => {
    for (let i = 0; i < calls; i++) histograms[i % count]!.record(durations[i & 4095]!);
  };
}

function packing(): (calls: number) => void {
  const histogram = new Histogram();
  for (const us of durations) histogram.record(us);
  const out = new ByteWriter();
  return calls => {
    for (let i = 0; i < calls; i++) {
      out.clear();
      packHistogram(histogram, out);
    }
  };
}

const rows = [
  ['record, one histogram', measure(recording(1))] as const,
  ['record, a thousand by turns', measure(recording(1000))] as const,
  ['pack', measure(packing())] as const,
].map(([name, { nsPerCall, bytesPerCall }]) => [name, nsPerCall.toFixed(1), bytesPerCall.toFixed(1)]);
printTable(['', 'ns', 'heap B/call'], rows);
