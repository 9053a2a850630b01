// Clients that speak TLS with a pool: what they get, who is let in, and how sessions are resumed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { before, describe, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Redis } from 'ioredis';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { run } from '../support/child.ts';
import { type Daemon, type DaemonOptions, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { untilEqual, waitFor, waitForEvent, within } from '../support/wait-for.ts';

let authority: Authority;
let server: CertificateFiles;

before(async () => {
  authority = await Authority.create();
  server = await authority.sign('proxy');
});

async function proxy(t: TestContext, tls: string, options?: DaemonOptions): Promise<Daemon> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const settings = [`listen_tls: ${tls}`];
  return startDaemon(t, { p: { protocol: 'redis', servers: [redis.port], settings } }, options);
}

const plainPair = () => `cert: ${server.cert}, key: ${server.key}`;

async function tlsClient(t: TestContext, daemon: Daemon, options: ConnectionOptions = {}): Promise<RawClient> {
  return new RawClient(await secured(t, daemon, options));
}

async function secured(t: TestContext, daemon: Daemon, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: daemon.port('p'), ca: authority.pem(), ...options });
  t.after(() => socket.destroy());
  await waitForEvent(socket, 'secureConnect', { what: 'the handshake' });
  // The daemon may end before it.
  socket.on('error', () => {});
  return socket;
}

test('redis-cli and ioredis speak TLS with a pool', async t => {
  const daemon = await proxy(t, `{ ${plainPair()} }`);
  const flags = ['-p', String(daemon.port('p')), '--tls', '--cacert', authority.cert];
  assert.equal((await run('redis-cli', [...flags, 'set', 'a', '1'])).stdout.trim(), 'OK');
  assert.equal((await run('redis-cli', [...flags, 'get', 'a'])).stdout.trim(), '1');
  const client = new Redis({ port: daemon.port('p'), host: '127.0.0.1', tls: { ca: authority.pem() } });
  t.after(() => client.disconnect());
  const value = 'x'.repeat(3_000_000);
  await client.set('large', value);
  assert.equal(await client.get('large'), value);
  const replies = await Promise.all(Array.from({ length: 2000 }, (_, i) => client.incrby('count', i)));
  assert.equal(replies.at(-1), (1999 * 2000) / 2);
});

test('replies come whole to a client that reads late, and after its half-close', async t => {
  const daemon = await proxy(t, `{ ${plainPair()} }`);
  const client = await tlsClient(t, daemon);
  const value = Buffer.alloc(1_000_000, 'v');
  await client.command('SET', 'k', value);
  const get = '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n';
  client.pause();
  for (let i = 0; i < 40; i++) client.send(get);
  const requests = () => daemon.metric('ringmaster_pool_requests_total', { pool: 'p' });
  await waitFor(async () => (await requests()) > 1, { what: 'the first GET' });
  client.resume();
  client.end();
  const reply = Buffer.concat([Buffer.from('$1000000\r\n'), value, Buffer.from('\r\n')]);
  for (let i = 0; i < 40; i++) assert.ok((await client.readReply()).equals(reply));
  assert.equal((await client.readToEnd()).length, 0);
});

test('requests split at every byte', async t => {
  const daemon = await proxy(t, `{ ${plainPair()} }`);
  const client = await tlsClient(t, daemon);
  const bytes = Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nab\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n');
  for (let at = 1; at < bytes.length; at++) {
    client.send(bytes.subarray(0, at));
    client.send(bytes.subarray(at));
    assert.equal((await client.readUntil(13)).toString(), '+OK\r\n$2\r\nab\r\n');
  }
});

test('a plain client on a TLS port is closed, and the log says why', async t => {
  const daemon = await proxy(t, `{ ${plainPair()} }`);
  const client = await daemon.client('p');
  client.send('*1\r\n$4\r\nPING\r\n');
  await client.closed;
  const [line] = await daemon.untilLogged(/^no TLS with a client$/);
  assert.match(String(line?.why), /does not speak TLS/);
  assert.match(String(line?.client), /^127\.0\.0\.1:\d+$/);
});

test('a client that does not finish its handshake in time is closed', async t => {
  const daemon = await proxy(t, `{ ${plainPair()}, handshake_timeout: 100ms }`);
  const socket = connectPlain(daemon.port('p'), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.resume();
  await once(socket, 'close');
  await untilEqual(() => daemon.logged(/^no TLS with a client$/).length, 1, 'lines');
});

describe('certificates of clients', () => {
  test('required: only those that the authority has signed are let in', async t => {
    const daemon = await proxy(t, `{ ${plainPair()}, ca: ${authority.cert}, client_cert: required }`);
    const { cert, key } = await authority.sign('client');
    const stranger = await (await Authority.create()).sign('stranger');
    const good = await tlsClient(t, daemon, { cert: readFileSync(cert), key: readFileSync(key) });
    assert.equal(await good.command('SET', 'a', '1'), 'OK');
    await refused(t, daemon, {});
    await refused(t, daemon, { cert: readFileSync(stranger.cert), key: readFileSync(stranger.key) });
    await untilEqual(() => daemon.logged(/^no TLS with a client$/).length, 2, 'lines');
    const whys = daemon.logged(/^no TLS with a client$/).map(({ why }) => String(why));
    assert.match(whys[0]!, /peer did not return a certificate/);
    assert.match(whys[1]!, /its certificate is not accepted: (UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/);
  });

  test('optional: one that is shown has to be good', async t => {
    const daemon = await proxy(t, `{ ${plainPair()}, ca: ${authority.cert}, client_cert: optional }`);
    const stranger = await (await Authority.create()).sign('stranger');
    const { cert, key } = await authority.sign('client');
    assert.equal(await (await tlsClient(t, daemon)).command('SET', 'a', '1'), 'OK');
    const good = await tlsClient(t, daemon, { cert: readFileSync(cert), key: readFileSync(key) });
    assert.equal((await good.command('GET', 'a'))?.toString(), '1');
    await refused(t, daemon, { cert: readFileSync(stranger.cert), key: readFileSync(stranger.key) });
  });
});

/** Nothing is answered; TLS 1.3 lets a client believe in its handshake before the other side has judged it. */
async function refused(t: TestContext, daemon: Daemon, options: ConnectionOptions): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: daemon.port('p'), ca: authority.pem(), ...options });
  t.after(() => socket.destroy());
  let answer = '';
  socket.on('error', () => {});
  socket.on('data', bytes => {
    answer += bytes;
  });
  socket.write('*1\r\n$4\r\nPING\r\n');
  await within(new Promise(resolve => socket.once('close', resolve)), { what: 'the end of a client that is refused' });
  assert.equal(answer, '');
}

