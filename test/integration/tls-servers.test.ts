// Servers that speak TLS: who they have to be, and that nothing is said to one who is not.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { before, type TestContext, test } from 'node:test';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { Child } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

let authority: Authority;
let server: CertificateFiles;
let client: CertificateFiles;

before(async () => {
  authority = await Authority.create();
  server = await authority.sign('server', 'DNS:cache.test,IP:127.0.0.1');
  client = await authority.sign('client');
});

/** The port of a redis-server that speaks TLS. */
const tlsRedis = async (t: TestContext, args: readonly string[] = []) => (await bothRedis(t, args)).tlsPort;

/** One that speaks TLS on one port, and none on the other. */
async function bothRedis(t: TestContext, args: readonly string[]): Promise<{ tlsPort: number; redis: RedisServer }> {
  const port = await freePort();
  const files = ['--tls-cert-file', server.cert, '--tls-key-file', server.key, '--tls-ca-cert-file', authority.cert];
  const redis = await startRedis({ args: ['--tls-port', String(port), ...files, '--tls-auth-clients', 'no', ...args] });
  t.after(() => redis.kill());
  return { tlsPort: port, redis };
}

const proxy = (t: TestContext, port: number, tls: string, settings: readonly string[] = []): Promise<Daemon> =>
  startDaemon(t, { p: { protocol: 'redis', servers: [port], settings: [`server_tls: ${tls}`, ...settings] } });

async function reply(daemon: Daemon): Promise<string> {
  const raw = await daemon.client('p');
  raw.send('*2\r\n$3\r\nGET\r\n$1\r\na\r\n');
  const bytes = await raw.readReply();
  raw.destroy();
  return bytes.toString();
}

const REFUSED = /^-ERR server and proxy could not agree on TLS/;
const complaintOf = async (daemon: Daemon) =>
  String((await daemon.untilLogged(/^server refused the handshake$/))[0]!.complaint);

test('requests and large values pass; pipelines keep their order', async t => {
  const daemon = await proxy(t, await tlsRedis(t), `{ ca: ${authority.cert} }`);
  const raw = await daemon.client('p');
  const value = Buffer.alloc(5_000_000, 'v');
  assert.equal(await raw.command('SET', 'large', value), 'OK');
  assert.deepEqual(await raw.command('GET', 'large'), value);
  raw.send('*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n'.repeat(5000));
  const replies = await raw.readReplies(5000);
  assert.ok(replies.every((bytes, i) => bytes.toString() === `:${i + 1}\r\n`));
  raw.destroy();
});

test('AUTH, SELECT and a client of its own go over TLS, too', async t => {
  const port = await tlsRedis(t, ['--requirepass', 'secret']);
  const daemon = await proxy(t, port, `{ ca: ${authority.cert} }`, ['redis_auth: secret', 'redis_db: 2']);
  const raw = await daemon.client('p');
  assert.equal(await raw.command('AUTH', 'secret'), 'OK');
  assert.equal(await raw.command('MULTI'), 'OK');
  assert.equal(await raw.command('SET', 'a', '1'), 'QUEUED');
  assert.deepEqual(await raw.command('EXEC'), ['OK']);
  raw.destroy();
});

test('a server that another authority vouches for gets nothing', async t => {
  const stranger = await Authority.create();
  const daemon = await proxy(t, await tlsRedis(t), `{ ca: ${stranger.cert} }`);
  assert.match(await reply(daemon), REFUSED);
  assert.match(await complaintOf(daemon), /^TLS: .*(self-signed|verify|unable)/);
});

test('a server with the certificate of another name gets nothing', async t => {
  const port = await tlsRedis(t);
  const wrong = await proxy(t, port, `{ ca: ${authority.cert}, server_name: other.test }`);
  assert.match(await reply(wrong), REFUSED);
  assert.match(await complaintOf(wrong), /other\.test/);
  const right = await proxy(t, port, `{ ca: ${authority.cert}, server_name: cache.test }`);
  assert.equal(await reply(right), '$-1\r\n');
});

test('without verification anybody will do, and each start says so', async t => {
  const daemon = await proxy(t, await tlsRedis(t), '{ verify: false }');
  assert.equal(await reply(daemon), '$-1\r\n');
  assert.equal((await daemon.untilLogged(/^verify is false/)).length, 1);
});

