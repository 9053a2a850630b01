import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import { type ClusterNode, type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { CheckedLoad } from './checked-load.ts';

/** From the promotion of a replica to the last error; the busy machine of a test included. */
const HEALED_WITHIN_MS = 1000;

async function clusterAndPool(t: TestContext, settings: readonly string[] = []): Promise<[RedisCluster, Daemon]> {
  const cluster = await startCluster({ primaries: 3, replicas: 3 });
  t.after(() => cluster.stop());
  return [cluster, await startClusterPool(t, portsOf(cluster), { workers: 2, settings })];
}

/** What a primary has is at its replica: what is acknowledged and lost with a primary would be the cluster's loss, not ours. */
async function settle(node: ClusterNode): Promise<void> {
  await waitFor(async () => Number(await node.server.command('WAIT', 1, 100)) >= 1, { what: 'the replica to follow' });
}

test('a primary is killed and comes back, five times: errors until a replica is promoted, no wrong value', async t => {
  const [cluster, daemon] = await clusterAndPool(t, ['timeout: 2s']);
  for (let round = 0; round < 5; round++) {
    const slot = slotOf(`round:${round}`);
    const victim = await cluster.ownerOf(slot);
    await settle(victim);
    // Reads alone: a write that a dead primary has acknowledged may be lost.
    const writer = await daemon.client('orders');
    for (let i = 0; i < 200; i++) await writer.command('SET', `{round:${round}}${i}`, i);
    await settle(victim);
    const probe = startProbe(daemon, `{round:${round}}1`, '1');
    await victim.server.kill();
    const others = cluster.nodes.filter(node => node !== victim);
    const promoted = await waitFor(
      async () => {
        const owner = await cluster.ownerOf(slot);
        return owner !== victim && others.includes(owner) ? performance.now() : null;
      },
      { what: 'a replica to be promoted', timeoutMs: 30_000 },
    );
    await waitFor(() => probe.lastOkMs() > promoted + HEALED_WITHIN_MS, { what: 'reads to succeed again' });
    await probe.end();
    assert.ok(
      probe.lastErrorMs() < promoted + HEALED_WITHIN_MS,
      `errors until ${Math.round(probe.lastErrorMs() - promoted)} ms after the promotion`,
    );
    for (let i = 0; i < 200; i++) {
      assert.deepEqual(await writer.command('GET', `{round:${round}}${i}`), Buffer.from(String(i)));
    }
    writer.destroy();
    await cluster.revive(victim);
    await waitFor(
      async () => /master_link_status:up/.test(String(await victim.server.command('INFO', 'replication'))),
      { what: 'the old primary to follow', timeoutMs: 30_000 },
    );
  }
});

test('a primary that hangs is left once the cluster has promoted another', async t => {
  const [cluster, daemon] = await clusterAndPool(t, ['timeout: 1s']);
  const slot = slotOf('{hang}');
  const victim = await cluster.ownerOf(slot);
  const client = await daemon.client('orders');
  await client.command('SET', '{hang}', 'there');
  await settle(victim);
  victim.server.freeze();
  t.after(() => victim.server.thaw());
  const healed = async () => {
    const fresh = await daemon.client('orders');
    const reply = await fresh.command('GET', '{hang}');
    fresh.destroy();
    return reply instanceof Buffer && reply.toString() === 'there';
  };
  await waitFor(healed, { what: 'the successor to be asked', timeoutMs: 30_000 });
  victim.server.thaw();
  for (let i = 0; i < 50; i++) assert.equal(await client.command('SET', `{hang}${i}`, i), 'OK');
});

test('CLUSTER FAILOVER under load: no error, no wrong value', async t => {
  const [cluster, daemon] = await clusterAndPool(t);
  const load = new CheckedLoad(daemon, { clients: 20, hasTransactions: true });
  for (let round = 0; round < 3; round++) {
    const slot = slotOf(`failover:${round}`);
    const owner = await cluster.ownerOf(slot);
    const wanted = load.requests + 2000;
    await Promise.race([waitFor(() => load.requests > wanted, { what: 'the load', timeoutMs: 30_000 }), load.mistake]);
    const followers = await Promise.all(
      cluster.nodes.map(async node => ({ node, role: String(await node.server.command('INFO', 'replication')) })),
    );
    const follower = followers.find(
      ({ node, role }) => node !== owner && new RegExp(`master_port:${owner.server.port}\\b`).test(role),
    );
    assert.ok(follower !== undefined);
    assert.equal(await follower.node.server.command('CLUSTER', 'FAILOVER'), 'OK');
    await Promise.race([cluster.untilOwner(slot, follower.node), load.mistake]);
    await waitFor(async () => /master_link_status:up/.test(String(await owner.server.command('INFO', 'replication'))), {
      what: 'the old primary to follow',
      timeoutMs: 30_000,
    });
  }
  const wanted = load.requests + 2000;
  await Promise.race([waitFor(() => load.requests > wanted, { what: 'the load', timeoutMs: 30_000 }), load.mistake]);
  await load.end();
});

test('a node is added and gets slots, and another is emptied and removed, under load', async t => {
  const cluster = await startCluster({ primaries: 3 });
  t.after(() => cluster.stop());
  const daemon = await startClusterPool(t, portsOf(cluster).slice(0, 1), { workers: 2 });
  const load = new CheckedLoad(daemon, { clients: 20 });
  const added = await cluster.addNode();
  for (const key of ['a', 'b', 'c', 'd', '{m0:1}', '{m1:1}', '{m2:2}']) {
    const slot = slotOf(key);
    const owner = await cluster.ownerOf(slot);
    if (owner !== added) await Promise.race([cluster.moveSlot(slot, owner, added), load.mistake]);
  }
  const client = await daemon.client('orders');
  assert.equal(await client.command('SET', 'a', 'here'), 'OK');
  assert.deepEqual(await added.server.command('GET', 'a'), Buffer.from('here'));
  await load.end();
});

test('half of the seeds are dead at the start', async t => {
  const cluster = await startCluster({ primaries: 3 });
  t.after(() => cluster.stop());
  const [first] = portsOf(cluster) as [number];
  // Nobody listens on ports 1 and 2.
  const daemon = await startClusterPool(t, [1, 2, first, first]);
  const client = await daemon.client('orders');
  for (let i = 0; i < 50; i++) assert.equal(await client.command('SET', `key:${i}`, i), 'OK');
});

interface Probe {
  lastOkMs(): number;
  lastErrorMs(): number;
  end(): Promise<void>;
}

/** Reads one key again and again; its value must be right where there is one. */
function startProbe(daemon: Daemon, key: string, value: string): Probe {
  let lastOkMs = 0;
  let lastErrorMs = 0;
  let isEnding = false;
  const run = async () => {
    const client = await daemon.client('orders');
    while (!isEnding) {
      const reply = await client.command('GET', key);
      if (reply instanceof Buffer) {
        assert.equal(reply.toString(), value);
        lastOkMs = performance.now();
      } else {
        assert.notEqual(reply, null);
        lastErrorMs = performance.now();
      }
    }
    client.destroy();
  };
  const running = run();
  return {
    lastOkMs: () => lastOkMs,
    lastErrorMs: () => lastErrorMs,
    end: () => {
      isEnding = true;
      return running;
    },
  };
}
