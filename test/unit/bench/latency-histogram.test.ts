import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from '../../../bench/load/latency-histogram.ts';

test('a latency is told exactly up to 255 µs and to within 0.8 % above', () => {
  for (let us = 0; us < 2 ** 31; us = us < 600 ? us + 1 : Math.ceil(us * 1.037)) {
    const histogram = new LatencyHistogram();
    histogram.record(us);
    // The largest one bounds what a quantile says, so another, larger one is needed to see the step.
    histogram.record(2 ** 31 - 1);
    const told = histogram.quantileUs(0.5);
    assert.ok(us < 256 ? told === us : told >= us && told <= us * 1.008, `${us} is told as ${told}`);
  }
});

test('quantiles are of what was recorded', () => {
  const histogram = new LatencyHistogram();
  for (let us = 1; us <= 200; us++) histogram.record(us);
  assert.equal(histogram.quantileUs(0.5), 100);
  assert.equal(histogram.quantileUs(0.99), 198);
  assert.equal(histogram.quantileUs(1), 200);
  assert.equal(histogram.maxUs, 200);
  assert.equal(histogram.count, 200);
});
