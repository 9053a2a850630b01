// What scanners of TLS look for: old versions, weak ciphers, renegotiation, compression, fallback, clients that are slow,
// speak something else or have a certificate that is over.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { Child, run } from '../support/child.ts';
import { clientHello, type HelloAnswer, type HelloOptions, readHelloAnswer } from '../support/client-hello.ts';
import { type Daemon, type DaemonOptions, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { waitFor, waitForEvent, within } from '../support/wait-for.ts';

const TLS_1_2 = 0x0303;
const GOOD_SUITE = 0xc02f; // ECDHE-RSA-AES128-GCM-SHA256
const FALLBACK_SCSV = 0x5600;
const PING = '*1\r\n$4\r\nPING\r\n';
const ALERTS = { handshakeFailure: 40, protocolVersion: 70, inappropriateFallback: 86 };

/** By their numbers in IANA's registry; most have no name in an OpenSSL of today. */
const WEAK: Readonly<Record<string, readonly number[]>> = {
  'without encryption': [0x0001, 0x0002, 0x003b, 0xc006, 0xc010],
  'without a certificate': [0x0018, 0x001b, 0x0034, 0x003a, 0x00a6, 0x00a7, 0xc015, 0xc016, 0xc017, 0xc018, 0xc019],
  'for export': [0x0003, 0x0006, 0x0008, 0x000e, 0x0014, 0x0017, 0x0062, 0x0064],
  RC4: [0x0004, 0x0005, 0xc007, 0xc011],
  'DES and 3DES': [0x0009, 0x000a, 0x0015, 0x0016, 0xc008, 0xc012],
  'Camellia, SEED and IDEA': [0x0007, 0x0041, 0x0084, 0x0096],
  'with a shared key': [0x008c, 0x008d, 0x00a8, 0x00ae],
  'CBC, also behind ECDHE': [0xc009, 0xc00a, 0xc013, 0xc014, 0xc023, 0xc024, 0xc027, 0xc028],
  'without forward secrecy': [0x002f, 0x0035, 0x003c, 0x003d, 0x009c, 0x009d, 0xc09c, 0xc09d],
  'of finite fields': [0x0033, 0x0039, 0x0067, 0x006b, 0x009e, 0x009f],
};

let authority: Authority;
let rsa: CertificateFiles;

before(async () => {
  authority = await Authority.create();
  // Weak suites are of RSA, for the most part: with another key they would be refused for want of one.
  rsa = { cert: path.join(authority.dir, 'rsa.pem'), key: path.join(authority.dir, 'rsa.key') };
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', rsa.key, '-out', rsa.cert];
  const { code, stderr } = await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...names, ...files]);
  assert.equal(code, 0, stderr);
});

async function proxy(t: TestContext, more = '', options?: DaemonOptions): Promise<Daemon> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const settings = [`listen_tls: { cert: ${rsa.cert}, key: ${rsa.key}${more} }`];
  return startDaemon(t, { p: { protocol: 'redis', servers: [redis.port], settings } }, options);
}

async function secured(t: TestContext, daemon: Daemon, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const ca = readFileSync(rsa.cert);
  const socket = connect({ host: '127.0.0.1', port: daemon.port('p'), ca, ...options });
  t.after(() => socket.destroy());
  await waitForEvent(socket, 'secureConnect', { what: 'the handshake' });
  socket.on('error', () => {});
  return socket;
}

async function hello(daemon: Daemon, options: HelloOptions): Promise<HelloAnswer> {
  const client = await daemon.client('p');
  client.send(clientHello(options));
  const bytes = await client.readUntil(arrived => (readHelloAnswer(arrived) === null ? -1 : arrived.length));
  client.destroy();
  return readHelloAnswer(bytes) as HelloAnswer;
}

async function isServed(t: TestContext, daemon: Daemon): Promise<void> {
  const client = new RawClient(await secured(t, daemon));
  assert.equal(await client.command('PING'), 'PONG');
}

