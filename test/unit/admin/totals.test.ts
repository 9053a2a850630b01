import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Totals } from '../../../src/admin/totals.ts';
import { BACKEND_FIELDS } from '../../../src/figures/backend-fields.ts';
import { Histogram } from '../../../src/figures/histogram.ts';
import { POOL_FIELDS } from '../../../src/figures/pool-fields.ts';
import { CommandSeries, PoolSeries, ServerSeries } from '../../../src/figures/series.ts';
import { BackendStats, newFailureCounts, PoolStats } from '../../../src/figures/statistics.ts';
import { ReportWriter } from '../../../src/ipc/report-writer.ts';
import { SeededRandom, seedFrom } from '../../support/seeded-random.ts';
import { poolSnapshot, report, workerSnapshot } from '../../support/worker-figures.ts';

const POOLS = [{ name: 'sessions', servers: [{ name: 'a' }, { name: 'b' }] }];

function stats(totals: Totals): PoolStats {
  return totals.pools()[0]!.stats;
}

function backend(totals: Totals, server = 'a'): BackendStats {
  return totals.pools()[0]!.backends.find(({ name }) => name === server)!.stats;
}

test('every figure a worker counts stands in the tables that name it', () => {
  assert.deepEqual(POOL_FIELDS.map(({ field }) => field).sort(), Object.keys(new PoolStats()).sort());
  const { failures: _, times: __, ...numbers } = new BackendStats();
  assert.deepEqual(BACKEND_FIELDS.map(({ field }) => field).sort(), Object.keys(numbers).sort());
});

test('pools and servers of the config are there, with zeros, before any worker has reported', () => {
  const totals = new Totals(POOLS);
  assert.deepEqual(totals.pools(), [
    {
      name: 'sessions',
      stats: new PoolStats(),
      backends: [
        { name: 'a', stats: new BackendStats() },
        { name: 'b', stats: new BackendStats() },
      ],
    },
  ]);
  assert.deepEqual(totals.workers(), []);
});

test('pools come in the order of twemproxy too', () => {
  const totals = new Totals(['sessions', 'b', 'feeds', 'a'].map(name => ({ name, servers: [] })));
  assert.deepEqual(
    totals.pools().map(({ name }) => name),
    ['a', 'b', 'feeds', 'sessions'],
  );
});

test('servers come in the order of twemproxy: by length in bytes, then by bytes', () => {
  const names = ['zz', 'é', 'a', 'b', 'ccc', 'aa', 'Z'];
  const totals = new Totals([{ name: 'p', servers: names.map(name => ({ name })) }]);
  const order = totals.pools()[0]!.backends.map(({ name }) => name);
  assert.deepEqual(order, ['Z', 'a', 'b', 'aa', 'zz', 'é', 'ccc']);
});

test('figures of several workers are added up, whichever order they come in', () => {
  const totals = new Totals(POOLS);
  const failures = { ...newFailureCounts(), timed_out: 3 };
  report(totals, 1, workerSnapshot(11, [poolSnapshot('sessions', { requests: 5, clientConnections: 2 })]));
  report(
    totals,
    0,
    workerSnapshot(10, [
      poolSnapshot('sessions', { requests: 7, clientConnections: 1 }, { b: { responses: 4, inQueue: 6, failures } }),
    ]),
  );
  report(totals, 1, workerSnapshot(11, [poolSnapshot('sessions', { requests: 9 }, { b: { inQueue: 1, failures } })]));
  assert.deepEqual(stats(totals), Object.assign(new PoolStats(), { requests: 16, clientConnections: 1 }));
  const expected = { responses: 4, inQueue: 7, failures: { ...newFailureCounts(), timed_out: 6 } };
  assert.deepEqual(backend(totals, 'b'), Object.assign(new BackendStats(), expected));
  assert.deepEqual(backend(totals), new BackendStats());
});

