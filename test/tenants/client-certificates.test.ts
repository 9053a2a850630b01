// Names in the certificates of clients, instead of passwords.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Redis } from 'ioredis';
import { askInOnePiece as ask } from '../support/ask-in-one-piece.ts';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { run } from '../support/child.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { untilEqual, waitFor, waitForEvent } from '../support/wait-for.ts';

let authority: Authority;
let server: CertificateFiles;

before(async () => {
  authority = await Authority.create();
  server = await authority.sign('proxy');
});

const listenTls = (more = '') =>
  `listen_tls: { cert: ${server.cert}, key: ${server.key}, ca: ${authority.cert}${more} }`;
const REQUIRED = ', client_cert: required';
const OPTIONAL = ', client_cert: optional';
const USERS = [
  'users:',
  '  app: { pools: [p], certificates: [app.example, "spiffe://example/app", "ops@example.net"] }',
  '  other: { pools: [p], certificates: [other], passwords: [secret] }',
];

async function start(t: TestContext, tls: string, users = USERS, workers = 1): Promise<Daemon> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const p = { protocol: 'redis' as const, servers: [redis.port], settings: [listenTls(tls)] };
  return startDaemon(t, { p }, { settings: users, workers });
}

const shown = ({ cert, key }: CertificateFiles) => ({ cert: readFileSync(cert), key: readFileSync(key) });

async function secured(t: TestContext, port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca: authority.pem(), ...options });
  t.after(() => socket.destroy());
  await waitForEvent(socket, 'secureConnect', { what: 'the handshake' });
  socket.on('error', () => {});
  return socket;
}

async function client(t: TestContext, daemon: Daemon, options: ConnectionOptions = {}, pool = 'p'): Promise<RawClient> {
  return new RawClient(await secured(t, daemon.port(pool), options));
}

/** Whom the pool takes the client for, or that it closes. */
async function whoami(t: TestContext, daemon: Daemon, options: ConnectionOptions = {}): Promise<string> {
  const raw = await client(t, daemon, options);
  return ask(raw, ['ACL', 'WHOAMI']).catch(() => 'closed');
}

const NOAUTH = '-NOAUTH Authentication required.\r\n';
const APP = '$3\r\napp\r\n';

test('common name, DNS name, URI or mail address: the client is signed in before its first request', async t => {
  const daemon = await start(t, REQUIRED);
  const certificates = [
    await authority.sign('app.example', 'DNS:nobody'),
    await authority.sign('x1', 'DNS:nobody, DNS:app.example'),
    await authority.sign('x2', 'URI:spiffe://example/app'),
    await authority.sign('x3', 'email:ops@example.net'),
  ];
  for (const files of certificates) assert.equal(await whoami(t, daemon, shown(files)), APP);
  const raw = await client(t, daemon, shown(certificates[0]!));
  assert.equal(await ask(raw, ['SET', 'k', 'v'], ['GET', 'k']), '+OK\r\n$1\r\nv\r\n');
  // As somebody else, by a password.
  assert.equal(await ask(raw, ['AUTH', 'other', 'secret'], ['ACL', 'WHOAMI']), '+OK\r\n$5\r\nother\r\n');
});

test('a good certificate whose names are no user’s signs nobody in', async t => {
  const daemon = await start(t, REQUIRED);
  const stranger = await authority.sign('stranger', 'DNS:app.example.evil, IP:127.0.0.1');
  const raw = await client(t, daemon, shown(stranger));
  assert.equal(await ask(raw, ['GET', 'k'], ['AUTH', 'other', 'secret'], ['GET', 'k']), `${NOAUTH}+OK\r\n$-1\r\n`);
  // One URI, which reads like two names.
  const odd = await authority.sign('odd', '@names\n[names]\nURI.1=http://x/, DNS:app.example');
  assert.equal(await whoami(t, daemon, shown(odd)), NOAUTH);
});

test('a certificate of another authority, or its own, is refused whatever its names', async t => {
  const stranger = await Authority.create();
  const bad = await stranger.sign('app.example');
  for (const wanted of [REQUIRED, OPTIONAL]) {
    const daemon = await start(t, wanted);
    assert.equal(await whoami(t, daemon, shown(bad)), 'closed');
    await untilEqual(() => daemon.logged(/^no TLS with a client$/).length, 1, 'lines');
  }
});

test('optional: without a certificate a client signs in by password', async t => {
  const daemon = await start(t, OPTIONAL);
  assert.equal(await whoami(t, daemon), NOAUTH);
  const raw = await client(t, daemon);
  assert.equal(
    await ask(raw, ['AUTH', 'app', ''], ['AUTH', 'other', 'secret']),
    `-WRONGPASS invalid username-password pair or user is disabled.\r\n+OK\r\n`,
  );
  assert.equal(await whoami(t, daemon, shown(await authority.sign('app.example'))), APP);
});

test('none: a certificate that is shown means nothing', async t => {
  const daemon = await start(t, '');
  assert.equal(await whoami(t, daemon, shown(await authority.sign('app.example'))), NOAUTH);
});

