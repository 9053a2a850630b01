// Who has the memory of rings: a pool lets go of its old one when it gets another, and of the last one when it closes.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Clock } from '../../../src/loop/clock.ts';
import { Turn } from '../../../src/loop/turn.ts';
import { ACCESS_READ, type Placement } from '../../../src/placement/placement.ts';
import { redisProtocol } from '../../../src/protocol/redis/redis.ts';
import { Pool } from '../../../src/upstream/pool.ts';
import { planPool } from '../../../src/upstream/pool-plan.ts';
import { CollectedLog } from '../../support/collected-log.ts';

const SERVERS = 20;
const KEYS = Array.from({ length: 200 }, (_, i) => Buffer.from(`key-${i}`));

/** As a reload plans it; no server is ever asked. */
function plan(hash: 'murmur' | 'md5', known: Placement | null = null) {
  const backends = Array.from({ length: SERVERS }, (_, i) => ({
    ...{ name: `s${i}`, weight: 1, address: { host: '127.0.0.1', port: 1 }, protocol: redisProtocol },
    ...{ credentials: null, db: 0, connections: 1, privateConnections: 1, timeoutMs: 30, queueTimeoutMs: 0 },
    ...{ connectTimeoutMs: 5000, keepaliveIdleMs: 0, maxInflight: 10, outputLimitBytes: 1000 },
    ...{ autoEject: false, failureLimit: 1, retryTimeoutMs: 1000, tls: null },
  }));
  return planPool({ ring: { hash, hashTag: null, distribution: 'ketama' }, backends }, known);
}

function poolOf(t: TestContext, first: ReturnType<typeof plan>): Pool {
  const turn = new Turn();
  const clock = new Clock(turn);
  const pool = new Pool('p', first, { clock, turn, log: new CollectedLog() });
  t.after(() => clock.stop());
  return pool;
}

const ownersBy = (placement: Placement) => KEYS.map(key => placement.pick(key, 0, key.length, ACCESS_READ));
const NOBODY = KEYS.map(() => -1);

test('an old ring is let go of when the pool has another, and one of the same options shares what it had', t => {
  const first = plan('murmur');
  const want = ownersBy(first.placement);
  const pool = poolOf(t, first);
  const same = plan('murmur', pool.placement);
  pool.apply(same, 0);
  assert.deepEqual(ownersBy(first.placement), NOBODY);
  assert.deepEqual(ownersBy(pool.placement), want);
  pool.apply(plan('md5', pool.placement), 0);
  assert.deepEqual(ownersBy(same.placement), NOBODY);
  const last = pool.placement;
  assert.notDeepEqual(ownersBy(last), want);
  pool.close();
  assert.deepEqual(ownersBy(last), NOBODY);
});

test('servers that leave the ring and come back between plan and change are where they were', t => {
  const pool = poolOf(t, plan('murmur'));
  const want = ownersBy(pool.placement);
  const next = plan('murmur', pool.placement);
  pool.markOut([{ server: 's3', why: 'down', isEjected: false }]);
  const without = ownersBy(pool.placement);
  assert.equal(without.includes(3), false);
  assert.deepEqual(ownersBy(next.placement), want, 'the plan has its own');
  pool.apply(next, 0);
  assert.deepEqual(ownersBy(pool.placement), without);
  pool.markOut([]);
  assert.deepEqual(ownersBy(pool.placement), want);
  pool.close();
});
