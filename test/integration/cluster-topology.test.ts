// What is said of the nodes of a cluster: over HTTP, on the command line, in the metrics, in the events.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failOver } from '../support/cluster-fail-over.ts';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import { type ClusterNode, startCluster } from '../support/redis-cluster.ts';
import { runRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

interface Row {
  readonly kind: string;
  readonly failOvers: number;
  readonly unservedSlots: number;
  readonly nodes: readonly { server: string; role: string; slots: number; ranges: string[]; since: string }[];
}

test('nodes, roles and slots are shown, and a fail-over is told', async t => {
  const cluster = await startCluster({ primaries: 2, replicas: 2 });
  t.after(() => cluster.stop());
  const daemon = await startClusterPool(t, portsOf(cluster).slice(0, 1), {
    cluster: ['refresh_min: 200ms', 'refresh_interval: 1s'],
  });
  const row = async (): Promise<Row> => {
    const { pools } = JSON.parse((await daemon.page('/api/v1/topology?pool=orders')).body) as { pools: Row[] };
    return pools[0] as Row;
  };
  await waitFor(async () => (await row()).nodes.length === 4, { what: 'all nodes to be found' });
  const before = await row();
  assert.deepEqual(
    [before.kind, before.unservedSlots, before.failOvers, before.nodes.map(({ role }) => role).sort()],
    ['cluster', 0, 0, ['primary', 'primary', 'replica', 'replica']],
  );
  assert.deepEqual(before.nodes.flatMap(({ ranges }) => ranges).sort(), ['0-8191', '8192-16383']);

  const slot = slotOf('a');
  const owner = await cluster.ownerOf(slot);
  const name = ({ server }: ClusterNode) => `127.0.0.1:${server.port}`;
  const follower = await failOver(cluster, owner, slot);
  const client = await daemon.client('orders');
  assert.equal(await client.command('SET', 'a', 1), 'OK');
  const role = (each: Row, node: ClusterNode) => each.nodes.find(({ server }) => server === name(node))?.role;
  // One that has not heard of it yet may be asked first, and tells of two primaries.
  const after = await waitFor(
    async () => {
      const now = await row();
      return role(now, follower) === 'primary' && role(now, owner) === 'replica' ? now : null;
    },
    { what: 'the fail-over to be seen', timeoutMs: 40_000 },
  );
  assert.equal(after.failOvers, 1);
  const since = (each: Row, node: ClusterNode) => each.nodes.find(({ server }) => server === name(node))?.since;
  assert.notEqual(since(after, follower), since(before, follower));

  const { body } = await daemon.page('/api/v1/events');
  const events = (JSON.parse(body) as { events: { event: string; details: { server?: string } }[] }).events;
  assert.equal(events.find(({ event }) => event === 'failed_over')?.details.server, name(follower));
  assert.ok(events.some(({ event }) => event === 'topology_changed'));
  await daemon.untilMetric('ringmaster_pool_fail_overs_total', { pool: 'orders' }, 1);
  assert.equal(await daemon.metric('ringmaster_pool_unserved_slots', { pool: 'orders' }), 0);
  assert.ok((await daemon.metric('ringmaster_pool_topology_refreshes_total', { pool: 'orders' })) >= 2);

  const cli = (...args: string[]) => runRingmaster([...args, '-c', daemon.ringmaster.configFile]);
  const { stdout } = await cli('topology', 'orders');
  assert.match(
    stdout,
    /^orders: cluster, 2 primaries, 2 replicas, all slots served, 1 fail-over\n {2}told \S+Z; last asked because: /,
  );
  assert.match(
    stdout,
    new RegExp(`^  ${name(follower).replaceAll('.', '\\.')} +primary +8,192 +(0-8191|8192-16383) +\\S+Z$`, 'm'),
  );
  assert.match((await cli('topology', 'none')).stdout, /^no such pool finds its servers/);
  const listed = (await cli('servers')).stdout;
  for (const node of cluster.nodes) assert.ok(listed.includes(name(node)), listed);
});
