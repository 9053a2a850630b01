import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteReader, ByteWriter, FormatError } from '../../../src/figures/bytes.ts';
import { bucketOf, HISTOGRAM_BUCKETS, Histogram } from '../../../src/figures/histogram.ts';
import { addPacked, packHistogram } from '../../../src/figures/packed-histogram.ts';
import { SeededRandom, seedFrom } from '../../support/seeded-random.ts';

function packed(histogram: Histogram): Buffer {
  const out = new ByteWriter();
  packHistogram(histogram, out);
  return out.bytes();
}

function large(): Histogram {
  return new Histogram(new Float64Array(HISTOGRAM_BUCKETS));
}

test('what is packed comes out again, whatever it is', () => {
  const random = new SeededRandom(seedFrom('PACKED_HISTOGRAM_SEED'));
  for (let round = 0; round < 100; round++) {
    const histogram = large();
    for (let i = random.between(0, 300); i > 0; i--)
      histogram.record(random.between(0, 2 ** random.between(0, 31) - 1));
    if (!histogram.isEmpty) histogram.counts[bucketOf(histogram.maxUs)] = 2 ** random.between(30, 52);
    const result = large();
    const reader = new ByteReader(packed(histogram));
    addPacked(reader, result);
    assert.deepEqual(result, histogram);
    assert.ok(reader.isAtEnd);
  }
});

test('what is unpacked is added to what is there', () => {
  const histogram = new Histogram();
  for (const us of [3, 70, 900]) histogram.record(us);
  const sum = new Histogram();
  sum.record(1000);
  addPacked(new ByteReader(packed(histogram)), sum);
  histogram.record(1000);
  assert.deepEqual(sum, histogram);
});

test('an empty one takes three bytes', () => {
  assert.equal(packed(new Histogram()).length, 3);
});

test('bytes that are no histogram are refused', () => {
  const histogram = new Histogram();
  for (const us of [3, 70, 900, 12_345_678]) histogram.record(us);
  const bytes = packed(histogram);
  for (let end = 0; end < bytes.length; end++) {
    assert.throws(() => addPacked(new ByteReader(bytes.subarray(0, end)), new Histogram()), FormatError, `at ${end}`);
  }
  const outside = new ByteWriter();
  for (const value of [1 + HISTOGRAM_BUCKETS, 1, 0, 0, 0]) outside.varint(value);
  assert.throws(() => addPacked(new ByteReader(outside.bytes()), new Histogram()), FormatError);
});