test('a version or ciphers that the pool does not have are refused', async t => {
  const daemon = await proxy(t, `{ ${plainPair()}, min_version: 1.3 }`);
  await refused(t, daemon, { maxVersion: 'TLSv1.2' });
  assert.equal((await secured(t, daemon)).getProtocol(), 'TLSv1.3');
  const older = await proxy(t, `{ ${plainPair()}, ciphers: ECDHE-ECDSA-AES256-GCM-SHA384 }`);
  const socket = await secured(t, older, { maxVersion: 'TLSv1.2' });
  assert.equal(socket.getCipher().name, 'ECDHE-ECDSA-AES256-GCM-SHA384');
  await refused(t, older, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' });
});

test('the certificate is the one of the name that is asked for, else the first', async t => {
  const other = await authority.sign('other', 'DNS:other.test,DNS:*.many.test');
  const daemon = await proxy(t, `{ cert: [${server.cert}, ${other.cert}], key: [${server.key}, ${other.key}] }`);
  const shown = async (servername: string) => {
    const socket = await secured(t, daemon, { servername, checkServerIdentity: () => undefined });
    return socket.getPeerCertificate().subject.CN;
  };
  assert.equal(await shown('other.test'), 'other');
  assert.equal(await shown('a.many.test'), 'other');
  assert.equal(await shown('localhost'), 'proxy');
  assert.equal(await shown('unknown.test'), 'proxy');
});

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a session is resumed in every worker: ${maxVersion}`, async t => {
    const daemon = await proxy(t, `{ ${plainPair()} }`, { workers: 2 });
    const first = connect({ host: '127.0.0.1', port: daemon.port('p'), ca: authority.pem(), maxVersion });
    t.after(() => first.destroy());
    const ticket = once(first, 'session');
    first.write('*1\r\n$4\r\nPING\r\n');
    const [session] = (await ticket) as [Buffer];
    for (let i = 0; i < 20; i++) assert.ok((await secured(t, daemon, { session, maxVersion })).isSessionReused());
  });
}

test('a reload reads the files again, without touching connections; what is bad is refused', async t => {
  const old = await authority.sign('old');
  const renewed = await authority.sign('renewed');
  const daemon = await proxy(t, `{ cert: ${old.cert}, key: ${old.key} }`);
  const shown = async () => (await secured(t, daemon)).getPeerCertificate().subject.CN;
  const client = await tlsClient(t, daemon);
  assert.equal(await shown(), 'old');
  const reload = async () => {
    const answer = await fetch(`http://127.0.0.1:${daemon.adminPort}/-/reload`, { method: 'POST' });
    return { status: answer.status, text: await answer.text() };
  };

  copyFileSync(renewed.cert, old.cert);
  const half = await reload();
  assert.notEqual(half.status, 200);
  assert.match(half.text, /pool p: listen_tls: .* is not the key of /);
  assert.equal(await shown(), 'old');

  copyFileSync(renewed.key, old.key);
  assert.equal((await reload()).status, 200);
  assert.equal(await shown(), 'renewed');
  assert.equal(await client.command('SET', 'a', '1'), 'OK');
});

test('TLS comes and goes with a reload', async t => {
  const daemon = await proxy(t, `{ ${plainPair()} }`);
  const secure = await tlsClient(t, daemon);
  const text = readFileSync(daemon.ringmaster.configFile, 'utf8');
  daemon.ringmaster.writeConfig(text.replace(/^ *listen_tls:.*\n/m, ''));
  const reload = () => fetch(`http://127.0.0.1:${daemon.adminPort}/-/reload`, { method: 'POST' });
  assert.equal((await reload()).status, 200);
  assert.equal(await (await daemon.client('p')).command('SET', 'a', '1'), 'OK');
  assert.equal((await secure.command('GET', 'a'))?.toString(), '1');
  daemon.ringmaster.writeConfig(text);
  assert.equal((await reload()).status, 200);
  assert.equal((await (await tlsClient(t, daemon)).command('GET', 'a'))?.toString(), '1');
});

test('private keys are in no page and no log', async t => {
  const daemon = await proxy(t, `{ ${plainPair()} }`);
  const { body } = await daemon.page('/config');
  assert.match(body, /proxy\.key/);
  assert.doesNotMatch(body + daemon.ringmaster.stderr(), /BEGIN|PRIVATE KEY|ticketKeys/);
});
