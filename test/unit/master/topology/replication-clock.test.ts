import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplicationClock } from '../../../../src/master/topology/replication-clock.ts';

test('a replica is behind since its primary had more than it has', () => {
  const clock = new ReplicationClock();
  assert.equal(clock.lagMs(0, 0), 0);
  clock.note(100, 1000);
  clock.note(100, 2000);
  clock.note(150, 3000);
  clock.note(200, 4000);
  assert.equal(clock.lagMs(200, 9000), 0);
  assert.equal(clock.lagMs(250, 9000), 0);
  assert.equal(clock.lagMs(199, 9000), 5000);
  assert.equal(clock.lagMs(150, 9000), 5000);
  assert.equal(clock.lagMs(100, 9000), 6000);
  assert.equal(clock.lagMs(99, 9000), 8000);
});

test('a primary that begins anew is another one', () => {
  const clock = new ReplicationClock();
  clock.note(1000, 1000);
  clock.note(10, 2000);
  assert.equal(clock.lagMs(10, 5000), 0);
  assert.equal(clock.lagMs(5, 5000), 3000);
});

test('what is kept is bounded', () => {
  const clock = new ReplicationClock();
  for (let i = 0; i < 10_000; i++) clock.note(i, i);
  assert.ok(clock.lagMs(0, 10_000) < 1000);
  assert.equal(clock.lagMs(9999, 10_000), 0);
});
