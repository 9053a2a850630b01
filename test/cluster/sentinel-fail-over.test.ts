import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { freePorts } from '../support/free-port.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import { startSentinels, type WatchedServers } from '../support/redis-sentinels.ts';
import { untilCopied } from '../support/replication.ts';
import { RespError } from '../support/resp-reader.ts';
import { type SentinelPoolOptions, startSentinelPool } from '../support/sentinel-pool.ts';
import { waitFor } from '../support/wait-for.ts';
import { CheckedLoad } from './checked-load.ts';

const MASTERS = ['shard-a', 'shard-b'];
/** Rounds of the load that must be without an error once all is well again. */
const WELL = 2000;

async function poolOf(t: TestContext, watched: WatchedServers, options: SentinelPoolOptions = {}): Promise<Daemon> {
  const ports = watched.sentinels.map(({ port }) => port);
  return startSentinelPool(t, ports, { workers: 2, masters: MASTERS, ...options });
}

/** Reads and writes until all succeed; nothing that is read may be wrong. */
async function untilServed(daemon: Daemon, keys: readonly string[]): Promise<void> {
  const client = await daemon.client('sessions', { timeoutMs: 30_000 });
  const isServed = async () => {
    let errors = 0;
    for (const key of keys) {
      const value = await client.command('GET', key);
      if (value instanceof RespError) errors++;
      else assert.deepEqual(value, Buffer.from(key));
    }
    return errors === 0;
  };
  await waitFor(isServed, { what: 'all keys to be served', timeoutMs: 30_000, everyMs: 50 });
  for (const key of keys) assert.equal(await client.command('SET', key, key), 'OK');
  client.destroy();
}

test('a master is killed and comes back as a replica, five times: no wrong value, no key elsewhere', async t => {
  const watched = await startSentinels(t, {
    masters: MASTERS,
    password: 'of-servers',
    sentinelPassword: 'of-sentinels',
  });
  const daemon = await poolOf(t, watched, {
    settings: ['redis_auth: of-servers', 'timeout: 2s'],
    sentinel: ['password: of-sentinels'],
  });
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`);
  const client = await daemon.client('sessions', { timeoutMs: 30_000 });
  await client.command('AUTH', 'of-servers');
  for (const key of keys) assert.equal(await client.command('SET', key, key), 'OK');
  for (let round = 0; round < 5; round++) {
    const shard = watched.shards[round % MASTERS.length]!;
    const master = await watched.masterOf(shard);
    await untilCopied([master], 1);
    await master.kill();
    const successor = await watched.untilReplaced(shard, master);
    const isServed = async () => {
      for (const key of keys) {
        const value = await client.command('GET', key);
        if (value instanceof RespError) return false;
        assert.deepEqual(value, Buffer.from(key));
      }
      return true;
    };
    await waitFor(isServed, { what: 'all keys to be served', timeoutMs: 30_000, everyMs: 50 });
    const size = Number(await successor.command('DBSIZE'));
    for (const key of keys) assert.equal(await client.command('SET', key, key), 'OK');
    assert.equal(await successor.command('DBSIZE'), size, 'no key has moved');
    await watched.revive(shard, master);
    await watched.untilWhole(shard);
    for (const key of keys) assert.equal(await client.command('SET', key, key), 'OK');
  }
  const told = daemon.logged(/fail-over/).length;
  const happened = watched.shards.reduce((sum, shard) => sum + watched.failOvers(shard), 0);
  assert.ok(told >= 5 && told <= happened, `${told} fail-overs were told of, ${happened} happened`);
});

test('a master that hangs is left, and gets nothing when it wakes up', async t => {
  const watched = await startSentinels(t, { masters: MASTERS });
  const daemon = await poolOf(t, watched, { settings: ['timeout: 1s'] });
  const [shard] = watched.shards as [WatchedServers['shards'][number]];
  const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`);
  const client = await daemon.client('sessions');
  for (const key of keys) assert.equal(await client.command('SET', key, key), 'OK');
  const master = await watched.masterOf(shard);
  await untilCopied([master], 1);
  master.freeze();
  t.after(() => master.thaw());
  const successor = await watched.untilReplaced(shard, master);
  await untilServed(daemon, keys);
  master.thaw();
  await watched.untilWhole(shard);
  for (const key of keys) assert.equal(await client.command('SET', key, `${key} again`), 'OK');
  assert.equal(await watched.masterOf(shard), successor);
  for (const key of keys) {
    const value = await successor.command('GET', key);
    assert.ok(value === null || String(value) === `${key} again`);
  }
});

test('fail-overs on demand under load: the pool is well again after each, and no reply is mixed up', async t => {
  const watched = await startSentinels(t, { masters: MASTERS });
  const daemon = await poolOf(t, watched);
  // Redis's own fail-over loses what the old master has acknowledged last: so every client reads what it has not written lately.
  const load = new CheckedLoad(daemon, {
    pool: 'sessions',
    clients: 20,
    hasMulti: false,
    mayFail: true,
    keys: 1_000_000,
  });
  for (let round = 0; round < 3; round++) {
    const shard = watched.shards[round % MASTERS.length]!;
    const master = await watched.masterOf(shard);
    await waitFor(async () => (await watched.sentinels[0]!.command('SENTINEL', 'FAILOVER', shard.name)) === 'OK', {
      what: 'a fail-over to begin',
      timeoutMs: 30_000,
      everyMs: 100,
    });
    await Promise.race([watched.untilFailedOver(shard, master), load.mistake]);
    await Promise.race([watched.untilWhole(shard), load.mistake]);
    const isWell = async () => {
      const [errors, wanted] = [load.errors, load.requests + WELL];
      await waitFor(() => load.requests > wanted, { what: 'the load', timeoutMs: 30_000 });
      return load.errors === errors;
    };
    await Promise.race([waitFor(isWell, { what: 'no more errors', timeoutMs: 30_000 }), load.mistake]);
  }
  await load.end();
});

test('half of the Sentinels are dead, at the start and later', async t => {
  const watched = await startSentinels(t, { masters: ['shard-a'] });
  const dead = await freePorts(2);
  const [first, second, third] = watched.sentinels as [
    WatchedServers['sentinels'][number],
    WatchedServers['sentinels'][number],
    WatchedServers['sentinels'][number],
  ];
  const daemon = await startSentinelPool(t, [...dead, first.port, second.port, third.port], { workers: 2 });
  const client = await daemon.client('sessions');
  assert.equal(await client.command('SET', 'k', 'k'), 'OK');
  const [shard] = watched.shards as [WatchedServers['shards'][number]];
  await first.kill();
  const master = await watched.masterOf(shard);
  await untilCopied([master], 1);
  await master.kill();
  await watched.untilReplaced(shard, master);
  await untilServed(daemon, ['k']);
});
