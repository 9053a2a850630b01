// redis-sentinel and redis-server that speak TLS with each other and with the pool.
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { Authority } from '../support/certificates.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import { startSentinels, type WatchedServers } from '../support/redis-sentinels.ts';
import { untilCopied } from '../support/replication.ts';
import { RespError } from '../support/resp-reader.ts';
import { startSentinelPool } from '../support/sentinel-pool.ts';
import { waitFor } from '../support/wait-for.ts';

const MASTERS = ['shard-a', 'shard-b'];
const KEYS = Array.from({ length: 40 }, (_, i) => `key:${i}`);

let authority: Authority;

before(async () => {
  authority = await Authority.create();
});

function poolOf(t: TestContext, watched: WatchedServers, ca: string, settings: readonly string[] = []) {
  const ports = watched.sentinels.map(({ tlsPort }) => tlsPort);
  const tls = [`server_tls: { ca: ${ca} }`, `sentinel_tls: { ca: ${ca} }`];
  const masters = watched.shards.map(({ name }) => name);
  return startSentinelPool(t, ports, { workers: 2, masters, settings: ['timeout: 1s', ...tls, ...settings] });
}

async function untilServed(daemon: Daemon): Promise<void> {
  const client = await daemon.client('sessions');
  const isServed = async () => {
    for (const key of KEYS) {
      const value = await client.command('GET', key);
      if (value instanceof RespError) return false;
      assert.deepEqual(value, Buffer.from(key));
    }
    return true;
  };
  await waitFor(isServed, { what: 'all keys to be served', timeoutMs: 30_000, everyMs: 50 });
  client.destroy();
}

async function failsOver(t: TestContext, names: string, host: string): Promise<void> {
  const tls = { ...(await authority.sign(`of-${host}`, names)), ca: authority.cert };
  const watched = await startSentinels(t, { masters: MASTERS, tls, host, replicas: 2 });
  const daemon = await poolOf(t, watched, authority.cert, ['read_from: replica', 'replica_check: 100ms']);
  const client = await daemon.client('sessions');
  for (const key of KEYS) assert.equal(await client.command('SET', key, key), 'OK');
  for (const shard of watched.shards) {
    const master = await watched.masterOf(shard);
    await untilCopied([master], 2);
    const replicas = shard.servers.filter(each => each !== master);
    const reads = async () => {
      await untilServed(daemon);
      const stats = await Promise.all(replicas.map(each => each.command('INFO', 'commandstats')));
      return stats.every(text => /cmdstat_get:/.test(String(text)));
    };
    await waitFor(reads, { what: 'replicas to be read from', timeoutMs: 30_000, everyMs: 50 });
    await master.kill();
    const successor = await watched.untilReplaced(shard, master);
    await untilServed(daemon);
    const written = async () => (await client.command('SET', `of:${shard.name}`, 1)) === 'OK';
    await waitFor(written, { what: 'writes to succeed', timeoutMs: 30_000, everyMs: 50 });
    for (const key of KEYS) assert.equal(await client.command('SET', key, key), 'OK');
    assert.ok(Number(await successor.command('DBSIZE')) > 0);
    await watched.revive(shard, master);
    await watched.untilWhole(shard);
  }
  const { body } = await daemon.page('/api/v1/topology');
  const nodes = JSON.parse(body).pools[0].nodes as { address: string }[];
  assert.ok(nodes.length >= 4 && nodes.every(({ address }) => address.startsWith(`${host}:`)), body);
  client.destroy();
}

test('masters and replicas at addresses, with certificates for these, are found and followed', t =>
  failsOver(t, 'IP:127.0.0.1', '127.0.0.1'));

test('where Sentinels announce host names, certificates are for these', t =>
  // The Sentinels are written as addresses.
  failsOver(t, 'DNS:localhost,IP:127.0.0.1', 'localhost'));

test('Sentinels and servers of another authority are not believed, and hear nothing of the clients', async t => {
  const tls = { ...(await authority.sign('of-strangers')), ca: authority.cert };
  const watched = await startSentinels(t, { masters: ['shard-a'], tls });
  const daemon = await poolOf(t, watched, (await Authority.create()).cert);
  const client = await daemon.client('sessions');
  const value = await client.command('SET', 'k', 'k');
  assert.ok(value instanceof RespError && /Host is down/.test(value.text), String(value));
  const [line] = await daemon.untilLogged(/nobody can name/);
  const reasons = Object.values(line?.reasons as Record<string, string>);
  assert.equal(reasons.length, 3);
  for (const reason of reasons) assert.match(reason, /could not agree on TLS: (self-signed|unable)/);
  const [master] = watched.shards[0]!.servers;
  assert.doesNotMatch(String(await master!.command('INFO', 'commandstats')), /cmdstat_set:/);
  client.destroy();
});
