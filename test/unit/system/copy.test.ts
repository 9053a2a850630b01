import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeBlock } from '../../../src/memory/block.ts';
import { copyRuns } from '../../../src/memory/runs.ts';
import { addressOf, copyBytes, sharedBuffer } from '../../../src/system/copy.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

test('copies are those of Buffer.copy, of any size and from and to anywhere', () => {
  const random = new SeededRandom(5);
  const large = random.bytes(70_000);
  large.copy(sharedBuffer);
  for (let i = 0; i < 20_000; i++) {
    // A view into other memory, memory of its own, too little for any, and what all sockets share.
    const source = random.pick([large, large.subarray(1000, 60_000), Buffer.from('a few bytes'), sharedBuffer]);
    const block = takeBlock(70_000);
    block.bytes.fill(0, 0, 8);
    const start = random.between(0, source.length);
    const end = random.between(start, Math.min(source.length, start + random.pick([3, 50, 5000])));
    const at = random.between(0, 100);
    copyBytes(block.bytes, block.address, at, source, addressOf(source), start, end);
    assert.ok(block.bytes.subarray(at, at + end - start).equals(source.subarray(start, end)));
    block.release();
  }
});

test('a copy that does not fit is refused, and nothing is written', () => {
  const block = takeBlock(16 * 1024);
  const size = block.bytes.length;
  const source = Buffer.alloc(100, 'x');
  block.bytes.fill('.');
  for (const [at, start, end] of [
    [size - 9, 0, 10],
    [size + 1, 0, 0],
    [-1, 0, 10],
    [0, -1, 10],
    [0, 95, 101],
    [0, 10, 9],
    [2 ** 31, 0, 10],
    [0, 0, 2 ** 32 + 1],
  ] as const) {
    assert.throws(() => copyBytes(block.bytes, block.address, at, source, addressOf(source), start, end), RangeError);
  }
  assert.ok(block.bytes.every(byte => byte === 0x2e));
  // Memory that has gone back to the system has no length any more.
  const gone = takeBlock(16 * 1024);
  gone.discard();
  assert.throws(() => copyBytes(gone.bytes, gone.address, 0, source, addressOf(source), 0, 1), RangeError);
  assert.throws(() => copyBytes(block.bytes, block.address, 0, gone.bytes, gone.address, 0, 1), RangeError);
});

test('runs of many buffers come to lie side by side', () => {
  const random = new SeededRandom(6);
  for (const count of [1, 2, 300]) {
    const buffers = Array.from({ length: count }, () => random.bytes(random.between(1, 300)));
    const runs: number[] = [];
    const wanted: Buffer[] = [];
    for (let i = 0; i < 500; i++) {
      const index = random.between(0, count - 1);
      const start = random.between(0, buffers[index]!.length);
      const end = random.between(start, buffers[index]!.length);
      runs.push(index, start, end);
      wanted.push(buffers[index]!.subarray(start, end));
    }
    const whole = Buffer.concat(wanted);
    const block = takeBlock(whole.length + 7);
    copyRuns(block, 7, buffers, Int32Array.from(runs), runs.length);
    assert.ok(block.bytes.subarray(7, 7 + whole.length).equals(whole));
    assert.throws(() => copyRuns(block, block.bytes.length, buffers, Int32Array.of(0, 0, 1), 3), RangeError);
  }
});
