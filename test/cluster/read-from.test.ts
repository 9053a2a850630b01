import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { failOver, primariesOf, replicasOf } from '../support/cluster-fail-over.ts';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import { type ClusterNode, type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { startSentinels } from '../support/redis-sentinels.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { untilCopied, untilFollows } from '../support/replication.ts';
import { RespError } from '../support/resp-reader.ts';
import { startSentinelPool } from '../support/sentinel-pool.ts';
import { waitFor } from '../support/wait-for.ts';

const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`);
const SETTINGS = ['read_from: replica', 'replica_check: 100ms', 'timeout: 2s'];

/** GETs that a server has answered. */
async function getsOf(server: RedisServer): Promise<number> {
  return Number(/cmdstat_get:calls=(\d+)/.exec(String(await server.command('INFO', 'commandstats')))?.[1] ?? 0);
}

/** Reads all keys again and again; every value must be right. */
class ReadLoad {
  reads = 0;
  errors: string[] = [];
  private isOver = false;
  private readonly running: Promise<void>;

  constructor(daemon: Daemon, pool: string) {
    this.running = this.run(daemon, pool);
  }

  /** Resolves after so many more reads; rejects with the first mistake. */
  async more(count: number): Promise<void> {
    const wanted = this.reads + count;
    await Promise.race([waitFor(() => this.reads >= wanted, { what: 'reads', timeoutMs: 30_000 }), this.running]);
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  private async run(daemon: Daemon, pool: string): Promise<void> {
    const client = await daemon.client(pool, { timeoutMs: 30_000 });
    for (let i = 0; !this.isOver; i++, this.reads++) {
      const key = KEYS[i % KEYS.length] as string;
      const value = await client.command('GET', key);
      if (value instanceof RespError) this.errors.push(value.text);
      else assert.deepEqual(value, Buffer.from(key));
    }
    client.destroy();
  }
}

async function clusterAndPool(t: TestContext): Promise<[RedisCluster, Daemon]> {
  const cluster = await startCluster({ primaries: 3, replicas: 3 });
  t.after(() => cluster.stop());
  const daemon = await startClusterPool(t, portsOf(cluster), {
    settings: SETTINGS,
    // Nodes hear of each other's roles one after the other, and no hint comes when the one has that is asked.
    cluster: ['refresh_interval: 1s'],
  });
  const client = await daemon.client('orders');
  for (const key of KEYS) assert.equal(await client.command('SET', key, key), 'OK');
  client.destroy();
  const primaries = await primariesOf(cluster);
  await untilCopied(
    primaries.map(({ server }) => server),
    1,
  );
  return [cluster, daemon];
}

/** All reads are answered by replicas. */
async function untilReplicasAnswer(cluster: RedisCluster, daemon: Daemon): Promise<void> {
  const client = await daemon.client('orders');
  const primaries = (await primariesOf(cluster)).map(({ server }) => server);
  const areLeftAlone = async () => {
    const before = await Promise.all(primaries.map(getsOf));
    for (const key of KEYS) assert.deepEqual(await client.command('GET', key), Buffer.from(key));
    return (await Promise.all(primaries.map(getsOf))).every((count, i) => count === before[i]);
  };
  await waitFor(areLeftAlone, { what: 'replicas to answer', timeoutMs: 30_000 });
  const keys = KEYS.slice(0, 50);
  assert.deepEqual(
    await client.command('MGET', ...keys),
    keys.map(key => Buffer.from(key)),
  );
  client.destroy();
}

test('a cluster is read from its replicas; one that dies costs no error', async t => {
  const [cluster, daemon] = await clusterAndPool(t);
  await untilReplicasAnswer(cluster, daemon);
  const load = new ReadLoad(daemon, 'orders');
  await load.more(200);
  const [replica] = (await replicasOf(cluster, await cluster.ownerOf(0))) as [ClusterNode];
  await replica.server.kill();
  await load.more(1000);
  await load.end();
  assert.deepEqual(load.errors, []);
  assert.ok((await daemon.metric('ringmaster_pool_replica_reads_total', { pool: 'orders' })) > 0);
});

test('CLUSTER FAILOVER while replicas are read from: no error, no wrong value', async t => {
  const [cluster, daemon] = await clusterAndPool(t);
  await untilReplicasAnswer(cluster, daemon);
  const load = new ReadLoad(daemon, 'orders');
  const old = await cluster.ownerOf(0);
  const successor = await failOver(cluster, old, 0);
  await untilFollows(old.server, successor.server);
  await load.more(1000);
  const before = await getsOf(old.server);
  const isReadFrom = async () => (await getsOf(old.server)) > before;
  await waitFor(isReadFrom, { what: 'the old primary to be read from', timeoutMs: 20_000, everyMs: 50 });
  await load.end();
  assert.deepEqual(load.errors, []);
});

test('a slot that has moved is read from the replicas of its new owner', async t => {
  const [cluster, daemon] = await clusterAndPool(t);
  await untilReplicasAnswer(cluster, daemon);
  const key = KEYS[0] as string;
  const slot = slotOf(key);
  const from = await cluster.ownerOf(slot);
  const to = (await primariesOf(cluster)).find(node => node !== from) as ClusterNode;
  await cluster.moveSlot(slot, from, to);
  const [replica] = (await replicasOf(cluster, to)) as [ClusterNode];
  const client = await daemon.client('orders');
  const isAnswered = async () => {
    const before = await getsOf(replica.server);
    assert.deepEqual(await client.command('GET', key), Buffer.from(key));
    return (await getsOf(replica.server)) > before;
  };
  await waitFor(isAnswered, { what: 'the new replica to answer', timeoutMs: 20_000 });
});

test('replicas that Sentinels know are read from, also after a fail-over', async t => {
  const watched = await startSentinels(t, { replicas: 2 });
  const [shard] = watched.shards as [(typeof watched.shards)[number]];
  const sentinels = watched.sentinels.map(({ port }) => port);
  const daemon = await startSentinelPool(t, sentinels, { settings: SETTINGS, sentinel: ['refresh_interval: 1s'] });
  const client = await daemon.client('sessions', { timeoutMs: 30_000 });
  for (const key of KEYS) assert.equal(await client.command('SET', key, key), 'OK');
  const master = await watched.masterOf(shard);
  await untilCopied([master], 2);
  const untilReplicas = async (server: RedisServer): Promise<void> => {
    const isLeftAlone = async () => {
      const before = await getsOf(server);
      for (const key of KEYS) {
        const value = await client.command('GET', key);
        // A replica that Sentinel has just found may still be copying.
        if (value instanceof RespError || value === null) return false;
        assert.deepEqual(value, Buffer.from(key));
      }
      return (await getsOf(server)) === before;
    };
    await waitFor(isLeftAlone, { what: 'replicas to answer', timeoutMs: 30_000, everyMs: 50 });
  };
  await untilReplicas(master);
  await master.kill();
  const successor = await watched.untilReplaced(shard, master);
  const isFollowed = async () => (await client.command('SET', KEYS[0] as string, KEYS[0] as string)) === 'OK';
  await waitFor(isFollowed, { what: 'the fail-over to be followed', timeoutMs: 30_000, everyMs: 50 });
  await untilReplicas(successor);
  for (const key of KEYS) assert.equal(await client.command('SET', key, key), 'OK');
});
