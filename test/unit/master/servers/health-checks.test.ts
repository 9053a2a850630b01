import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { CANNOT_ASK, type ProbeTarget } from '../../../../src/admin/probe.ts';
import type { PoolConfig } from '../../../../src/config/config.ts';
import { parseConfig } from '../../../../src/config/load.ts';
import type { ClusterTopology } from '../../../../src/ipc/cluster-topology.ts';
import { poolServers } from '../../../../src/ipc/pool-servers.ts';
import { HealthChecks } from '../../../../src/master/servers/health-checks.ts';
import { CollectedLog } from '../../../support/collected-log.ts';
import { mockClock } from '../../../support/mocked-clock.ts';

const INTERVAL_MS = 1000;
/** With the jitter. */
const LONGEST_MS = 1100;

const { pass } = mockClock();

/** Health checks of servers that answer as the test says. */
class Subject {
  readonly log = new CollectedLog();
  /** Ports that were asked, in order. */
  asked: number[] = [];
  readonly targets: ProbeTarget[] = [];
  /** Why the server at a port fails; a port that is not here is well. */
  readonly failing = new Map<number, string>();
  /** Ports that say nothing until `release`. */
  readonly silent = new Set<number>();
  verdicts = 0;
  readonly doubts: string[] = [];
  /** Of pools whose servers are found. */
  topology: ClusterTopology | null = null;
  private readonly waiting = new Map<number, (why: string | null) => void>();
  readonly checks = new HealthChecks({
    log: this.log,
    onVerdict: () => this.verdicts++,
    onDoubt: (name, server) => this.doubts.push(`${name}/${server}`),
    servers: each => poolServers(each, this.topology),
    probe: (target, _timeoutMs, signal) => {
      const { port } = target.address as { port: number };
      assert.ok(!this.waiting.has(port), `two probes of ${port} at a time`);
      this.asked.push(port);
      this.targets.push(target);
      if (!this.silent.has(port)) return Promise.resolve(this.failing.get(port) ?? null);
      return new Promise(resolve => {
        const end = (why: string | null) => {
          this.waiting.delete(port);
          resolve(why);
        };
        this.waiting.set(port, end);
        signal?.addEventListener('abort', () => end('aborted'));
      });
    },
  });

  release(port: number, why: string | null): void {
    this.waiting.get(port)?.(why);
  }

  /** What is down, as pool/server. */
  down(): string[] {
    return this.checks.down().map(({ pool, server }) => `${pool}/${server}`);
  }
}

function pools(...texts: string[]): readonly PoolConfig[] {
  return parseConfig(`pools:\n${texts.join('')}`, 'f').pools;
}

function pool(name: string, ports: readonly number[], settings = RULES, listen = `h:${name.charCodeAt(0)}`): string {
  const servers = ports.map(port => `"h:${port}:1 s${port}"`);
  return `  ${name}:\n    listen: ${listen}\n    protocol: redis\n    servers: [${servers}]\n${settings}`;
}

const RULES = '    health_check: { interval: 1s, failures: 2, successes: 2 }\n';

test('each server is asked once an interval, give or take a tenth; pools without health_check are left alone', async () => {
  const subject = new Subject();
  subject.checks.setPools(pools(pool('a', [1, 2]), pool('b', [3], '')));
  await pass(INTERVAL_MS + 10);
  assert.deepEqual([...new Set(subject.asked)].sort(), [1, 2], 'the first time within one interval');
  subject.asked = [];
  await pass(100 * INTERVAL_MS);
  const count = subject.asked.filter(port => port === 1).length;
  assert.ok(count > 90 && count < 112, `asked ${count} times in 100 intervals`);
  assert.equal(subject.verdicts, 0);
  subject.checks.stop();
  subject.asked = [];
  await pass(3 * INTERVAL_MS);
  assert.deepEqual(subject.asked, []);
});

test('servers are not asked in step', async () => {
  const subject = new Subject();
  let calls = 0;
  mock.method(Math, 'random', () => (++calls * 0.37) % 1);
  subject.checks.setPools(pools(pool('a', [1, 2, 3])));
  const startedAtMs = performance.now();
  const first = new Map<number, number>();
  for (let i = 0; i < 110 && first.size < 3; i++) {
    await pass(10);
    for (const port of subject.asked) if (!first.has(port)) first.set(port, performance.now() - startedAtMs);
  }
  assert.deepEqual([...first.values()], [110, 370, 740]);
});

