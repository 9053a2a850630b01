import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Clock } from '../../../src/loop/clock.ts';
import { Turn } from '../../../src/loop/turn.ts';
import { redisProtocol } from '../../../src/protocol/redis/redis.ts';
import { Request } from '../../../src/request/request.ts';
import { RequestBytes } from '../../../src/request/request-bytes.ts';
import { Pool } from '../../../src/upstream/pool.ts';
import { planPool } from '../../../src/upstream/pool-plan.ts';
import { PoolFigures } from '../../../src/worker/pool-figures.ts';
import { Answer } from '../../support/backend-under-test.ts';
import { CollectedLog } from '../../support/collected-log.ts';
import { startFakeBackend } from '../../support/fake-backend.ts';
import { encodeCommand } from '../../support/resp-reader.ts';
import { waitFor } from '../../support/wait-for.ts';

const SERVERS = 5000;
const LOOKED_AT_ANYWAY = 2000;

/** A pool of servers of which none was asked anything yet; all are at one address. */
async function start(t: TestContext) {
  const fake = await startFakeBackend(() => {});
  t.after(() => fake.close());
  const turn = new Turn();
  const clock = new Clock(turn);
  const backends = Array.from({ length: SERVERS }, (_, i) => ({
    ...{ name: `s${i}`, weight: 1, address: { host: '127.0.0.1', port: fake.port }, protocol: redisProtocol },
    ...{ credentials: null, db: 0, connections: 1, privateConnections: 1, timeoutMs: 30, queueTimeoutMs: 0 },
    ...{ connectTimeoutMs: 5000, keepaliveIdleMs: 0, maxInflight: 10, outputLimitBytes: 1000 },
    ...{ autoEject: false, failureLimit: 1, retryTimeoutMs: 1000, tls: null },
  }));
  const plan = planPool({ ring: { hash: 'murmur', hashTag: null, distribution: 'modula' }, backends });
  const pool = new Pool('p', plan, { clock, turn, log: new CollectedLog() });
  clock.start(5);
  t.after(() => {
    pool.close();
    clock.stop();
  });
  const figures = new PoolFigures(() => [pool]);
  const servers = () => {
    const { series, isWhole } = figures.pass(false);
    return { isWhole, names: [...series].filter(({ kind }) => kind === 'server').map(({ name }) => name) };
  };
  const ask = (server: number) => {
    const answer = new Answer('GET');
    const bytes = encodeCommand('GET', 'k');
    pool.backends[server]!.connectionFor(1, 0).send(
      new Request(answer, 0),
      new RequestBytes().set(bytes, 0, bytes.length, null),
      null,
    );
    return answer;
  };
  return { fake, pool, figures, servers, ask };
}

test('all servers are gone through once, then some in turn, and all again when servers come or go', async t => {
  const { figures, servers } = await start(t);
  const first = servers();
  assert.deepEqual([first.isWhole, first.names.length], [true, SERVERS]);
  const names: string[] = [];
  for (const want of [LOOKED_AT_ANYWAY, LOOKED_AT_ANYWAY, SERVERS - 2 * LOOKED_AT_ANYWAY, LOOKED_AT_ANYWAY]) {
    const pass = servers();
    assert.deepEqual([pass.isWhole, pass.names.length], [false, want]);
    names.push(...pass.names);
  }
  assert.equal(new Set(names).size, SERVERS);
  figures.poolsChanged();
  assert.deepEqual([servers().isWhole, servers().isWhole], [true, false]);
  assert.equal([...figures.pass(true).series].length, SERVERS + 1);
});

test('a server that was asked is in every report until nothing of it can change, and a tick looks at it alone', async t => {
  const { pool, servers, ask } = await start(t);
  servers();
  const last = `s${SERVERS - 1}`;
  assert.ok(!servers().names.includes(last));
  const answer = ask(SERVERS - 1);
  assert.ok(servers().names.includes(last));
  assert.ok(servers().names.includes(last), 'it is not answered yet');
  assert.deepEqual(
    pool.backends.filter(backend => backend.isAwake).map(({ name }) => name),
    [last],
  );
  // The deadline is judged though only those are looked at that are awake.
  assert.equal(await answer.settled(), 'timed_out');
  const backend = pool.backends[SERVERS - 1]!;
  await waitFor(() => !backend.isAwake, { what: 'a tick with nothing to wait for' });
  while (backend.isUnreported) servers();
  assert.equal(backend.stats.serverTimedout, 1);
  assert.ok(ask(1) !== answer && pool.backends[1]!.isAwake, 'another one wakes');
});
