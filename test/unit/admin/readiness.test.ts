import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { ReadinessPool } from '../../../src/admin/pool-look.ts';
import type { ProbeTarget } from '../../../src/admin/probe.ts';
import { Readiness, type WorkerReadiness } from '../../../src/admin/readiness.ts';
import { freePort } from '../../support/free-port.ts';
import { mockClock } from '../../support/mocked-clock.ts';
import { startRedis } from '../../support/redis-server.ts';

const HOLD_MS = 1000;

/** Probes that end when the test says so. */
class Probes {
  readonly asked: number[] = [];
  private readonly waiting = new Map<number, (why: string | null) => void>();

  readonly probe = (target: ProbeTarget): Promise<string | null> => {
    const { port } = target.address as { port: number };
    this.asked.push(port);
    assert.ok(!this.waiting.has(port), `two probes of ${port} at a time`);
    return new Promise(resolve => this.waiting.set(port, resolve));
  };

  /** Once it was asked. */
  async answer(port: number, why: string | null): Promise<void> {
    while (!this.waiting.has(port)) await settled();
    this.waiting.get(port)!(why);
    this.waiting.delete(port);
  }
}

function pool(name: string, ports: readonly number[]): ReadinessPool {
  const servers = ports.map(port => ({ name: `s${port}`, address: { host: 'h', port } }));
  return { name, protocol: 'redis', servers };
}

const SERVING: WorkerReadiness = { slot: 0, state: 'serving', pid: 10, restarts: 0, why: null };
const DEAD: WorkerReadiness = { slot: 1, state: 'backing_off', pid: null, restarts: 3, why: 'it was ended by SIGKILL' };

function readiness(pools: readonly ReadinessPool[], probes: Probes, workers = [SERVING]): Readiness {
  return new Readiness({ pools, probe: probes.probe, workers: () => workers, holdMs: () => HOLD_MS });
}

test('a pool is ready when a worker listens and a server answers; the report says what is wrong with the others', async () => {
  const probes = new Probes();
  const pools = [pool('fine', [1, 2]), pool('dead', [3])];
  const report = readiness(pools, probes).check();
  await probes.answer(1, null);
  await probes.answer(2, 'refused');
  await probes.answer(3, 'timed out');
  const one = { name: 's1', reachable: true, why: null };
  const three = { name: 's3', reachable: false, why: 'timed out' };
  assert.deepEqual(await report, {
    ready: false,
    workers: [SERVING],
    pools: [
      {
        name: 'fine',
        ready: true,
        workers: 1,
        why: null,
        servers: [one, { name: 's2', reachable: false, why: 'refused' }],
      },
      { name: 'dead', ready: false, workers: 1, why: 'no server is reachable', servers: [three] },
    ],
  });
  assert.deepEqual(probes.asked, [1, 2, 3]);
});

test('no pool is ready while no worker serves', async () => {
  const probes = new Probes();
  const starting: WorkerReadiness = { ...SERVING, state: 'starting' };
  const report = readiness([pool('deaf', [1]), pool('both', [3])], probes, [starting]).check();
  await probes.answer(1, null);
  await probes.answer(3, 'timed out');
  assert.deepEqual(
    (await report).pools.map(({ workers, why }) => [workers, why]),
    [
      [0, 'no worker listens'],
      [0, 'no worker listens; no server is reachable'],
    ],
  );
});

test('a slot whose workers keep dying makes it unready though others serve: new connections to it wait', async () => {
  const probes = new Probes();
  const report = readiness([pool('a', [1])], probes, [SERVING, DEAD]).check();
  await probes.answer(1, null);
  const { ready, workers, pools } = await report;
  assert.deepEqual([ready, workers[1], pools[0]!.ready], [false, DEAD, true]);
});

test('all pools ready: ready', async () => {
  const probes = new Probes();
  const report = readiness([pool('a', [1]), pool('b', [2])], probes).check();
  await probes.answer(1, null);
  await probes.answer(2, null);
  assert.equal((await report).ready, true);
});

