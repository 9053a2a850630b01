import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../../src/config/load.ts';
import type { ClusterTopology } from '../../../../src/ipc/cluster-topology.ts';
import { ClusterWatch } from '../../../../src/master/topology/cluster-watch.ts';
import type { ClusterAnswer } from '../../../../src/protocol/traits.ts';
import type { Log } from '../../../../src/system/log.ts';
import { waitFor } from '../../../support/wait-for.ts';

const FILE = `
pools:
  orders:
    listen: 127.0.0.1:22122
    protocol: redis
    cluster: { seeds: [h:1, h:2, h:3], refresh_min: 100ms, refresh_interval: 24h }
`;

/** The node at port `owner` has all slots, and those at the other ports follow it. */
const told = (owner: number, epoch: number, more: Partial<ClusterAnswer> = {}): ClusterAnswer => ({
  nodes: [1, 2, 3].map(port => ({
    host: 'h',
    others: [],
    port,
    isReplica: port !== owner,
    isDown: false,
    primary: -1,
  })),
  ranges: [0, 16_383, owner - 1],
  ...{ isOk: true, epoch },
  ...more,
});

interface Line {
  readonly fields: object;
  readonly message: string;
}

/** Nodes that say what the test wants. */
class Subject {
  readonly lines: Line[] = [];
  readonly topologies: ClusterTopology[] = [];
  /** Ports of nodes, in the order asked. */
  readonly asked: number[] = [];
  readonly says = new Map<number, ClusterAnswer | string>();
  readonly watch: ClusterWatch;
  asking = 0;
  mostAtOnce = 0;

  constructor() {
    const [pool] = parseConfig(FILE, 'test.yml').pools;
    const add = (fields: object, message: string) => void this.lines.push({ fields, message });
    const log: Log = { debug: add, info: add, warn: add, error: add };
    const host = {
      log,
      onTopology: (_: string, topology: ClusterTopology) => this.topologies.push(topology),
    };
    this.watch = new ClusterWatch(pool!, host, async ({ port }) => {
      this.asked.push(port);
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.asking);
      await new Promise(setImmediate);
      this.asking--;
      return this.says.get(port) ?? 'it is silent';
    });
  }

  /** The owner of all slots, as far as is known. */
  get owner(): string | undefined {
    const { nodes, ranges } = this.topologies.at(-1) ?? { nodes: [], ranges: [] };
    return nodes[ranges[2] ?? -1]?.name;
  }

  async hint(): Promise<void> {
    const { refreshes } = this.watch;
    this.watch.wanted('a slot has moved');
    await waitFor(() => this.watch.refreshes > refreshes && this.asking === 0, { what: 'nodes to be asked' });
  }
}

test('one seed that answers is enough, and is asked first afterwards', async t => {
  const subject = new Subject();
  t.after(() => subject.watch.stop());
  subject.says.set(3, told(1, 5));
  await subject.watch.start();
  assert.equal(subject.owner, 'h:1');
  assert.deepEqual(subject.asked, [1, 2, 3]);
  subject.asked.length = 0;
  await subject.hint();
  assert.deepEqual(subject.asked, [3]);
  assert.equal(subject.topologies.length, 1, 'nothing has changed');
});

test('a thousand hints are one question', async t => {
  const subject = new Subject();
  t.after(() => subject.watch.stop());
  for (const port of [1, 2, 3]) subject.says.set(port, told(1, 5));
  await subject.watch.start();
  subject.asked.length = 0;
  for (let i = 0; i < 1000; i++) subject.watch.wanted('a slot has moved');
  await waitFor(() => subject.asked.length > 0 && subject.asking === 0, { what: 'a node to be asked' });
  assert.equal(subject.watch.refreshes, 2);
  assert.equal(subject.mostAtOnce, 1);
});

test('a node that has seen fewer changes than we have is believed only if no other answers', async t => {
  const subject = new Subject();
  t.after(() => subject.watch.stop());
  subject.says.set(1, told(1, 7));
  await subject.watch.start();
  // The one that told us is gone; another has not heard of the last change.
  subject.says.set(1, 'it is silent');
  subject.says.set(2, told(3, 6));
  subject.says.set(3, told(2, 8));
  await subject.hint();
  await waitFor(() => subject.owner === 'h:2', { what: 'the younger view' });
  subject.says.delete(3);
  await subject.hint();
  await waitFor(() => subject.owner === 'h:3', { what: 'the only view there is' });
});

test('a node that sees only a part of its cluster is the last to be believed, and soon asked again', async t => {
  const subject = new Subject();
  t.after(() => subject.watch.stop());
  subject.says.set(1, told(3, 5, { isOk: false }));
  subject.says.set(2, told(2, 5));
  await subject.watch.start();
  assert.equal(subject.owner, 'h:2');
  subject.says.delete(2);
  await subject.hint();
  await waitFor(() => subject.owner === 'h:3', { what: 'what it says after all' });
  const { refreshes } = subject.watch;
  await waitFor(() => subject.watch.refreshes > refreshes, { what: 'the next look without a hint' });
});

test('a node that knows of no slots is none to ask, and nobody at all is told with the reasons', async t => {
  const subject = new Subject();
  t.after(() => subject.watch.stop());
  subject.says.set(1, told(1, 5, { ranges: [] }));
  await subject.watch.start();
  assert.equal(subject.topologies.length, 0);
  assert.equal(subject.watch.failures, 1);
  const [line] = subject.lines.filter(({ message }) => message === 'cluster topology: no node answers');
  assert.deepEqual(line?.fields, {
    pool: 'orders',
    reasons: { 'h:1': 'it knows of no slots', 'h:2': 'it is silent', 'h:3': 'it is silent' },
  });
});

test('a replica that has taken over is told and counted, and has its role since then', async t => {
  const subject = new Subject();
  t.after(() => subject.watch.stop());
  subject.says.set(1, told(1, 5));
  await subject.watch.start();
  const since = subject.watch.roleSinceMs('h:3');
  assert.ok(since > 0);
  subject.says.set(1, told(2, 6));
  await subject.hint();
  await waitFor(() => subject.owner === 'h:2', { what: 'the successor' });
  assert.equal(subject.watch.failOvers, 1);
  assert.equal(subject.watch.roleSinceMs('h:3'), since);
  const lines = subject.lines.filter(({ message }) => message.startsWith('cluster: fail-over'));
  assert.deepEqual(
    lines.map(({ fields }) => (fields as { server: string }).server),
    ['h:2'],
  );
});

test('one that is stopped asks nothing more', async () => {
  const subject = new Subject();
  subject.says.set(1, told(1, 5));
  await subject.watch.start();
  subject.watch.stop();
  const { length } = subject.asked;
  subject.watch.wanted('a slot has moved');
  await new Promise(setImmediate);
  assert.equal(subject.asked.length, length);
});