test('versions before 1.2 are refused, and 1.2 where the pool begins at 1.3', async t => {
  const daemon = await proxy(t);
  for (const version of [0x0300, 0x0301, 0x0302]) {
    const answer = await hello(daemon, { version, suites: [0xc013, 0x002f, 0x0035] });
    // SSL 3 is nothing that OpenSSL knows.
    const description = version === 0x0300 ? ALERTS.handshakeFailure : ALERTS.protocolVersion;
    assert.deepEqual(answer, { kind: 'alert', description }, version.toString(16));
  }
  const good = await hello(daemon, { version: TLS_1_2, suites: [GOOD_SUITE] });
  assert.deepEqual(good, { kind: 'hello', version: TLS_1_2, suite: GOOD_SUITE, compression: 0 });
  const newer = await proxy(t, ', min_version: 1.3');
  const answer = await hello(newer, { version: TLS_1_2, suites: [GOOD_SUITE] });
  assert.deepEqual(answer, { kind: 'alert', description: ALERTS.protocolVersion });
});

test('weak ciphers are refused', async t => {
  const daemon = await proxy(t);
  for (const [kind, suites] of Object.entries(WEAK)) {
    for (const suite of suites) {
      const answer = await hello(daemon, { version: TLS_1_2, suites: [suite] });
      const expected = { kind: 'alert', description: ALERTS.handshakeFailure };
      assert.deepEqual(answer, expected, `${kind}: ${suite.toString(16)}`);
    }
  }
  const both = await hello(daemon, { version: TLS_1_2, suites: [...Object.values(WEAK).flat(), GOOD_SUITE] });
  assert.deepEqual(both, { kind: 'hello', version: TLS_1_2, suite: GOOD_SUITE, compression: 0 });
});

test('what is left of TLS 1.2 is ECDHE with AEAD', async t => {
  const daemon = await proxy(t);
  for (const suite of [0xc02f, 0xc030, 0xcca8]) {
    const answer = await hello(daemon, { version: TLS_1_2, suites: [suite] });
    assert.deepEqual(answer, { kind: 'hello', version: TLS_1_2, suite, compression: 0 });
  }
  // Whoever needs an old one says so.
  const old = await proxy(t, ', ciphers: ECDHE-RSA-AES128-SHA');
  const answer = await hello(old, { version: TLS_1_2, suites: [0xc013] });
  assert.deepEqual(answer, { kind: 'hello', version: TLS_1_2, suite: 0xc013, compression: 0 });
});

test('compression is not agreed to', async t => {
  const daemon = await proxy(t);
  const answer = await hello(daemon, { version: TLS_1_2, suites: [GOOD_SUITE], compressions: [1, 0] });
  assert.deepEqual(answer, { kind: 'hello', version: TLS_1_2, suite: GOOD_SUITE, compression: 0 });
});

test('a client that was talked down from a newer version is refused', async t => {
  const daemon = await proxy(t);
  const answer = await hello(daemon, { version: TLS_1_2, suites: [GOOD_SUITE, FALLBACK_SCSV] });
  assert.deepEqual(answer, { kind: 'alert', description: ALERTS.inappropriateFallback });
});

test('renegotiation is refused, securely announced as it is', async t => {
  const daemon = await proxy(t);
  const client = new Child('openssl', ['s_client', '-connect', `127.0.0.1:${daemon.port('p')}`, '-tls1_2']);
  t.after(() => client.kill());
  await client.until(() => /Verify return code/.test(client.stdout()), 'the handshake');
  assert.match(client.stdout(), /Secure Renegotiation IS supported/);
  assert.match(client.stdout(), /Extended master secret: yes/);
  client.stdin.write('PING\n');
  await client.until(() => /PONG/.test(client.stdout()), 'an answer');
  client.stdin.write('R\n');
  await client.until(() => /no renegotiation/.test(client.stderr()), 'the refusal');
  await isServed(t, daemon);
});

test('tickets of before a reload begin a new handshake', async t => {
  const daemon = await proxy(t);
  const first = await secured(t, daemon);
  const ticket = waitForEvent(first, 'session', { what: 'a ticket' });
  first.write(PING);
  const [session] = (await ticket) as [Buffer];
  assert.ok((await secured(t, daemon, { session })).isSessionReused());
  const answer = await fetch(`http://127.0.0.1:${daemon.adminPort}/-/reload`, { method: 'POST' });
  assert.equal(answer.status, 200);
  assert.equal((await secured(t, daemon, { session })).isSessionReused(), false);
});