describe('with the clock in hand', () => {
  const clock = mockClock();

  test('a silent server does not delay the report on a pool that another one serves', async () => {
    const probes = new Probes();
    const report = readiness([pool('a', [1, 2])], probes).check();
    await probes.answer(2, null);
    assert.deepEqual((await afterCompletion(report)).pools[0]!.servers, [
      { name: 's1', reachable: null, why: 'no answer yet' },
      { name: 's2', reachable: true, why: null },
    ]);
  });

  test('an old result is not passed off as a new one while its server is asked again', async () => {
    const probes = new Probes();
    const subject = readiness([pool('a', [1, 2])], probes);
    const first = subject.check();
    await probes.answer(1, null);
    await probes.answer(2, null);
    await first;
    clock.skip(1000);
    const second = subject.check();
    await probes.answer(2, null);
    assert.equal((await afterCompletion(second)).pools[0]!.servers[0]!.reachable, null);
  });

  test('a result holds for a second, then the server is asked again', async () => {
    const probes = new Probes();
    const subject = readiness([pool('a', [1])], probes);
    const first = subject.check();
    await probes.answer(1, null);
    await first;
    clock.skip(999);
    assert.equal((await subject.check()).ready, true);
    assert.deepEqual(probes.asked, [1]);
    clock.skip(1);
    const third = subject.check();
    await probes.answer(1, 'gone');
    assert.equal((await third).ready, false);
    assert.deepEqual(probes.asked, [1, 1]);
  });
});

test('checks that overlap share their probes', async () => {
  const probes = new Probes();
  const subject = readiness([pool('a', [1])], probes);
  const reports = [subject.check(), subject.check()];
  await settled();
  const late = subject.check();
  await probes.answer(1, null);
  for (const report of [...reports, late]) assert.equal((await report).ready, true);
  assert.deepEqual(probes.asked, [1]);
});

test('another config takes effect with the next check and keeps what is known of servers that stay', async () => {
  const probes = new Probes();
  const subject = readiness([pool('a', [1, 2])], probes);
  const first = subject.check();
  await probes.answer(1, null);
  await probes.answer(2, null);
  await first;
  subject.setPools([pool('b', [2, 3])]);
  const second = subject.check();
  await probes.answer(3, 'refused');
  assert.deepEqual(
    (await second).pools.map(({ name, servers }) => [name, servers.map(server => server.reachable)]),
    [['b', [true, false]]],
  );
  assert.deepEqual(probes.asked, [1, 2, 3]);
});

test('asks real servers', async t => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const host = '127.0.0.1';
  const servers = [
    { name: 'up', address: { host, port: redis.port } },
    { name: 'down', address: { host, port: await freePort() } },
  ];
  const subject = new Readiness({
    pools: [{ name: 'p', protocol: 'redis', servers }],
    workers: () => [SERVING],
    holdMs: () => HOLD_MS,
  });
  assert.deepEqual(await subject.check(), {
    ready: true,
    workers: [SERVING],
    pools: [
      {
        name: 'p',
        ready: true,
        workers: 1,
        why: null,
        servers: [
          { name: 'up', reachable: true, why: null },
          { name: 'down', reachable: false, why: 'Connection refused (ECONNREFUSED)' },
        ],
      },
    ],
  });
});

/** The report, once the time that servers of decided pools have has gone by. */
async function afterCompletion<T>(report: Promise<T>): Promise<T> {
  let isDone = false;
  const done = report.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await settled();
    mock.timers.tick(50);
  }
  return done;
}

/** Resolves when everything that can go on without the outside has done so. */
function settled(): Promise<void> {
  return setImmediate();
}

test('a server of a pool that speaks TLS is asked in TLS, as that is now, and apart from one that does not', async () => {
  const asked: ProbeTarget[] = [];
  const probe = (target: ProbeTarget) => {
    asked.push(target);
    return Promise.resolve(null);
  };
  const tls = { ca: null, cert: null, key: null, serverName: null, ciphers: null, verify: true };
  const pools = [{ ...pool('secure', [1]), serverTls: {} }, pool('plain', [1])];
  const readiness = new Readiness({ pools, probe, workers: () => [SERVING], holdMs: () => HOLD_MS, tls: () => tls });
  assert.equal((await readiness.check()).ready, true);
  assert.deepEqual(
    asked.map(target => target.tls),
    [tls, undefined],
  );
});