test('a verdict comes after failures in a row, goes after successes in a row, and says why', async () => {
  const subject = new Subject();
  subject.checks.setPools(pools(pool('a', [1, 2])));
  subject.failing.set(2, 'refused');
  await pass(3 * LONGEST_MS);
  assert.deepEqual(subject.checks.down(), [{ pool: 'a', server: 's2', why: 'refused', isEjected: false }]);
  assert.equal(subject.verdicts, 1);
  subject.failing.clear();
  await pass(3 * LONGEST_MS);
  assert.deepEqual(subject.down(), []);
  assert.equal(subject.verdicts, 2);
  assert.deepEqual(
    subject.log.lines.filter(line => !line.startsWith('debug')),
    [
      'warn server is down: health checks failed, it is out of the ring',
      'info server is up again: health checks succeed, it is back in the ring',
    ],
  );
  const [, figures] = subject.checks.figures();
  assert.equal(figures?.server, 's2');
  assert.deepEqual([figures?.isDown, figures?.downs], [false, 1]);
  assert.ok(figures !== undefined && figures.failures >= 2 && figures.probes > figures.failures);
});

test('a server that says nothing is not asked again before that probe is over', async () => {
  const subject = new Subject();
  subject.silent.add(1);
  subject.checks.setPools(pools(pool('a', [1])));
  await pass(5 * INTERVAL_MS);
  assert.deepEqual(subject.asked, [1]);
  subject.release(1, 'no answer');
  await pass(20);
  assert.deepEqual(subject.asked, [1, 1], 'it is overdue: at once');
});

test('when this process has no descriptor to ask with, nothing is known: verdicts stand', async () => {
  const subject = new Subject();
  subject.checks.setPools(pools(pool('a', [1])));
  subject.failing.set(1, CANNOT_ASK);
  await pass(5 * LONGEST_MS);
  assert.deepEqual([subject.down(), subject.verdicts, subject.checks.figures()[0]?.probes], [[], 0, 0]);
  assert.ok(subject.log.lines.includes('error health check could not be made: the verdict stands'));
});

test("the pool's password goes with the question", async () => {
  const subject = new Subject();
  subject.checks.setPools(pools(pool('a', [1], `    redis_auth: secret\n${RULES}`), pool('b', [2])));
  await pass(INTERVAL_MS + 10);
  const passwords = subject.targets.map(({ address, credentials }) => [
    (address as { port: number }).port,
    credentials?.password ?? null,
  ]);
  assert.deepEqual(
    new Map(passwords as [number, string | null][]),
    new Map([
      [1, 'secret'],
      [2, null],
    ] as const),
  );
});

test('another configuration: verdicts stay where the server does, and go with the check, the server, the address', async () => {
  const subject = new Subject();
  for (const port of [1, 2, 3]) subject.failing.set(port, 'refused');
  subject.checks.setPools(pools(pool('a', [1, 2]), pool('b', [3])));
  await pass(3 * LONGEST_MS);
  assert.deepEqual(subject.down(), ['a/s1', 'a/s2', 'b/s3']);
  const verdicts = subject.verdicts;

  // A server less; other rules; another name of the pool that listens there.
  const slower = '    health_check: { interval: 2s, failures: 2, successes: 1 }\n';
  subject.checks.setPools(pools(pool('renamed', [1], slower, 'h:97'), pool('b', [3])));
  assert.deepEqual(subject.down(), ['renamed/s1', 'b/s3']);
  // Another address under the same name: nothing is known of it.
  subject.checks.setPools(pools(pool('renamed', [1], slower, 'h:97'), pool('b', [4]).replace('s4', 's3')));
  assert.deepEqual(subject.down(), ['renamed/s1']);
  assert.equal(subject.checks.figures()[1]?.downs, 1, 'what was counted under the name stays');
  // No health_check.
  subject.checks.setPools(pools(pool('renamed', [1], '', 'h:97'), pool('b', [3])));
  assert.deepEqual(subject.down(), []);
  assert.equal(subject.verdicts, verdicts, 'who sets it knows');
});

