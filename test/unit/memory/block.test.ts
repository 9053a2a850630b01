import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import {
  BLOCK_MAX_BYTES,
  BLOCK_MIN_BYTES,
  dropFreeBlocks,
  FREE_BLOCKS_MAX_BYTES,
  freeBlockBytes,
  takeBlock,
  trimFreeBlocks,
} from '../../../src/memory/block.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

beforeEach(dropFreeBlocks);

test('a block has room for what was asked for, and at most twice that', () => {
  const random = new SeededRandom(1);
  const sizes = [
    1,
    BLOCK_MIN_BYTES,
    BLOCK_MIN_BYTES + 1,
    65536,
    65537,
    BLOCK_MAX_BYTES,
    BLOCK_MAX_BYTES + 1,
    5_000_001,
  ];
  for (let i = 0; i < 200; i++) sizes.push(random.between(1, 3 * BLOCK_MAX_BYTES));
  for (const size of sizes) {
    const { bytes } = takeBlock(size);
    assert.ok(bytes.length >= size, `${bytes.length} for ${size}`);
    assert.ok(bytes.length <= Math.max(BLOCK_MIN_BYTES, 2 * size), `${bytes.length} for ${size}`);
    if (size > BLOCK_MAX_BYTES) assert.equal(bytes.length, size);
  }
});

test('a block is used again when the last who retained it has released it, and not before', () => {
  const block = takeBlock(20_000);
  block.retain();
  assert.equal(block.isUnshared, false);
  block.release();
  assert.equal(block.isUnshared, true);
  assert.notEqual(takeBlock(20_000), block);
  block.release();
  assert.equal(takeBlock(20_000), block);
  assert.equal(block.isUnshared, true);
});

test('to release a block once too often is an error: its bytes may be another’s', () => {
  const block = takeBlock(1);
  block.release();
  assert.throws(() => block.release(), /once too often/);
});

test('free blocks are bounded; what is above goes back to the system at once', () => {
  const blocks = Array.from({ length: FREE_BLOCKS_MAX_BYTES / BLOCK_MAX_BYTES + 1 }, () => takeBlock(BLOCK_MAX_BYTES));
  for (const block of blocks) block.release();
  assert.equal(freeBlockBytes(), FREE_BLOCKS_MAX_BYTES);
  assert.equal(blocks.at(-1)?.bytes.length, 0);
  assert.equal(blocks[0]?.bytes.length, BLOCK_MAX_BYTES);
});

test('a block above the largest size is not kept', () => {
  const block = takeBlock(BLOCK_MAX_BYTES + 1);
  block.release();
  assert.equal(freeBlockBytes(), 0);
  assert.equal(block.bytes.length, 0);
});

test('trimming gives back what nobody has needed since the last time, and keeps the rest', () => {
  const blocks = Array.from({ length: 10 }, () => takeBlock(BLOCK_MIN_BYTES));
  for (const block of blocks) block.release();
  trimFreeBlocks();
  assert.equal(freeBlockBytes(), 10 * BLOCK_MIN_BYTES, 'they were all in use since');
  // Three at once are needed now and then.
  for (let i = 0; i < 5; i++) {
    const taken = [1, 2, 3].map(() => takeBlock(BLOCK_MIN_BYTES));
    for (const block of taken) block.release();
  }
  trimFreeBlocks();
  assert.equal(freeBlockBytes(), 3 * BLOCK_MIN_BYTES);
  trimFreeBlocks();
  assert.equal(freeBlockBytes(), 0);
});