test('one that has run out is refused', async t => {
  const daemon = await start(t, REQUIRED);
  assert.equal(await whoami(t, daemon, shown(await authority.sign('app.example', 'DNS:x', -3600))), 'closed');
  await untilEqual(() => daemon.logged(/^no TLS with a client$/).length, 1, 'lines');
  assert.match(String(daemon.logged(/^no TLS with a client$/)[0]!.why), /CERT_HAS_EXPIRED/);
});

test('one that was revoked is refused, others are not; a list that has run out lets nobody in', async t => {
  const [good, bad] = [await authority.sign('app.example'), await authority.sign('other')];
  await authority.revoke(bad);
  const crl = await authority.revocations();
  const daemon = await start(t, `${REQUIRED}, crl: ${crl}`);
  assert.equal(await whoami(t, daemon, shown(good)), APP);
  assert.equal(await whoami(t, daemon, shown(bad)), 'closed');
  await untilEqual(() => daemon.logged(/^no TLS with a client$/).length, 1, 'lines');
  assert.match(String(daemon.logged(/^no TLS with a client$/)[0]!.why), /CERT_REVOKED/);
  const old = await start(t, `${REQUIRED}, crl: ${await authority.revocations(-3600)}`);
  assert.equal(await whoami(t, old, shown(good)), 'closed');
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a session that is resumed is of the same user, ${version}, in another worker too`, async t => {
    const daemon = await start(t, REQUIRED, USERS, 2);
    const options = { ...shown(await authority.sign('app.example')), maxVersion: version, minVersion: version };
    const first = await secured(t, daemon.port('p'), options);
    // TLS 1.2 has it with the handshake.
    let session = version === 'TLSv1.2' ? first.getSession() : undefined;
    first.on('session', each => {
      session = each;
    });
    const raw = new RawClient(first);
    assert.equal(await ask(raw, ['ACL', 'WHOAMI']), APP);
    await waitFor(() => session !== undefined, { what: 'a ticket' });
    for (let i = 0; i < 6; i++) {
      const again = await secured(t, daemon.port('p'), { ...options, session: session! });
      assert.equal(again.isSessionReused(), true);
      assert.equal(await ask(new RawClient(again), ['ACL', 'WHOAMI']), APP);
    }
  });
}

test('memcached', async t => {
  const memcached = await startMemcached();
  t.after(() => memcached.kill());
  const p = { protocol: 'memcached' as const, servers: [memcached.port], settings: [listenTls(OPTIONAL)] };
  const daemon = await startDaemon(
    t,
    { p },
    { settings: ['users:', '  app: { pools: [p], certificates: [app.example] }'] },
  );
  const app = await client(t, daemon, shown(await authority.sign('app.example')));
  app.send('set k 0 0 1\r\nv\r\nget k\r\n');
  assert.equal((await app.readUntil('END\r\n')).toString(), 'STORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n');
  const nobody = await client(t, daemon);
  nobody.send('get k\r\n');
  assert.equal((await nobody.readLine()).toString(), 'CLIENT_ERROR unauthenticated\r\n');
});

test('a port that several pools share leads by the certificate; others sign in there', async t => {
  const servers = [await startRedis(), await startRedis()] as const;
  for (const redis of servers) t.after(() => redis.kill());
  const pool = (port: number) => ({ protocol: 'redis' as const, servers: [port], hasNoPort: true });
  const front = { protocol: 'redis' as const, servers: [], settings: ['pool_by: user', listenTls(OPTIONAL)] };
  const settings = [
    'users:',
    '  app: { pools: [a], certificates: [app.example] }',
    '  other: { pools: [b], certificates: [other.example], passwords: [secret] }',
  ];
  const daemon = await startDaemon(
    t,
    { front, a: pool(servers[0].port), b: pool(servers[1].port) },
    { settings, workers: 2 },
  );
  const files = await authority.sign('app.example');
  const app = await client(t, daemon, shown(files), 'front');
  assert.equal(await ask(app, ['ACL', 'WHOAMI'], ['SET', 'k', 'a']), `${APP}+OK\r\n`);
  assert.equal(String(await servers[0].command('GET', 'k')), 'a');
  const other = await client(t, daemon, shown(await authority.sign('other.example')), 'front');
  assert.equal(await ask(other, ['ACL', 'WHOAMI'], ['EXISTS', 'k']), '$5\r\nother\r\n:0\r\n');
  const nobody = await client(t, daemon, shown(await authority.sign('stranger')), 'front');
  assert.equal(await ask(nobody, ['GET', 'k'], ['AUTH', 'other', 'secret'], ['EXISTS', 'k']), `${NOAUTH}+OK\r\n:0\r\n`);

  const port = daemon.port('front');
  const flags = ['-p', String(port), '--tls', '--cacert', authority.cert, '--cert', files.cert, '--key', files.key];
  assert.equal((await run('redis-cli', [...flags, 'acl', 'whoami'])).stdout.trim(), 'app');
  const ioredis = new Redis({ port, host: '127.0.0.1', tls: { ca: authority.pem(), ...shown(files) } });
  assert.equal(await ioredis.get('k'), 'a');
  ioredis.disconnect();
});
