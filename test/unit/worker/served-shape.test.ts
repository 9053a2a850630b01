import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReshardPhase } from '../../../src/ipc/reshard-state.ts';
import { servedShape, serversMovedTo, unionOf } from '../../../src/worker/served-shape.ts';
import { poolOf } from '../../support/reshard-under-test.ts';

const from = poolOf({ servers: ['10.0.0.1:6379:1 a', '10.0.0.2:6379:1 b'], settings: ['hash: md5', 'timeout: 1s'] });
// b has moved, c is a by another name, and d is new.
const to = poolOf({
  servers: ['10.0.0.9:6379:1 b', '10.0.0.1:6379:2 c', '10.0.0.4:6379:1 d'],
  settings: ['hash: crc16'],
});

test('servers of both shapes are told apart by their address, not by their name', () => {
  const { servers, from: old, to: next } = unionOf({ from, to });
  assert.deepEqual(
    servers.map(({ name }) => name),
    ['a', 'b', 'b (10.0.0.9:6379)', 'd'],
  );
  assert.deepEqual(
    [old, next],
    [
      [0, 1],
      [2, 0, 3],
    ],
  );
});

test('a pool is served by its own settings, and by servers and ring of the phase', () => {
  const served = (phase: ReshardPhase | null) => {
    const step = { id: 'r', half: 'whole', isBack: false, isDropping: false } as const;
    const state = phase === null ? null : { ...step, phase, from, to };
    const { hash, timeoutMs, servers } = servedShape(from, state);
    return { hash, timeoutMs, servers: servers.length, movedTo: serversMovedTo(from, state) };
  };
  const again = ['b (10.0.0.9:6379)', 'a', 'd'];
  assert.deepEqual(served(null), { hash: 'md5', timeoutMs: 1000, servers: 2, movedTo: [] });
  assert.deepEqual(served('old'), { hash: 'md5', timeoutMs: 1000, servers: 4, movedTo: [] });
  assert.deepEqual(served('hold'), { hash: 'md5', timeoutMs: 1000, servers: 4, movedTo: again });
  assert.deepEqual(served('both'), { hash: 'crc16', timeoutMs: 1000, servers: 4, movedTo: again });
  assert.deepEqual(served('new'), { hash: 'crc16', timeoutMs: 1000, servers: 3, movedTo: [] });
});
