import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK_MIN_BYTES, COPY_LIMIT_BYTES, takeBlock } from '../../../src/memory/block.ts';
import { RequestBytes } from '../../../src/request/request-bytes.ts';
import { WaitingBytes } from '../../../src/upstream/waiting-bytes.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

function shifted(waiting: WaitingBytes, sizeBytes: number): string {
  const pieces: string[] = [];
  waiting.shift(sizeBytes, { append: (buf, start, end) => void pieces.push(buf.toString('latin1', start, end)) });
  return pieces.join('');
}

const bytesOf = (text: string) => new RequestBytes().set(Buffer.from(text, 'latin1'), 0, text.length, null);

test('requests of any size come out as they went in, in their order, whatever waits meanwhile', () => {
  const random = new SeededRandom(7);
  const waiting = new WaitingBytes();
  const expected: string[] = [];
  for (let i = 0; i < 20_000; i++) {
    if (expected.length > 0 && random.chance(0.49)) {
      const text = expected.shift() as string;
      if (random.chance(0.1)) waiting.shift(text.length, null);
      else assert.ok(shifted(waiting, text.length) === text, `request ${i}`);
      continue;
    }
    const size = 1 + random.between(0, random.chance(0.05) ? 5 * COPY_LIMIT_BYTES : 200);
    const text = String.fromCharCode(33 + (i % 90)).repeat(size);
    expected.push(text);
    waiting.push(bytesOf(text));
  }
  assert.ok(waiting.heldBytes > 0);
  for (const text of expected) assert.equal(shifted(waiting, text.length), text);
  assert.equal(waiting.heldBytes, 0);
});

test('what was pushed is its own: the bytes it came from may change, and what is cut is left out', () => {
  const waiting = new WaitingBytes();
  const block = takeBlock(BLOCK_MIN_BYTES);
  block.bytes.write('GET noreply key', 'latin1');
  const bytes = new RequestBytes().set(block.bytes, 0, 15, block);
  bytes.cut(3, 11);
  waiting.push(bytes);
  block.bytes.fill(0, 0, 15);
  assert.equal(shifted(waiting, 7), 'GET key');
  assert.equal(waiting.heldBytes, 0);
  assert.ok(block.isUnshared);
  block.release();
});

test('a large request keeps the block that it fills, once', () => {
  const waiting = new WaitingBytes();
  const block = takeBlock(BLOCK_MIN_BYTES);
  waiting.push(new RequestBytes().set(block.bytes, 0, block.bytes.length, block));
  assert.equal(block.isUnshared, false);
  waiting.shift(block.bytes.length, null);
  assert.ok(block.isUnshared);
  block.release();
});

test('many small requests hold little more than their bytes', () => {
  const waiting = new WaitingBytes();
  for (let i = 0; i < 10_000; i++) waiting.push(bytesOf('x'.repeat(50)));
  assert.ok(waiting.heldBytes < 500_000 + 2 * BLOCK_MIN_BYTES, `${waiting.heldBytes}`);
});
