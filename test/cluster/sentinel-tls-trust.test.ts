// Sentinels that speak TLS, and masters that do: who is believed, and by which name. With real ones: sentinel-tls.test.ts
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { before, type TestContext, test } from 'node:test';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { type FakeSentinel, type SaidMaster, startFakeSentinel } from '../support/fake-sentinel.ts';
import { freePort } from '../support/free-port.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { RespError } from '../support/resp-reader.ts';
import { startSentinelPool } from '../support/sentinel-pool.ts';
import { waitFor } from '../support/wait-for.ts';

let servers: Authority;
let watchers: Authority;
let ofServer: CertificateFiles;
let ofSentinel: CertificateFiles;
let ofProxy: CertificateFiles;

before(async () => {
  servers = await Authority.create();
  watchers = await Authority.create();
  ofServer = await servers.sign('server', 'IP:127.0.0.1');
  ofSentinel = await watchers.sign('sentinel', 'IP:127.0.0.1');
  ofProxy = await watchers.sign('proxy');
});

interface TlsRedis {
  readonly redis: RedisServer;
  readonly tlsPort: number;
}

async function server(t: TestContext, files = ofServer, args: readonly string[] = []): Promise<TlsRedis> {
  const tlsPort = await freePort();
  const shown = ['--tls-cert-file', files.cert, '--tls-key-file', files.key, '--tls-ca-cert-file', servers.cert];
  const redis = await startRedis({ args: ['--tls-port', `${tlsPort}`, ...shown, '--tls-auth-clients', 'no', ...args] });
  t.after(() => redis.kill());
  return { redis, tlsPort };
}

async function sentinel(
  t: TestContext,
  masters: Readonly<Record<string, SaidMaster>>,
  files: CertificateFiles | null = ofSentinel,
): Promise<FakeSentinel> {
  const read = (file: string) => readFileSync(file);
  const tls = files && {
    ...{ cert: read(files.cert), key: read(files.key) },
    // Whoever asks has to show one, too.
    ...{ ca: read(watchers.cert), requestCert: true, rejectUnauthorized: true },
  };
  const fake = await startFakeSentinel(masters, tls);
  t.after(() => fake.stop());
  return fake;
}

interface Spoken {
  readonly servers?: string;
  readonly sentinels?: string;
  readonly settings?: readonly string[];
}

const toServers = (more = '') => `{ ca: ${servers.cert}${more} }`;
const toSentinels = (more = '') => `{ ca: ${watchers.cert}, cert: ${ofProxy.cert}, key: ${ofProxy.key}${more} }`;

function pool(t: TestContext, sentinels: readonly FakeSentinel[], spoken: Spoken = {}): Promise<Daemon> {
  const tls = [
    `server_tls: ${spoken.servers ?? toServers()}`,
    `sentinel_tls: ${spoken.sentinels ?? toSentinels()}`,
    ...(spoken.settings ?? []),
  ];
  const ports = sentinels.map(({ port }) => port);
  return startSentinelPool(t, ports, { settings: tls, sentinel: ['refresh_min: 100ms', 'refresh_interval: 200ms'] });
}

async function set(daemon: Daemon, value: string): Promise<unknown> {
  const client = await daemon.client('sessions');
  const reply = await client.command('SET', 'k', value);
  client.destroy();
  return reply;
}

async function refused(daemon: Daemon, why: RegExp): Promise<void> {
  const reply = await set(daemon, 'x');
  assert.ok(reply instanceof RespError && /Host is down/.test(reply.text), String(reply));
  const [line] = await daemon.untilLogged(/nobody can name/);
  assert.match(JSON.stringify(line?.reasons), why);
}

