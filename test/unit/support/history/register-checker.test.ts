import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RegisterOperation, Seen } from '../../../support/history/key-history.ts';
import { type RegisterCheck, registerProblem } from '../../../support/history/register-checker.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';

const NEVER = Number.POSITIVE_INFINITY;
const write = (value: string, invokedAt: number, returnedAt: number): RegisterOperation => ({
  kind: 'write',
  value,
  seen: undefined,
  invokedAt,
  returnedAt,
  by: 'a client',
});
const read = (seen: Seen, invokedAt: number, returnedAt: number): RegisterOperation => ({
  ...write('', invokedAt, returnedAt),
  kind: 'read',
  seen,
});
const remove = (seen: Seen | undefined, invokedAt: number, returnedAt: number): RegisterOperation => ({
  ...read(NEVER === returnedAt ? null : (seen ?? null), invokedAt, returnedAt),
  kind: 'delete',
  seen,
});

const RIGHT: Record<string, [RegisterOperation[], RegisterCheck?]> = {
  'one after the other': [
    [write('a', 1, 2), read('a', 3, 4), remove('1', 5, 6), read(null, 7, 8), remove(null, 9, 10)],
  ],
  'a read beside a write sees either': [[write('a', 1, 2), write('b', 3, 9), read('a', 4, 5), read('b', 6, 7)]],
  'a read that began before a write may give the old value after it': [
    [write('a', 1, 2), read('a', 3, 9), write('b', 4, 5), read('b', 6, 7)],
  ],
  'two writes at once, in either order': [[write('a', 1, 9), write('b', 1, 9), read('b', 2, 3), read('a', 4, 5)]],
  'one hides the other': [[write('a', 1, 9), write('b', 1, 5), read('b', 6, 7), read('b', 10, 11)]],
  'a write of unknown outcome is seen late': [
    [write('u', 1, NEVER), write('b', 2, 3), read('b', 4, 5), read('u', 6, 7)],
  ],
  'or never': [[write('u', 1, NEVER), write('b', 2, 3), read('b', 4, 5)], { final: 'b' }],
  'a delete of unknown outcome': [[write('a', 1, 2), remove(undefined, 3, NEVER), read('a', 4, 5), read(null, 6, 7)]],
  'a delete counts what a write of unknown outcome has left': [
    [write('u', 1, NEVER), remove('1', 2, 3), read(null, 4, 5)],
  ],
  'a cache that misses and has it again': [[write('a', 1, 2), read(null, 3, 4), read('a', 5, 6)], { mayMiss: true }],
  'a cache that has lost it': [[write('a', 1, 2)], { mayMiss: true, final: null }],
};

const WRONG: Record<string, [RegisterOperation[], RegisterCheck?]> = {
  'a lost write': [[write('a', 1, 2), read(null, 3, 4)]],
  'a lost write at the end': [[write('a', 1, 2)], { final: null }],
  'a stale read': [[write('a', 1, 2), write('b', 3, 4), read('a', 5, 6)]],
  'a stale read after a read of the new value': [
    [write('a', 1, 2), write('b', 3, 9), read('b', 4, 5), read('a', 6, 7)],
  ],
  'a key that is back after its delete': [[write('a', 1, 2), remove('1', 3, 4), read('a', 5, 6)]],
  'a key that is back at the end': [[write('a', 1, 2), remove('1', 3, 4)], { final: 'a' }],
  'a delete that found nothing': [[write('a', 1, 2), remove(null, 3, 4)]],
  'a delete that found something twice': [[write('a', 1, 2), remove('1', 3, 8), remove('1', 3, 8)]],
  'a value that nobody wrote': [[write('a', 1, 2), read('x', 3, 4)]],
  'a value before it was written': [[read('a', 1, 2), write('a', 3, 4)]],
  'a write of unknown outcome that takes effect twice': [
    [write('u', 1, NEVER), read('u', 2, 3), write('b', 4, 5), read('b', 6, 7), read('u', 8, 9)],
  ],
  'a stale read of a cache': [
    [write('a', 1, 2), write('b', 3, 4), read(null, 5, 6), read('a', 7, 8)],
    { mayMiss: true },
  ],
  'a deleted value in a cache': [[write('a', 1, 2), remove(null, 3, 4), read('a', 5, 6)], { mayMiss: true }],
};

describe('a register has an order for', () => {
  for (const [name, [operations, check]] of Object.entries(RIGHT)) {
    test(name, () => assert.equal(registerProblem(operations, check), null));
  }
});

describe('a register has no order for', () => {
  for (const [name, [operations, check]] of Object.entries(WRONG)) {
    test(name, () => assert.notEqual(registerProblem(operations, check), null));
  }
});

/** What several clients see of a register that is right, some of whose answers are lost. */
function randomHistory(random: SeededRandom, count: number): RegisterOperation[] {
  const operations: RegisterOperation[] = [];
  let value: Seen = null;
  let time = 0;
  const freeAt = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const client = random.between(0, 3);
    const kind = random.pick(['read', 'read', 'write', 'delete'] as const);
    time += random.next();
    const invokedAt = Math.max(freeAt[client]!, time - random.next() * 3);
    const isLost = kind !== 'read' && random.chance(0.05);
    const isDone = !isLost || random.chance(0.5);
    // It takes effect at `time`, between its call and its return.
    const returnedAt = isLost ? NEVER : time + random.next() * 3;
    const before: Seen = value;
    if (isDone && kind !== 'read') value = kind === 'write' ? `v${i}` : null;
    const seen = kind === 'read' ? before : kind === 'delete' && !isLost ? before : undefined;
    operations.push({ kind, value: `v${i}`, seen, invokedAt: Math.min(invokedAt, time), returnedAt, by: `${client}` });
    if (!isLost) freeAt[client] = returnedAt;
  }
  return operations;
}

test('histories of a register that is right are right', () => {
  for (let seed = 0; seed < 10; seed++) {
    assert.equal(registerProblem(randomHistory(new SeededRandom(seed), 500)), null, `seed ${seed}`);
  }
});

test('one value exchanged for an older one is found', () => {
  let found = 0;
  for (let seed = 0; seed < 50; seed++) {
    const random = new SeededRandom(seed);
    const operations = randomHistory(random, 200);
    const at = operations.findLastIndex(({ kind }) => kind === 'read');
    const stale = operations.find(({ kind, returnedAt }) => kind === 'write' && returnedAt < NEVER)!;
    operations[at] = { ...operations[at]!, seen: stale.value };
    if (registerProblem(operations) !== null) found++;
  }
  assert.equal(found, 50);
});
