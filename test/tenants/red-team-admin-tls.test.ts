// The admin server over TLS, and who means harm: silence, half a handshake, no TLS at all, the wrong certificate, endless headers.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { after, before, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { Child } from '../support/child.ts';
import { clientHello } from '../support/client-hello.ts';
import { freePort, freePorts } from '../support/free-port.ts';
import { type Ringmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor, within } from '../support/wait-for.ts';

/** Connections that one address may have with the admin server. */
const OF_ADDRESS = 48;
const ECDHE_ECDSA_AES128_GCM = 0xc02b;
const HEALTHY = /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok\n$/;

let authority: Authority;
let files: CertificateFiles;
/** With nothing but defaults. */
let usual: Started;
const release: (() => unknown)[] = [];

before(async () => {
  authority = await Authority.create();
  files = await authority.sign('admin');
  usual = await start({ after: end => release.push(end as () => unknown) });
});

after(() => Promise.all(release.map(end => end())));

interface Started {
  readonly daemon: Ringmaster;
  readonly port: number;
}

async function start(t: Pick<TestContext, 'after'>, more = '', top: readonly string[] = []): Promise<Started> {
  const [port, poolPort] = (await freePorts(2)) as [number, number];
  const tls = `admin_tls: { cert: ${files.cert}, key: ${files.key}${more} }`;
  const pools = `pools:\n  p: { listen: "127.0.0.1:${poolPort}", protocol: redis, servers: ["127.0.0.1:${await freePort()}"] }`;
  const config = [`admin: 127.0.0.1:${port}`, tls, ...top, pools, ''].join('\n');
  const daemon = await startRingmaster({ config, workers: 1 });
  t.after(() => daemon.kill());
  return { daemon, port };
}

function plain(t: TestContext, port: number): Socket {
  const socket = connectPlain(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  t.after(() => socket.destroy());
  return socket;
}

async function secure(t: TestContext, port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca: authority.pem(), ...options });
  t.after(() => socket.destroy());
  await within(once(socket, 'secureConnect'), { what: 'a handshake' });
  return socket;
}

/** Resolves when the connection is gone, however it ended. */
function ended(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('close', () => resolve());
  return within(promise, { what: 'the end of the connection' });
}

/** All that comes until the other side closes, however it does. */
async function toEnd(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', piece => {
    text += piece;
  });
  await ended(socket);
  return text;
}

async function ask(t: TestContext, port: number, request: string, options: ConnectionOptions = {}): Promise<string> {
  const socket = await secure(t, port, options);
  const answer = toEnd(socket);
  socket.write(request, 'latin1');
  return answer;
}

const health = (t: TestContext, port: number) =>
  ask(t, port, 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');

test('silent connections and halves of handshakes make room for each other, and /healthz answers', async t => {
  // They would be closed for their slowness only after the test.
  const { port } = await start(t, ', handshake_timeout: 10m');
  const hello = clientHello({ version: 0x0303, suites: [ECDHE_ECDSA_AES128_GCM] });
  const each = 100;
  const bytes = [
    Buffer.alloc(0),
    hello.subarray(0, 5),
    hello.subarray(0, hello.length - 1),
    // It is answered, and waits for the rest of the handshake.
    hello,
  ];
  let closed = 0;
  for (let i = 0; i < each; i++) {
    for (const first of bytes) {
      const socket = plain(t, port);
      socket.on('close', () => closed++);
      if (first.length > 0) socket.write(first);
    }
  }
  await waitFor(() => closed >= each * bytes.length - OF_ADDRESS, { what: 'room' });
  assert.match(await health(t, port), HEALTHY);
});

test('a handshake that does not go on ends', async t => {
  const { port } = await start(t, ', handshake_timeout: 100ms');
  const hello = clientHello({ version: 0x0303, suites: [ECDHE_ECDSA_AES128_GCM] });
  for (const first of [Buffer.alloc(0), hello.subarray(0, 20), hello]) {
    const socket = plain(t, port);
    if (first.length > 0) socket.write(first);
    await ended(socket);
  }
});

test('who ends its side in the handshake is gone, however long a handshake may take', async t => {
  const { port } = await start(t, ', handshake_timeout: 10m');
  const hello = clientHello({ version: 0x0303, suites: [ECDHE_ECDSA_AES128_GCM] });
  for (const first of [Buffer.alloc(0), hello.subarray(0, 20), hello]) {
    const socket = plain(t, port);
    socket.end(first);
    await ended(socket);
  }
});

test('who does not speak TLS is not answered in plain words, does nothing, and fills no log', async t => {
  const { daemon, port } = usual;
  const requests = [
    'GET /config HTTP/1.1\r\nhost: localhost\r\n\r\n',
    'POST /-/restart-workers HTTP/1.1\r\nhost: localhost\r\n\r\n',
    'CONNECT localhost:443 HTTP/1.1\r\n\r\n',
    '*1\r\n$4\r\nPING\r\n',
    '\x80\x2e\x01\x03\x01',
    '\x16\x03\x01\xff\xff'.repeat(50),
    '\0'.repeat(4000),
  ];
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => requests)
      .flat()
      .map(bytes => {
        const socket = connectPlain(port, '127.0.0.1');
        t.after(() => socket.destroy());
        const answer = toEnd(socket);
        socket.write(bytes, 'latin1');
        return answer;
      }),
  );
  // Nothing, or an alert of TLS.
  for (const answer of answers)
    assert.ok(answer === '' || (answer.startsWith('\x15\x03') && answer.length === 7), answer);
  assert.match(await health(t, port), HEALTHY);
  const said = () =>
    daemon
      .stderr()
      .split('\n')
      .filter(line => line.includes('admin: no TLS with a client'));
  await waitFor(() => said().length > 0, { what: 'a line of the log' });
  const lines = said();
  // Twenty and a number in each window of the log, of which one may have ended in the middle.
  assert.ok(lines.length <= 42 && lines.length < answers.length, `${lines.length} lines`);
  for (const line of lines) assert.doesNotMatch(line, /openssl\/ssl|tls_validate_record/);
  assert.doesNotMatch(daemon.stderr(), /all workers were replaced/);
});