test('each side has its own authority, and a fail-over is heard of over TLS', async t => {
  const [old, successor] = [await server(t), await server(t)];
  const said = await sentinel(t, { 'shard-a': { port: old.tlsPort, epoch: 1 } });
  const daemon = await pool(t, [said]);
  assert.equal(await set(daemon, '1'), 'OK');
  await waitFor(() => said.listeners === 1, { what: 'the daemon to listen' });
  said.masters.set('shard-a', { port: successor.tlsPort, epoch: 2 });
  said.publish('+switch-master', `shard-a 127.0.0.1 ${old.tlsPort} 127.0.0.1 ${successor.tlsPort}`);
  await daemon.untilLogged(/fail-over/);
  const isThere = async () =>
    (await set(daemon, '2')) === 'OK' && String(await successor.redis.command('GET', 'k')) === '2';
  await waitFor(isThere, { what: 'writes to arrive' });
  assert.deepEqual(await old.redis.command('GET', 'k'), Buffer.from('1'));
  // What has a connection of its own, too.
  const client = await daemon.client('sessions');
  assert.equal(await client.command('WATCH', 'k'), 'OK');
  assert.equal(await client.command('MULTI'), 'OK');
  assert.equal(await client.command('GET', 'k'), 'QUEUED');
  assert.deepEqual(await client.command('EXEC'), [Buffer.from('2')]);
  client.destroy();
  const { body } = await daemon.page('/metrics');
  assert.match(body, /ringmaster_certificate_not_after_seconds\{pool="sessions",side="sentinels",/);
});

test('Sentinels of another authority, of another name, or without TLS are passed over, and get no password', async t => {
  const a = await server(t);
  const masters = { 'shard-a': { port: a.tlsPort, epoch: 1 } };
  const bad = [
    await sentinel(t, masters, await servers.sign('stranger', 'IP:127.0.0.1')),
    await sentinel(t, masters, await watchers.sign('elsewhere', 'IP:127.0.0.2')),
    await sentinel(t, masters, null),
  ];
  await refused(
    await pool(t, bad),
    /"127\.0\.0\.1:\d+":"server and proxy could not agree on TLS: .*(not in the cert's list|unable to verify)/,
  );
  for (const { questions } of bad) assert.equal(questions, 0);
  const good = await sentinel(t, masters);
  assert.equal(await set(await pool(t, [...bad, good]), 'x'), 'OK');
  // A client without a certificate is none to a Sentinel that wants one.
  await refused(await pool(t, [good], { sentinels: `{ ca: ${watchers.cert} }` }), /could not agree on TLS/);
});

test('a server that can not prove who it is becomes no master, whatever Sentinels say', async t => {
  const a = await server(t);
  const stranger = await server(t, await watchers.sign('impostor', 'IP:127.0.0.1'));
  const said = await sentinel(t, { 'shard-a': { port: a.tlsPort, epoch: 1 } });
  const daemon = await pool(t, [said]);
  assert.equal(await set(daemon, '1'), 'OK');
  said.masters.set('shard-a', { port: stranger.tlsPort, epoch: 2 });
  await waitFor(() => daemon.logged(/nobody can name/)[0], { what: 'the log to say so' });
  assert.match(JSON.stringify(await daemon.untilLogged(/nobody can name/)), /it names .*could not agree on TLS/);
  assert.equal(await set(daemon, '2'), 'OK');
  assert.deepEqual(await a.redis.command('GET', 'k'), Buffer.from('2'));
  assert.equal(await stranger.redis.command('DBSIZE'), 0);
});

test('a certificate has to be for what Sentinels call the server, a name or an address, or for server_name', async t => {
  const named = await server(t, await servers.sign('named', 'DNS:localhost'));
  const said = await sentinel(t, { 'shard-a': { host: 'localhost', port: named.tlsPort, epoch: 1 } });
  assert.equal(await set(await pool(t, [said]), '1'), 'OK');
  said.masters.set('shard-a', { port: named.tlsPort, epoch: 1 });
  await refused(
    await pool(t, [said]),
    /it names 127\.0\.0\.1:\d+: server and proxy could not agree on TLS: .*not in the cert's list/,
  );
  assert.equal(await set(await pool(t, [said], { servers: toServers(', server_name: localhost') }), '2'), 'OK');
});

test('servers in TLS and Sentinels without it, and the other way round', async t => {
  const a = await server(t);
  const plain = await sentinel(t, { 'shard-a': { port: a.tlsPort, epoch: 1 } }, null);
  const daemon = await startSentinelPool(t, [plain.port], { settings: [`server_tls: ${toServers()}`] });
  assert.equal(await set(daemon, '1'), 'OK');
  const secured = await sentinel(t, { 'shard-a': { port: a.redis.port, epoch: 1 } });
  const other = await startSentinelPool(t, [secured.port], { settings: [`sentinel_tls: ${toSentinels()}`] });
  assert.equal(await set(other, '2'), 'OK');
});

test('a reload takes a new certificate to the Sentinels, and clients and connections to servers stay', async t => {
  const a = await server(t);
  const said = await sentinel(t, { 'shard-a': { port: a.tlsPort, epoch: 1 } });
  const [own, stranger] = [await watchers.sign('own'), await servers.sign('own')];
  const daemon = await pool(t, [said], {
    sentinels: `{ ca: ${watchers.cert}, cert: ${own.cert}, key: ${own.key} }`,
  });
  const client = await daemon.client('sessions');
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  await waitFor(() => said.listeners === 1, { what: 'the daemon to listen' });
  const connection = async () => /^id=\d+ (?=.* cmd=set )/m.exec(String(await a.redis.command('CLIENT', 'LIST')))?.[0];
  const before = await connection();
  assert.ok(before);
  const reload = () => fetch(`http://127.0.0.1:${daemon.adminPort}/-/reload`, { method: 'POST' });
  copyFileSync(stranger.cert, own.cert);
  copyFileSync(stranger.key, own.key);
  assert.equal((await reload()).status, 200);
  await waitFor(() => said.listeners === 0, { what: 'the Sentinel to turn it away' });
  assert.equal(await client.command('SET', 'k', 'w'), 'OK', 'the master is where it was');
  copyFileSync(ofProxy.cert, own.cert);
  copyFileSync(ofProxy.key, own.key);
  assert.equal((await reload()).status, 200);
  await waitFor(() => said.listeners === 1, { what: 'the daemon to listen again' });
  assert.equal(await client.command('SET', 'k', 'x'), 'OK');
  assert.equal(await connection(), before);
  client.destroy();
});
