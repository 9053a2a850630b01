import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../../src/config/load.ts';
import { poolServers } from '../../../../src/ipc/pool-servers.ts';
import { PoolReplicas } from '../../../../src/master/topology/pool-replicas.ts';
import type { ReplicationState } from '../../../../src/protocol/traits.ts';
import { CollectedLog } from '../../../support/collected-log.ts';
import { waitFor } from '../../../support/wait-for.ts';

const FILE = `
pools:
  pages:
    listen: 127.0.0.1:22126
    protocol: redis
    read_from: replica
    replica_check: 100ms
    max_lag: 1s
    zones: [r=eu-1b]
    servers: [{ address: p:1, replicas: ['r:1', 'r:2 eu-1a'] }, q:1]
`;

const well: ReplicationState = { isReplica: true, isLinked: true, isSyncing: false, offset: 10 };

class Subject {
  readonly log = new CollectedLog();
  readonly says = new Map<string, ReplicationState | string>();
  readonly asked: string[] = [];
  verdicts = 0;
  readonly pool = parseConfig(FILE, 'test.yml').pools[0]!;
  readonly replicas = new PoolReplicas(this.pool, {
    log: this.log,
    onVerdict: () => this.verdicts++,
    ask: async ({ address }) => {
      const { host, port } = address as { host: string; port: number };
      this.asked.push(`${host}:${port}`);
      return this.says.get(`${host}:${port}`) ?? { ...well, isReplica: false };
    },
  });

  begin(): void {
    this.replicas.configure(this.pool, poolServers(this.pool, null));
  }

  get out(): string[] {
    return this.replicas.out().map(({ server, why }) => `${server}: ${why}`);
  }
}

test('the servers of a pool: primaries first, replicas with their zones', () => {
  const servers = poolServers(new Subject().pool, null);
  assert.deepEqual(
    servers.map(({ name, isReplica, primary, zone }) => [name, isReplica, primary, zone]),
    [
      ['p:1', false, null, null],
      ['q:1', false, null, null],
      ['r:1', true, 'p:1', 'eu-1b'],
      ['r:2', true, 'p:1', 'eu-1a'],
    ],
  );
  const { readFrom: _, ...pool } = new Subject().pool;
  assert.equal(poolServers({ ...pool, readFrom: 'primary' }, null).length, 2);
});

test('replicas are out until they were asked, and when they are not well', async t => {
  const subject = new Subject();
  t.after(() => subject.replicas.stop());
  subject.says.set('r:1', well).set('r:2', 'it is silent');
  subject.begin();
  assert.deepEqual(subject.out, ['r:1: it was not asked yet', 'r:2: it was not asked yet']);
  await subject.replicas.asked;
  assert.deepEqual(subject.out, ['r:2: it is silent']);
  // The primary that has replicas, before them; nobody asks the other.
  assert.deepEqual(subject.asked.slice(0, 3), ['p:1', 'r:1', 'r:2']);
  for (const [state, why] of [
    [{ ...well, isReplica: false }, 'it is no replica'],
    [{ ...well, isLinked: false }, 'its link to the primary is down'],
    [{ ...well, isLinked: false, isSyncing: true }, 'it is being synchronised'],
  ] as const) {
    subject.says.set('r:1', state);
    await waitFor(() => subject.out[0] === `r:1: ${why}`, { what: why });
  }
  subject.says.set('r:1', well).set('r:2', well);
  const asked = subject.asked.length;
  await waitFor(() => subject.out.length === 0, { what: 'both to be well' });
  assert.ok(subject.asked.length >= asked + 3, 'once is not enough');
});

test('a replica that is behind for longer than max_lag is out until it has caught up', async t => {
  const subject = new Subject();
  t.after(() => subject.replicas.stop());
  subject.says
    .set('p:1', { ...well, isReplica: false })
    .set('r:1', well)
    .set('r:2', well);
  subject.begin();
  await subject.replicas.asked;
  assert.deepEqual(subject.out, []);
  subject.says.set('p:1', { ...well, isReplica: false, offset: 20 }).set('r:2', { ...well, offset: 20 });
  await waitFor(() => subject.out.length === 1, { what: 'it to be behind' });
  assert.match(String(subject.out[0]), /^r:1: it is \d{4} ms behind$/);
  subject.says.set('r:1', { ...well, offset: 20 });
  await waitFor(() => subject.out.length === 0, { what: 'it to have caught up' });
});
