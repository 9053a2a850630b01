import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { failOver, untilReplaced } from '../support/cluster-fail-over.ts';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import { type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { untilCopied, untilFollows } from '../support/replication.ts';
import { RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';
import { CheckedLoad } from './checked-load.ts';

async function clusterAndPool(t: TestContext, settings: readonly string[] = []): Promise<[RedisCluster, Daemon]> {
  const cluster = await startCluster({ primaries: 3, replicas: 3 });
  t.after(() => cluster.stop());
  return [cluster, await startClusterPool(t, portsOf(cluster), { workers: 2, settings })];
}

test('a primary is killed and comes back, five times: errors until a replica is promoted, no wrong value', async t => {
  const [cluster, daemon] = await clusterAndPool(t, ['timeout: 2s']);
  for (let round = 0; round < 5; round++) {
    const victim = await cluster.ownerOf(slotOf(`round:${round}`));
    // Reads alone: a write that a dead primary has acknowledged may be lost.
    const writer = await daemon.client('orders');
    for (let i = 0; i < 200; i++) assert.equal(await writer.command('SET', `{round:${round}}${i}`, i), 'OK');
    // What is acknowledged and lost with a primary would be the cluster's loss, not ours.
    await untilCopied([victim.server], 1);
    const probe = new Probe(daemon, `{round:${round}}1`, '1');
    await probe.more(10);
    await victim.server.kill();
    const successor = await untilReplaced(cluster, victim);
    await probe.more(500);
    await probe.end();
    for (let i = 0; i < 200; i++) {
      assert.deepEqual(await writer.command('GET', `{round:${round}}${i}`), Buffer.from(String(i)));
    }
    writer.destroy();
    await cluster.revive(victim);
    await untilFollows(victim.server, successor.server);
  }
});

test('a primary that hangs is left once the cluster has promoted another', async t => {
  const [cluster, daemon] = await clusterAndPool(t, ['timeout: 1s']);
  const slot = slotOf('{hang}');
  const victim = await cluster.ownerOf(slot);
  const client = await daemon.client('orders');
  assert.equal(await client.command('SET', '{hang}', 'there'), 'OK');
  await untilCopied([victim.server], 1);
  victim.server.freeze();
  t.after(() => victim.server.thaw());
  const successor = await untilReplaced(cluster, victim);
  const healed = async () => {
    const fresh = await daemon.client('orders');
    const reply = await fresh.command('GET', '{hang}');
    fresh.destroy();
    return reply instanceof Buffer && reply.toString() === 'there';
  };
  await waitFor(healed, { what: 'the successor to be asked', timeoutMs: 30_000 });
  victim.server.thaw();
  await untilFollows(victim.server, successor.server);
  for (let i = 0; i < 50; i++) assert.equal(await client.command('SET', `{hang}${i}`, i), 'OK');
});

test('CLUSTER FAILOVER under load: no error but where nodes say that the cluster is down, no wrong value', async t => {
  const [cluster, daemon] = await clusterAndPool(t);
  const load = new CheckedLoad(daemon, { clients: 20, hasTransactions: true, mayBeDown: true });
  for (let round = 0; round < 3; round++) {
    const slot = slotOf(`failover:${round}`);
    const owner = await cluster.ownerOf(slot);
    const wanted = load.requests + 2000;
    await Promise.race([waitFor(() => load.requests > wanted, { what: 'the load', timeoutMs: 30_000 }), load.mistake]);
    const successor = await Promise.race([failOver(cluster, owner, slot), load.mistake]);
    await untilFollows(owner.server, successor.server);
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

/**
 * Reads one key again and again: its value is right where there is one, and once it was read again after errors, there are no more of
 * them, but those by which the nodes themselves say that the cluster is down.
 */
class Probe {
  private reads = 0;
  private errors = 0;
  private isOver = false;
  private readonly key: string;
  private readonly value: string;
  private readonly running: Promise<void>;

  constructor(daemon: Daemon, key: string, value: string) {
    this.key = key;
    this.value = value;
    this.running = this.run(daemon);
  }

  /** Resolves after so many more reads with success; rejects with the first mistake. */
  async more(count: number): Promise<void> {
    const wanted = this.reads + count;
    await Promise.race([waitFor(() => this.reads >= wanted, { what: 'reads', timeoutMs: 30_000 }), this.running]);
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  private async run(daemon: Daemon): Promise<void> {
    const client = await daemon.client('orders', { timeoutMs: 30_000 });
    let isHealed = false;
    while (!this.isOver) {
      const reply = await client.command('GET', this.key);
      if (reply instanceof RespError) {
        if (/^CLUSTERDOWN /.test(reply.text)) continue;
        assert.ok(!isHealed, `an error after it was well again: ${reply.text}`);
        this.errors++;
      } else {
        assert.equal(String(reply), this.value);
        this.reads++;
        isHealed = this.errors > 0;
      }
    }
    client.destroy();
  }
}