test('the traffic of a pool is that of its servers and workers, with and without servers that were asked', () => {
  const totals = new Totals(POOLS);
  const nothing = { requests: 0, errors: 0, clients: 0, hits: 0, misses: 0, times: null };
  assert.deepEqual(totals.traffic('sessions'), nothing);
  assert.equal(totals.traffic('nobody'), null);
  const ofPool = { requests: 7, forwardError: 2, clientConnections: 1 };
  report(
    totals,
    0,
    workerSnapshot(10, [poolSnapshot('sessions', ofPool, { b: { valuesFound: 4, valuesMissing: 1 } })]),
  );
  report(totals, 1, workerSnapshot(11, [poolSnapshot('sessions', ofPool, { a: { valuesFound: 3 } })]));
  assert.deepEqual(totals.traffic('sessions'), { ...nothing, requests: 14, errors: 4, clients: 2, hits: 7, misses: 1 });
  totals.retire(0);
  assert.equal(totals.traffic('sessions')?.clients, 1);
  assert.deepEqual(totals.poolStats(), [{ name: 'sessions', stats: stats(totals) }]);
  assert.deepEqual(totals.pools('sessions'), totals.pools());
  assert.deepEqual(totals.pools('nobody'), []);
});

test('of timestamps the latest counts, and it stays', () => {
  const totals = new Totals(POOLS);
  report(totals, 0, workerSnapshot(10, [poolSnapshot('sessions', {}, { a: { serverEjectedAtUs: 2000 } })]));
  report(totals, 1, workerSnapshot(11, [poolSnapshot('sessions', {}, { a: { serverEjectedAtUs: 1000 } })]));
  assert.equal(backend(totals).serverEjectedAtUs, 2000);
  totals.retire(0);
  assert.equal(backend(totals).serverEjectedAtUs, 2000);
});

describe('a worker that dies', () => {
  const failures = { ...newFailureCounts(), overloaded: 1 };
  const last = poolSnapshot(
    'sessions',
    { requests: 5, clientConnections: 2 },
    { a: { responses: 3, outQueue: 9, isEjected: 1, failures } },
  );

  test('leaves its counters; its gauges and its process vanish', () => {
    const totals = new Totals(POOLS);
    report(totals, 0, workerSnapshot(10, [last]));
    totals.retire(0);
    assert.deepEqual(stats(totals), Object.assign(new PoolStats(), { requests: 5 }));
    assert.deepEqual(backend(totals), Object.assign(new BackendStats(), { responses: 3, failures }));
    assert.deepEqual(totals.workers(), []);
  });

  test('is followed by one whose counters are added to its own', () => {
    const totals = new Totals(POOLS);
    report(totals, 0, workerSnapshot(10, [last]));
    totals.retire(0);
    report(totals, 1, workerSnapshot(12, [poolSnapshot('sessions', { requests: 2, clientConnections: 1 })]), 0);
    assert.deepEqual(stats(totals), Object.assign(new PoolStats(), { requests: 7, clientConnections: 1 }));
  });

  test('may have sent more before its end: that counts, but it does not come back', () => {
    const totals = new Totals(POOLS);
    report(totals, 0, workerSnapshot(10, [last]));
    totals.retire(0);
    report(totals, 0, workerSnapshot(10, [poolSnapshot('sessions', { requests: 8, clientConnections: 3 })]));
    assert.deepEqual(stats(totals), Object.assign(new PoolStats(), { requests: 8 }));
    assert.deepEqual(totals.workers(), []);
  });

  test('may have said nothing at all', () => {
    const totals = new Totals(POOLS);
    totals.retire(3);
    assert.deepEqual(stats(totals), new PoolStats());
  });
});

test('counters of a worker that begin anew, as after a reload, do not take the sum back', () => {
  const totals = new Totals(POOLS);
  report(totals, 0, workerSnapshot(10, [poolSnapshot('sessions', { requests: 5 })]));
  report(totals, 0, workerSnapshot(10, [poolSnapshot('sessions', { requests: 1 })]));
  report(totals, 0, workerSnapshot(10, [poolSnapshot('sessions', { requests: 4 })]));
  assert.equal(stats(totals).requests, 9);
});

test('a pool that a worker no longer reports loses its gauges only', () => {
  const totals = new Totals(POOLS);
  report(totals, 0, workerSnapshot(10, [poolSnapshot('sessions', { requests: 5, clientConnections: 2 })]));
  report(totals, 0, workerSnapshot(10, []));
  assert.deepEqual(stats(totals), Object.assign(new PoolStats(), { requests: 5 }));
});

