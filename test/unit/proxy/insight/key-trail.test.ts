import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeBlock } from '../../../../src/memory/block.ts';
import { KeyTrail, TRAIL_KEY_BYTES } from '../../../../src/proxy/insight/key-trail.ts';
import { RequestBytes } from '../../../../src/request/request-bytes.ts';
import { sharedBuffer } from '../../../../src/system/copy.ts';

const bytes = new RequestBytes();

/** Keeps `key`, which lies in its own buffer. */
function keep(trail: KeyTrail, key: string): number {
  const buf = Buffer.from(`get ${key}`, 'latin1');
  return trail.keep(bytes.set(buf, 0, buf.length, null), 4, buf.length);
}

const found = (trail: KeyTrail, from: number, size: number, ageUs = 0) =>
  trail.find(from, size, ageUs)?.toString('latin1');

test('keys are found where they were kept, from whatever memory they came', () => {
  const trail = new KeyTrail();
  assert.equal(trail.find(0, 3, 0), null);
  const first = keep(trail, 'first');
  sharedBuffer.write('a shared key', 100, 'latin1');
  const shared = trail.keep(bytes.set(sharedBuffer, 0, 200, null), 102, 112);
  sharedBuffer.fill(0, 0, 200);
  const block = takeBlock(8192);
  block.bytes.write('key in a block', 50, 'latin1');
  const inBlock = trail.keep(bytes.set(block.bytes, 0, 200, block), 50, 64);
  block.release();
  assert.equal(found(trail, first, 5), 'first');
  assert.equal(found(trail, shared, 10), 'shared key');
  assert.equal(found(trail, inBlock, 14), 'key in a block');
});

test('a long key is cut', () => {
  const trail = new KeyTrail();
  const from = keep(trail, 'k'.repeat(1000));
  assert.equal(found(trail, from, 1000), 'k'.repeat(TRAIL_KEY_BYTES));
});

test('a key is right or gone, however much came since', () => {
  const trail = new KeyTrail();
  const kept: { from: number; key: string }[] = [];
  let gone = 0;
  for (let i = 0; i < 60_000; i++) {
    const key = `key:${i}:`.padEnd((i * 37) % 200, 'x');
    kept.push({ from: keep(trail, key), key });
    if (i % 1000 !== 999) continue;
    for (const { from, key } of kept) {
      const text = found(trail, from, key.length);
      if (text === undefined) gone++;
      else assert.equal(text, key.slice(0, TRAIL_KEY_BYTES));
    }
  }
  assert.ok(gone > 0, 'the ring went round');
  const { from, key } = kept.at(-1)!;
  assert.equal(found(trail, from, key.length), key.slice(0, TRAIL_KEY_BYTES));
  assert.equal(found(trail, from, key.length, 61_000_000), undefined, 'too old to be told for sure');
});