test('servers that want a certificate of ours', async t => {
  const port = await tlsRedis(t, ['--tls-auth-clients', 'yes']);
  const shown = await proxy(t, port, `{ ca: ${authority.cert}, cert: ${client.cert}, key: ${client.key} }`);
  assert.equal(await reply(shown), '$-1\r\n');
  const none = await proxy(t, port, `{ ca: ${authority.cert} }`);
  assert.match(await reply(none), /^-ERR /);
});

test('a server that speaks no TLS, and a pool that speaks none with one that does: errors, and nothing hangs', async t => {
  const plain = await startRedis();
  t.after(() => plain.kill());
  const toPlain = await proxy(t, plain.port, `{ ca: ${authority.cert} }`, ['connect_timeout: 500ms']);
  assert.match(await reply(toPlain), /^-ERR /);
  const port = await tlsRedis(t);
  const toTls = await startDaemon(t, { p: { protocol: 'redis', servers: [port], settings: ['timeout: 500ms'] } });
  assert.match(await reply(toTls), /^-ERR /);
});

test('memcached speaks TLS, too', async t => {
  const port = await freePort();
  const files = ['-o', `ssl_chain_cert=${server.cert},ssl_key=${server.key}`];
  const memcached = new Child('memcached', ['-l', '127.0.0.1', '-p', String(port), '-u', 'root', '-Z', ...files]);
  t.after(() => memcached.kill());
  const settings = [`server_tls: { ca: ${authority.cert} }`];
  const daemon = await startDaemon(t, { p: { protocol: 'memcached', servers: [port], settings } });
  const raw = await daemon.client('p');
  await waitFor(
    async () => {
      raw.send('set a 0 0 1\r\n1\r\n');
      return (await raw.readLine()).toString() === 'STORED\r\n';
    },
    { what: 'memcached to answer' },
  );
  raw.send('get a\r\n');
  assert.equal((await raw.readUntil('END\r\n')).toString(), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  raw.destroy();
});

test('health checks ask in TLS, and find a server down that is not who it should be', async t => {
  const port = await tlsRedis(t);
  const check = 'health_check: { interval: 50ms, failures: 1, successes: 1 }';
  const good = await proxy(t, port, `{ ca: ${authority.cert} }`, [check]);
  await waitFor(async () => (await good.metric('ringmaster_server_health_checks_total')) >= 3, { what: 'probes' });
  assert.equal(await good.metric('ringmaster_server_health_check_failures_total'), 0);
  const bad = await proxy(t, port, `{ ca: ${(await Authority.create()).cert} }`, [check]);
  await waitFor(() => bad.logged(/./).some(({ why }) => /could not agree on TLS/.test(String(why))), {
    what: 'the verdict',
  });
});

test('a reload that renews the certificate of ours leaves connections alone; one that ends TLS does not', async t => {
  const { tlsPort: port, redis } = await bothRedis(t, ['--tls-auth-clients', 'yes']);
  /** Of the oldest connection: the proxy's. */
  const connection = async () => /^id=\d+ addr=\S+/.exec(String(await redis.command('CLIENT', 'LIST')))?.[0];
  const mine = await authority.sign('mine');
  const daemon = await proxy(t, port, `{ ca: ${authority.cert}, cert: ${mine.cert}, key: ${mine.key} }`);
  const reload = () => fetch(`http://127.0.0.1:${daemon.adminPort}/-/reload`, { method: 'POST' });
  assert.equal(await reply(daemon), '$-1\r\n');
  const before = await connection();
  copyFileSync(client.cert, mine.cert);
  copyFileSync(client.key, mine.key);
  assert.equal((await reload()).status, 200);
  assert.equal(await reply(daemon), '$-1\r\n');
  assert.equal(await connection(), before);
  const text = readFileSync(daemon.ringmaster.configFile, 'utf8');
  daemon.ringmaster.writeConfig(text.replace(/^ *server_tls:.*\n/m, '    timeout: 500ms\n'));
  assert.equal((await reload()).status, 200);
  assert.match(await reply(daemon), /^-ERR /);
});

test('files that are missing or no certificates: it does not start, and says which', async t => {
  const port = await tlsRedis(t);
  await assert.rejects(
    proxy(t, port, '{ ca: /nonexistent.pem }'),
    /pool p: server_tls: cannot read \/nonexistent\.pem/,
  );
  await assert.rejects(proxy(t, port, '{ ca: /etc/hostname }'), /pool p: server_tls: \/etc\/hostname is no PEM file/);
});
