import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TrackedKey } from '../../soak/key-ledger.ts';

const history = () => ({ deaths: 0, faults: 0, faultEndedAtMs: -10_000 });

test('a value of another key, of another version or with a wrong byte is a problem', () => {
  const key = new TrackedKey('a', history(), true);
  const other = new TrackedKey('b', history(), true);
  const first = key.nextVersion(1);
  key.confirm(first);
  assert.equal(key.problemOf(key.valueOf(1)), null);
  assert.match(key.problemOf(other.valueOf(1)) ?? '', /^is \d+ bytes "b\|1\|/);
  assert.match(key.problemOf(key.valueOf(2)) ?? '', /^has version 2; it should have version 1$/);
  assert.match(key.problemOf(key.valueOf(1).subarray(1)) ?? '', /^is /);
  assert.match(key.problemOf(key.valueOf(1).subarray(0, -1)) ?? '', /^is /);
  const bytes = key.valueOf(1);
  bytes[bytes.length - 1]! ^= 1;
  assert.match(key.problemOf(bytes) ?? '', /^is /);
  key.confirm(key.nextVersion(1));
  assert.match(key.problemOf(key.valueOf(1)) ?? '', /^has version 1; it should have version 2$/);
});

test('a key is missing only after a removal or the death of its server', () => {
  const servers = history();
  const key = new TrackedKey('a', servers, true);
  assert.equal(key.problemOf(null), null);
  key.confirm(key.nextVersion(1));
  assert.match(key.problemOf(null) ?? '', /^is missing/);
  key.doubt(key.removal(1));
  assert.equal(key.problemOf(null), null);
  const again = new TrackedKey('a', servers, true);
  again.confirm(again.nextVersion(1));
  servers.deaths++;
  assert.equal(again.problemOf(null), null);
  again.confirm(again.nextVersion(1));
  assert.match(again.problemOf(null) ?? '', /^is missing/);
});

test('a write in doubt may show, until a later one of the same connection is done in quiet times', () => {
  const servers = history();
  const key = new TrackedKey('a', servers, true);
  key.doubt(key.nextVersion(1));
  key.confirm(key.nextVersion(1));
  assert.match(key.problemOf(key.valueOf(1)) ?? '', /^has version 1/);
  key.doubt(key.nextVersion(1));
  key.confirm(key.nextVersion(2));
  assert.equal(key.problemOf(key.valueOf(3)), null);
  key.doubt(key.nextVersion(2));
  servers.faults++;
  key.confirm(key.nextVersion(2));
  assert.equal(key.problemOf(key.valueOf(5)), null);
});

test('where keys move, any version that was sent may show, and no other value', () => {
  const key = new TrackedKey('a', history(), false);
  key.confirm(key.nextVersion(1));
  key.confirm(key.nextVersion(1));
  for (const value of [null, key.valueOf(1), key.valueOf(2)]) assert.equal(key.problemOf(value), null);
  assert.notEqual(key.problemOf(key.valueOf(3)), null);
});
