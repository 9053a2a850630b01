import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ByteWriter, FormatError } from '../../../src/figures/bytes.ts';
import { HISTOGRAM_BUCKETS, Histogram } from '../../../src/figures/histogram.ts';
import { LATENCY_WINDOWS, LatencyWindows } from '../../../src/figures/latency-windows.ts';
import { packHistogram } from '../../../src/figures/packed-histogram.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

function packed(...durations: number[]): Buffer {
  const histogram = new Histogram();
  for (const us of durations) histogram.record(us);
  const out = new ByteWriter();
  packHistogram(histogram, out);
  return Buffer.from(out.bytes());
}

describe('windows', () => {
  test('count what was reported within them, to within a slice', () => {
    const windows = new LatencyWindows();
    const START_S = 1003;
    const END_S = START_S + 2000;
    // Every second one duration that says when it was.
    for (let nowS = START_S; nowS <= END_S; nowS++) {
      windows.add(packed(nowS), nowS + 0.5);
      if (nowS % 7 !== 0) continue;
      for (const { seconds } of LATENCY_WINDOWS) {
        const slackS = seconds / 10;
        const { count } = windows.window(seconds, nowS + 0.9);
        const had = Math.min(seconds, nowS - START_S + 1);
        assert.ok(count >= had && count <= had + slackS, `${seconds} s at ${nowS}: ${count}`);
      }
    }
    assert.equal(windows.total.count, END_S - START_S + 1);
    assert.equal(windows.total.maxUs, END_S);
  });

  test('are empty when nothing came for so long', () => {
    const windows = new LatencyWindows();
    windows.add(packed(5), 100);
    for (const seconds of [10, 60, 900]) assert.equal(windows.window(seconds, 100).count, 1);
    assert.equal(windows.window(10, 112).count, 0);
    assert.equal(windows.window(60, 112).count, 1);
    assert.equal(windows.window(60, 170).count, 0);
    assert.equal(windows.window(900, 170).count, 1);
    assert.equal(windows.window(900, 1100).count, 0);
    assert.equal(windows.heldBytes, 0);
    assert.equal(windows.total.count, 1);
  });

  test('have all that several workers report within a second', () => {
    const windows = new LatencyWindows();
    for (let worker = 0; worker < 100; worker++) windows.add(packed(worker, 2 * worker), 50.1);
    const { count, maxUs } = windows.window(10, 50.2);
    assert.equal(count, 200);
    assert.equal(maxUs, 198);
  });

  test('keep every count and the maximum while slices are put together', () => {
    const random = new SeededRandom(3);
    const windows = new LatencyWindows();
    const all = new Histogram(new Float64Array(HISTOGRAM_BUCKETS));
    for (let nowS = 0; nowS < 890; nowS += random.between(1, 9)) {
      const durations = Array.from({ length: random.between(0, 20) }, () => random.between(0, 10_000_000));
      for (const us of durations) all.record(us);
      windows.add(packed(...durations), nowS);
    }
    assert.deepEqual(windows.window(900, 890), all);
    assert.deepEqual(windows.total, all);
  });
});

test('a busy server takes some kilobytes, whatever the rate', () => {
  const random = new SeededRandom(4);
  const windows = new LatencyWindows();
  for (let nowS = 0; nowS < 1000; nowS++) {
    // Around 300 µs, with a tail, as a cache has it.
    const durations = Array.from({ length: 2000 }, () => Math.floor(300 * Math.exp(random.next() * 2 - 0.5)));
    windows.add(packed(...durations, 20_000), nowS);
  }
  assert.ok(windows.heldBytes < 20_000, `${windows.heldBytes} bytes`);
});

test('bytes that are no histogram are refused and leave the slices as they were', () => {
  const windows = new LatencyWindows();
  windows.add(packed(7), 1);
  assert.throws(() => windows.add(Buffer.from([9, 9]), 1), FormatError);
  assert.equal(windows.window(10, 1).count, 1);
});