test('another config keeps the counts of what stays, drops what goes and has zeros for what comes', () => {
  const totals = new Totals([...POOLS, { name: 'gone', servers: [{ name: 'x' }] }]);
  const figures = [
    poolSnapshot('sessions', { requests: 5, clientConnections: 1 }, { a: { responses: 3 }, b: { responses: 4 } }),
    poolSnapshot('gone', { requests: 6 }),
    poolSnapshot('unheard-of', { requests: 7 }),
  ];
  report(totals, 0, workerSnapshot(10, figures));
  totals.setPools([
    { name: 'new', servers: [{ name: 'x' }] },
    { name: 'sessions', servers: [{ name: 'c' }, { name: 'b' }] },
  ]);
  report(totals, 0, workerSnapshot(10, figures));
  assert.deepEqual(totals.pools(), [
    poolSnapshot('new', {}, { x: {} }),
    poolSnapshot('sessions', { requests: 5, clientConnections: 1 }, { b: { responses: 4 }, c: {} }),
  ]);
});

test('two pools that swap their names keep their gauges apart', () => {
  const pools = ['a', 'b'].map(name => ({ name, servers: [] }));
  const totals = new Totals(pools);
  const writer = new ReportWriter();
  const first = Object.assign(new PoolStats(), { clientConnections: 2 });
  const second = Object.assign(new PoolStats(), { clientConnections: 3 });
  for (const [one, other] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    writer.begin();
    writer.add(new PoolSeries(one, first));
    writer.add(new PoolSeries(other, second));
    writer.end();
    totals.take(1, 0, Buffer.from(writer.take()), null);
  }
  assert.deepEqual(
    totals.pools().map(pool => pool.stats.clientConnections),
    [3, 2],
  );
});

test('durations are added up over workers, by pool, server and command, and outlive who measured them', () => {
  let nowS = 100;
  const totals = new Totals(POOLS, () => nowS);
  for (const worker of [1, 2]) {
    const [total, server, queue, get] = Array.from({ length: 4 }, () => new Histogram());
    total!.record(1000 * worker);
    server!.record(100 * worker);
    queue!.record(10 * worker);
    get!.record(worker);
    const writer = new ReportWriter();
    writer.begin();
    writer.add(new CommandSeries('sessions', 'set', total!));
    writer.add(new ServerSeries('sessions', 'b', new BackendStats(), [server!, queue!]));
    writer.add(new CommandSeries('sessions', 'get', get!));
    totals.take(worker, 0, Buffer.from(writer.take()), null);
    totals.retire(worker);
    nowS++;
  }
  const [pool] = totals.latencies();
  assert.equal(pool!.total!.window(10, nowS).quantileUs(1), 2000);
  assert.equal(pool!.total!.window(10, nowS).count, 4);
  assert.deepEqual(
    pool!.servers.map(({ name, server, queue }) => [name, server?.total.maxUs, queue?.total.maxUs]),
    [
      ['a', undefined, undefined],
      ['b', 200, 20],
    ],
  );
  assert.deepEqual(
    pool!.commands.map(({ name, total }) => [name, total.total.count]),
    [
      ['get', 2],
      ['set', 2],
    ],
  );
});

test('process figures and client connections are given for each worker, by slot', () => {
  const totals = new Totals([...POOLS, { name: 'other', servers: [] }]);
  const pools = [poolSnapshot('sessions', { clientConnections: 2 }), poolSnapshot('other', { clientConnections: 3 })];
  report(totals, 2, workerSnapshot(12, pools));
  report(totals, 0, workerSnapshot(10, []));
  assert.deepEqual(totals.workers(), [
    { slot: 0, process: workerSnapshot(10, []).process, clientConnections: 0 },
    { slot: 2, process: workerSnapshot(12, []).process, clientConnections: 5 },
  ]);
});

test('whatever lives and dies, counters never go back and end as the sum of all last reports', t => {
  const seed = seedFrom('TOTALS_SEED');
  t.diagnostic(`TOTALS_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const totals = new Totals(POOLS);
  const requestsById = new Map<number, number>();
  const idBySlot = new Map<number, number>();
  let before = 0;
  for (let i = 0; i < 2000; i++) {
    const slot = random.between(0, 3);
    const id = idBySlot.get(slot) ?? i;
    idBySlot.set(slot, id);
    if (random.chance(0.1)) {
      totals.retire(id);
      idBySlot.delete(slot);
      continue;
    }
    const requests = (requestsById.get(id) ?? 0) + random.between(0, 5);
    requestsById.set(id, requests);
    report(totals, id, workerSnapshot(id, [poolSnapshot('sessions', { requests })]), slot);
    assert.ok(stats(totals).requests >= before);
    before = stats(totals).requests;
  }
  let sum = 0;
  for (const requests of requestsById.values()) sum += requests;
  assert.equal(stats(totals).requests, sum);
});