test('a handshake that comes byte by byte is over when its time is', async t => {
  const daemon = await proxy(t, ', handshake_timeout: 300ms');
  const client = await daemon.client('p');
  t.after(() => client.destroy());
  let isClosed = false;
  void client.closed.then(() => {
    isClosed = true;
  });
  const bytes = clientHello({ version: TLS_1_2, suites: [GOOD_SUITE] });
  // It would take seconds.
  for (let at = 0; !isClosed && at < bytes.length - 1; at++) {
    client.send(bytes.subarray(at, at + 1));
    await Promise.race([client.closed, new Promise(resolve => setTimeout(resolve, 50))]);
  }
  assert.ok(isClosed);
  await daemon.untilLogged(/^no TLS with a client$/);
  // A handshake of ours may itself take too long on a machine that is busy.
  const isServedAtLast = () =>
    isServed(t, daemon).then(
      () => true,
      () => false,
    );
  await waitFor(isServedAtLast, { what: 'a client to be served' });
});

test('whoever speaks something else is closed without an answer of the pool, and named in the log', async t => {
  const daemon = await proxy(t);
  const spoken = {
    'a Redis client': Buffer.from(PING),
    'an inline command': Buffer.from('PING\r\n'),
    'a memcached client': Buffer.from('version\r\n'),
    'a binary memcached client': Buffer.from(`800b${'00'.repeat(22)}`, 'hex'),
    HTTP: Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    'SSL 2': Buffer.from(`802e0100020015000000100100800300800700c0060040020080040080${'11'.repeat(16)}`, 'hex'),
    'a record without an end': Buffer.from('160303ffff', 'hex'),
    zeros: Buffer.alloc(200),
  };
  let count = 0;
  for (const [who, bytes] of Object.entries(spoken)) {
    const client = await daemon.client('p');
    const port = client.socket.localPort;
    client.send(bytes);
    const answer = await client.readToEnd();
    // Nothing, or an alert.
    if (answer.length > 0) assert.equal(answer[0], 21, `${who}: ${answer.toString('latin1')}`);
    const lines = await daemon.untilLogged(/^no TLS with a client$/, ++count);
    assert.equal(lines.at(-1)?.client, `127.0.0.1:${port}`, who);
    client.destroy();
  }
  await isServed(t, daemon);
});

test('a byte that is changed on its way ends its connection only', async t => {
  const daemon = await proxy(t);
  const good = new RawClient(await secured(t, daemon));
  const bad = await daemon.client('p');
  const socket = connect({ socket: bad.socket, ca: readFileSync(rsa.cert), host: 'localhost' });
  socket.on('error', () => {});
  await waitForEvent(socket, 'secureConnect', { what: 'the handshake' });
  const record = Buffer.concat([Buffer.from('1703030020', 'hex'), Buffer.alloc(32, 9)]);
  bad.socket.write(record);
  await within(bad.closed, { what: 'the end of the connection' });
  assert.equal(await good.command('PING'), 'PONG');
});

test('a certificate of a client that is over, or not yet good, is refused', async t => {
  const daemon = await proxy(t, `, ca: ${authority.cert}, client_cert: required`);
  const day = (days: number) => new Date(Date.now() + days * 86_400_000);
  const over = await authority.signBetween('over', day(-3), day(-1));
  const early = await authority.signBetween('early', day(1), day(3));
  let count = 0;
  for (const [{ cert, key }, why] of [
    [over, /CERT_HAS_EXPIRED/],
    [early, /CERT_NOT_YET_VALID/],
  ] as const) {
    const options = { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(rsa.cert) };
    const socket = connect({ host: '127.0.0.1', port: daemon.port('p'), ...options });
    let answer = '';
    socket
      .on('error', () => {})
      .on('data', bytes => {
        answer += bytes;
      });
    socket.write(PING);
    await within(new Promise(resolve => socket.once('close', resolve)), { what: 'the end' });
    assert.equal(answer, '');
    const lines = await daemon.untilLogged(/^no TLS with a client$/, ++count);
    assert.match(String(lines.at(-1)?.why), why);
  }
});