test('servers that health checks have asked are not asked again: what these say counts', async () => {
  const probes = new Probes();
  const verdicts: Record<string, string | null> = { s1: 'refused', s2: null };
  const subject = new Readiness({
    pools: [pool('a', [1, 2, 3]), pool('down', [1])],
    ...{ probe: probes.probe, workers: () => [SERVING], holdMs: () => HOLD_MS },
    verdict: (_, server) => verdicts[server],
  });
  const report = subject.check();
  await probes.answer(3, null);
  const { ready, pools } = await report;
  assert.deepEqual(probes.asked, [3], 'the one that they have not asked yet');
  assert.equal(ready, false);
  assert.deepEqual(
    pools.map(({ servers }) => servers.map(({ reachable, why }) => [reachable, why])),
    [
      [
        [false, 'refused'],
        [true, null],
        [true, null],
      ],
      [[false, 'refused']],
    ],
  );
});

describe('of very many servers', () => {
  const COUNT = 600;

  beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'setInterval'] }));
  afterEach(() => {
    mock.timers.reset();
    mock.restoreAll();
  });

  test('one of each pool is asked, then others of those pools whose server did not answer', async () => {
    const probes = new Probes();
    const pools = Array.from({ length: COUNT }, (_, i) => pool(`p${i}`, [3 * i, 3 * i + 1, 3 * i + 2]));
    const subject = readiness(pools, probes);
    const report = subject.check();
    while (probes.asked.length < COUNT) await settled();
    assert.deepEqual(new Set(probes.asked), new Set(pools.map((_, i) => 3 * i)));
    for (let i = 1; i < COUNT; i++) await probes.answer(3 * i, null);
    await probes.answer(0, 'refused');
    while (probes.asked.length === COUNT) await settled();
    assert.deepEqual(probes.asked.slice(COUNT), [1]);
    await probes.answer(1, null);
    const { ready, pools: told } = await report;
    assert.equal(ready, true);
    assert.deepEqual(told[0], {
      ...{ name: 'p0', ready: true, workers: 1, why: null, unseen: 1 },
      servers: [
        { name: 's0', reachable: false, why: 'refused' },
        { name: 's1', reachable: true, why: null },
      ],
    });
    assert.deepEqual([told[1]?.servers.length, told[1]?.unseen], [1, 2]);
    // The one that answered is the one to ask.
    probes.asked.length = 0;
    mock.method(performance, 'now', () => 1e9);
    const next = subject.check();
    while (probes.asked.length < COUNT) await settled();
    mock.restoreAll();
    assert.ok(probes.asked.includes(1) && !probes.asked.includes(0));
    for (const port of [...probes.asked]) await probes.answer(port, null);
    assert.equal((await next).ready, true);
  });

  test('the next of a pool is asked when the first says nothing for a while', async () => {
    const probes = new Probes();
    const pools = Array.from({ length: COUNT }, (_, i) => pool(`p${i}`, [2 * i, 2 * i + 1]));
    const report = readiness(pools, probes).check();
    while (probes.asked.length < COUNT) await settled();
    for (let i = 1; i < COUNT; i++) await probes.answer(2 * i, null);
    await settled();
    assert.equal(probes.asked.length, COUNT);
    mock.timers.tick(100);
    while (probes.asked.length === COUNT) await settled();
    assert.deepEqual(probes.asked.slice(COUNT), [1]);
    await probes.answer(1, null);
    const { ready, pools: told } = await afterCompletion(report);
    assert.equal(ready, true);
    assert.deepEqual(told[0]?.servers[0], { name: 's0', reachable: null, why: 'no answer yet' });
  });

  test('no more than 1024 are asked at a time', async () => {
    const probes = new Probes();
    const pools = Array.from({ length: 1500 }, (_, i) => pool(`p${i}`, [i]));
    const report = readiness(pools, probes).check();
    while (probes.asked.length < 1024) await settled();
    for (let i = 0; i < 20; i++) await settled();
    assert.equal(probes.asked.length, 1024);
    for (let i = 0; i < 1500; i++) {
      while (probes.asked.length <= i) await settled();
      await probes.answer(i, null);
    }
    assert.equal((await report).ready, true);
  });
});
