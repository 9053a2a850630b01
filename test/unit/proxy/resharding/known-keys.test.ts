import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KnownKeys } from '../../../../src/proxy/resharding/known-keys.ts';

test('keys are known as long as there is room, and those that are asked for stay', () => {
  const known = new KnownKeys(10_000);
  known.add('wanted');
  for (let i = 0; i < 1000; i++) {
    known.add(`key:${i}`);
    assert.ok(known.has('wanted'), `after ${i}`);
    assert.ok(known.memoryBytes <= 10_000);
  }
  assert.ok(known.has('key:999'));
  assert.ok(!known.has('key:0'));
  known.clear();
  assert.ok(!known.has('wanted'));
  assert.equal(known.memoryBytes, 0);
});

test('keys that are too long are not remembered', () => {
  const known = new KnownKeys(1 << 20);
  known.add('k'.repeat(2000));
  assert.equal(known.size, 0);
});