test('other rules hold at once, and what is asked by the old ones does not count', async () => {
  const subject = new Subject();
  subject.silent.add(1);
  subject.checks.setPools(pools(pool('a', [1])));
  await pass(INTERVAL_MS + 10);
  assert.deepEqual(subject.asked, [1]);
  subject.checks.setPools(pools(pool('a', [1], '    health_check: { interval: 100ms, failures: 1, successes: 1 }\n')));
  await pass(110);
  assert.deepEqual([subject.asked, subject.checks.figures()[0]?.probes], [[1, 1], 0]);
  subject.release(1, 'refused');
  await pass(10);
  assert.deepEqual(subject.down(), ['a/s1']);
});

test('the same configuration again disturbs nothing', async () => {
  const subject = new Subject();
  subject.silent.add(1);
  const same = pools(pool('a', [1]));
  subject.checks.setPools(same);
  await pass(INTERVAL_MS + 10);
  for (let i = 0; i < 10; i++) {
    subject.checks.setPools(pools(pool('a', [1])));
    await pass(INTERVAL_MS / 2);
  }
  assert.deepEqual(subject.asked, [1], 'the probe under way goes on');
});

const FOUND = (more = '') => `  f:
    listen: h:9
    protocol: redis
    sentinel: { addresses: [s:1] }
    servers: [{ master: a }]
${RULES}${more}`;

function topologyOf(...nodes: readonly (readonly [name: string, port: number, primary?: string])[]): ClusterTopology {
  return {
    nodes: nodes.map(([name, port, primary]) => {
      return { name, host: 'h', port, isReplica: primary !== undefined, primary: primary ?? null, aliases: [] };
    }),
    ranges: [],
  };
}

test('a master that is found keeps its place while it is down, and is asked about', async () => {
  const subject = new Subject();
  subject.topology = topologyOf(['a', 1]);
  subject.checks.setPools(pools(FOUND()));
  assert.equal(subject.checks.verdictOf('f', 'a'), undefined, 'it was not asked yet');
  await pass(LONGEST_MS);
  assert.equal(subject.checks.verdictOf('f', 'a'), null);
  subject.failing.set(1, 'refused');
  await pass(3 * LONGEST_MS);
  assert.equal(subject.checks.verdictOf('f', 'a'), 'refused');
  assert.deepEqual(subject.down(), ['f/a']);
  assert.deepEqual(subject.checks.out(), []);
  assert.deepEqual(
    subject.checks.unwell().map(({ server, why }) => [server, why]),
    [['a', 'refused']],
  );
  assert.deepEqual([subject.verdicts, subject.doubts], [0, ['f/a']]);
  // Another has taken its place: that one is up until shown otherwise.
  subject.topology = topologyOf(['a', 2]);
  subject.checks.serversChanged('f');
  assert.deepEqual(subject.down(), []);
  assert.equal(subject.checks.verdictOf('f', 'a'), undefined, 'another server, which was not asked yet');
  subject.asked = [];
  await pass(2 * LONGEST_MS);
  assert.deepEqual([...new Set(subject.asked)], [2]);
  subject.checks.stop();
});

test('replicas that are read from are asked, too, and out while they are down', async () => {
  const subject = new Subject();
  subject.topology = topologyOf(['a', 1], ['h:2', 2, 'a'], ['h:3', 3, 'a']);
  subject.checks.setPools(pools(FOUND('    read_from: replica\n')));
  subject.failing.set(2, 'refused');
  await pass(3 * LONGEST_MS);
  assert.deepEqual(
    subject.checks.out().map(({ server }) => server),
    ['h:2'],
  );
  assert.deepEqual([subject.verdicts, subject.doubts, subject.checks.unwell()], [1, [], []]);
  // It goes, and comes again: nobody may take it for down meanwhile.
  subject.topology = topologyOf(['a', 1], ['h:3', 3, 'a']);
  subject.checks.serversChanged('f');
  assert.deepEqual([subject.checks.out(), subject.verdicts], [[], 2]);
  subject.checks.stop();
});