test('renegotiation is refused', async t => {
  const { port } = usual;
  const client = new Child('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2']);
  t.after(() => client.kill());
  await client.until(() => /Secure Renegotiation IS supported/.test(client.stdout()), 'a handshake');
  client.stdin.write('R\n');
  await client.until(() => /no renegotiation/.test(client.stderr()), 'the refusal');
});

test('without a certificate of the authority nothing is read, whatever else is right', async t => {
  const token = 's3cret-of-admin';
  const { daemon, port } = await start(t, `, ca: ${authority.cert}, client_cert: required`, [`admin_token: ${token}`]);
  const wish = `POST /-/restart-workers HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`;
  const strangers = await Authority.create();
  const day = 86_400_000;
  const shown: (CertificateFiles | null)[] = [
    null,
    await strangers.sign('stranger'),
    await authority.signBetween('yesterday', new Date(Date.now() - 3 * day), new Date(Date.now() - day)),
    await authority.signBetween('tomorrow', new Date(Date.now() + day), new Date(Date.now() + 3 * day)),
  ];
  for (const pair of shown) {
    const own = pair === null ? {} : { cert: readFileSync(pair.cert), key: readFileSync(pair.key) };
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = connect({ host: '127.0.0.1', port, ca: authority.pem(), maxVersion, ...own });
      t.after(() => socket.destroy());
      const answer = toEnd(socket);
      socket.write(wish);
      assert.equal(await answer, '', pair?.cert ?? 'none');
    }
  }
  const good = await authority.sign('operator');
  const own = { cert: readFileSync(good.cert), key: readFileSync(good.key) };
  const noToken = await ask(t, port, wish.replace(/authorization.*\r\n/, ''), own);
  assert.match(noToken, /^HTTP\/1\.1 401 /);
  assert.doesNotMatch(daemon.stderr(), /all workers were replaced|s3cret-of-admin/);
  assert.match(await ask(t, port, wish, own), /^HTTP\/1\.1 200 /);
});

test('headers, lines and bodies without an end are refused, and two lengths of one body', async t => {
  const { port } = usual;
  const host = 'host: localhost\r\n';
  const cases: readonly [request: string, answer: RegExp][] = [
    [`GET /healthz HTTP/1.1\r\n${host}x: ${'a'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    [`GET /healthz HTTP/1.1\r\n${host}${'x: a\r\n'.repeat(5000)}\r\n`, /^HTTP\/1\.1 431 /],
    [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`, /^HTTP\/1\.1 431 /],
    [`POST /api/v1/blocks HTTP/1.1\r\n${host}content-length: 5\r\ncontent-length: 6\r\n\r\n{}`, /^HTTP\/1\.1 400 /],
    [
      `POST /api/v1/blocks HTTP/1.1\r\n${host}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    [`POST /api/v1/blocks HTTP/1.1\r\n${host}transfer-encoding: gzip, identity\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [
      // Just what it takes: with more on its way the end of the connection can overtake the answer.
      `POST /api/v1/blocks HTTP/1.1\r\n${host}content-type: application/json\r\ncontent-length: 999999999\r\n\r\n{${'a'.repeat(64 * 1024)}`,
      /^HTTP\/1\.1 413 /,
    ],
  ];
  for (const [request, answer] of cases) {
    const got = await ask(t, port, request);
    assert.match(got, answer, request.slice(0, 80));
    // What stood behind it, or in it, was no request of its own.
    assert.equal(got.match(/HTTP\/1\.1 /g)?.length, 1);
  }
  assert.match(await health(t, port), HEALTHY);
});
