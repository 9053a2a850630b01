import assert from 'node:assert/strict';
import { test } from 'node:test';
import { giveBack, takeMemory } from '../../../src/memory/uncounted-memory.ts';
import { native } from '../../../src/system/native.ts';

const isHere = native !== null;
const MIB = 2 ** 20;

test('V8 does not count it, so that it does not collect because of it', { skip: !isHere }, () => {
  const before = process.memoryUsage().external;
  const kept = Array.from({ length: 256 }, () => takeMemory(MIB));
  const counted = process.memoryUsage().external - before;
  assert.ok(counted < 64 * MIB, `${counted} of ${kept.length} MiB`);
});

test('what was given back has lost its pages, and is used again for as many bytes', { skip: !isHere }, () => {
  const memory = takeMemory(300_000);
  const bytes = new Uint8Array(memory).fill(1);
  giveBack(memory);
  assert.equal(bytes[150_000], 0);
  assert.notEqual(takeMemory(300_001), memory);
  assert.equal(takeMemory(300_000), memory);
  assert.notEqual(takeMemory(300_000), memory);
});

test('a few bytes, and none, can be taken and given back', () => {
  for (const bytes of [0, 1, 8, 5000]) {
    const memory = takeMemory(bytes);
    assert.equal(memory.byteLength, bytes);
    giveBack(memory);
  }
});
