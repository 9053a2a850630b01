import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../../src/config/load.ts';
import type { ClusterTopology } from '../../../../src/ipc/cluster-topology.ts';
import { type SentinelTools, SentinelWatch } from '../../../../src/master/topology/sentinel-watch.ts';
import type { ToldMaster } from '../../../../src/protocol/traits.ts';
import { CollectedLog } from '../../../support/collected-log.ts';
import { waitFor } from '../../../support/wait-for.ts';

const FILE = `
pools:
  sessions:
    listen: 127.0.0.1:22122
    protocol: redis
    sentinel: { addresses: [s:1, s:2, s:3], refresh_min: 100ms, refresh_interval: 100ms }
    servers: [{ master: a, weight: 2 }, { master: b, name: other }]
`;

const at = (port: number, epoch = 1): ToldMaster => ({ host: 'h', port, epoch, replicas: [] });

/** Sentinels that say what the test wants. */
class Subject {
  readonly log = new CollectedLog();
  readonly topologies: ClusterTopology[] = [];
  /** Ports of Sentinels, in the order asked. */
  readonly asked: number[] = [];
  readonly says = new Map<number, Record<string, ToldMaster> | string>();
  readonly roles = new Map<number, string>();
  readonly watch: SentinelWatch;

  constructor() {
    const tools: SentinelTools = {
      Feed: null,
      askSentinel: async ({ at: { port } }, masters) => {
        this.asked.push(port);
        const said = this.says.get(port) ?? 'it is silent';
        return typeof said === 'string' ? said : masters.map(name => said[name] ?? null);
      },
      askRole: async ({ at: { port } }) => this.roles.get(port) ?? null,
    };
    const [pool] = parseConfig(FILE, 'test.yml').pools;
    const host = {
      log: this.log,
      onTopology: (_: string, topology: ClusterTopology) => this.topologies.push(topology),
    };
    this.watch = new SentinelWatch(pool!, host, tools);
  }

  /** What is known now, `name:port`. */
  get known(): string[] {
    return (this.topologies.at(-1)?.nodes ?? []).map(({ name, port }) => `${name}:${port}`);
  }
}

test('all are asked at first, later the one that answered last; each master keeps its name in the ring', async t => {
  const subject = new Subject();
  t.after(() => subject.watch.stop());
  for (const port of [1, 2]) subject.says.set(port, { a: at(10), b: at(20) });
  await subject.watch.start();
  assert.deepEqual(subject.known, ['a:10', 'other:20']);
  assert.deepEqual([...subject.asked].sort(), [1, 2, 3]);
  await waitFor(() => subject.asked.length >= 6, { what: 'more questions' });
  const later = subject.asked.slice(3);
  assert.ok(later.every(port => port === later[0] && port !== 3));
  assert.equal(subject.topologies.length, 1);
});

test('masters that different Sentinels know are found with both', async t => {
  const subject = new Subject();
  t.after(() => subject.watch.stop());
  subject.says.set(1, { a: at(10) });
  subject.says.set(2, { b: at(20) });
  await subject.watch.start();
  assert.deepEqual(subject.known, ['a:10', 'other:20']);
});

test('of two that differ the one that has seen more fail-overs is right, whoever is asked first', async t => {
  for (let i = 0; i < 10; i++) {
    const subject = new Subject();
    t.after(() => subject.watch.stop());
    subject.says.set(1, { a: at(10, 5), b: at(20) });
    subject.says.set(2, { a: at(11, 6), b: at(20) });
    subject.says.set(3, { a: at(10, 5), b: at(20) });
    await subject.watch.start();
    assert.deepEqual(subject.known, ['a:11', 'other:20']);
    subject.watch.stop();
  }
});

test('a server that says it is a replica is not taken; the master is where it was', async t => {
  const subject = new Subject();
  t.after(() => subject.watch.stop());
  for (const port of [1, 2, 3]) subject.says.set(port, { a: at(10), b: at(20) });
  await subject.watch.start();
  subject.roles.set(12, 'its role is "slave"');
  for (const port of [1, 2, 3]) subject.says.set(port, { a: at(12, 2), b: at(21, 2) });
  await waitFor(() => subject.known.includes('other:21'), { what: 'the other to move' });
  assert.deepEqual(subject.known, ['a:10', 'other:21']);
  subject.roles.clear();
  await waitFor(() => subject.known.includes('a:12'), { what: 'it to be a master' });
});
