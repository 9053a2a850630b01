// The admin server over HTTPS: the page, the API, Prometheus' scrape and the command line.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request as requestPlain } from 'node:http';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import path from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { metricOf } from '../support/admin-client.ts';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { temporaryDirectory } from '../support/child.ts';
import { freePort, freePorts } from '../support/free-port.ts';
import { logLines } from '../support/log-lines.ts';
import { type Ringmaster, runRingmaster, startRingmaster } from '../support/ringmaster.ts';
import { untilEqual, waitFor, waitForEvent } from '../support/wait-for.ts';

const TOKEN = 's3cret';

let authority: Authority;
let files: CertificateFiles;

before(async () => {
  authority = await Authority.create();
  files = await authority.sign('admin');
});

interface Started {
  readonly daemon: Ringmaster;
  readonly port: number;
  readonly token: string;
}

async function start(t: TestContext, tls: string, more: readonly string[] = []): Promise<Started> {
  const [port, poolPort] = (await freePorts(2)) as [number, number];
  const directory = temporaryDirectory('admin-tls');
  const token = path.join(directory, 'token');
  writeFileSync(token, TOKEN, { mode: 0o600 });
  const top = [`admin: 127.0.0.1:${port}`, `admin_token: { file: ${token} }`, `admin_tls: ${tls}`, ...more];
  const config = `${top.join('\n')}\npools:\n  p: { listen: "127.0.0.1:${poolPort}", protocol: redis, servers: ["127.0.0.1:1"] }\n`;
  const daemon = await startRingmaster({ config, workers: 1 });
  t.after(() => daemon.kill());
  return { daemon, port, token };
}

const pair = ({ cert, key } = files) => `cert: ${cert}, key: ${key}`;

/** The status and the text of an answer; rejects where there is none. */
function ask(port: number, path: string, options: ConnectionOptions & { headers?: Record<string, string> } = {}) {
  return new Promise<{ status: number; text: string; name: string }>((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path, ca: authority.pem(), agent: false, ...options },
      response => {
        const name = String((response.socket as ReturnType<typeof connect>).getPeerCertificate().subject?.CN);
        let text = '';
        response.setEncoding('utf8').on('data', piece => {
          text += piece;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, name }));
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

test('the page, the API and /metrics are there over HTTPS, and nothing over HTTP', async t => {
  const { port, daemon } = await start(t, `{ ${pair()} }`);
  const page = await ask(port, '/', { headers: { accept: 'text/html' } });
  assert.match(page.text, /^<!doctype html>/i);
  assert.match((await ask(port, '/metrics')).text, /^ringmaster_build_info/m);
  const { text } = await ask(port, '/config');
  assert.doesNotMatch(text + daemon.stderr(), /s3cret|PRIVATE KEY/);
  const plain = requestPlain({ host: '127.0.0.1', port, path: '/metrics', agent: false });
  plain.end();
  await waitForEvent(plain, 'error', { what: 'the end of a plain request' });
  await untilEqual(() => lines(daemon, /^admin: no TLS with a client$/).length, 1, 'lines');
  await assert.rejects(ask(port, '/metrics', { ca: [] }), /self-signed|unable to (get|verify)/);
});

function lines(daemon: Ringmaster, message: RegExp): readonly object[] {
  return logLines(daemon.stderr()).filter(({ msg }) => message.test(msg));
}

test('the command line by the configuration file, and from elsewhere by an authority', async t => {
  // Not made out to where it is found: it is the one of the file, which is enough.
  const { daemon, port, token } = await start(
    t,
    `{ ${pair(await authority.sign('elsewhere', 'DNS:elsewhere.test'))} }`,
  );
  const get = await runRingmaster(['-c', daemon.configFile, 'get', 'p.timeout']);
  assert.deepEqual([get.code, get.stderr], [0, '']);
  assert.equal((await runRingmaster(['reload', '-c', daemon.configFile])).code, 0);
  const at = ['--admin', `https://127.0.0.1:${port}`, '--token-file', token];
  const stranger = await runRingmaster(['set', 'p.timeout', '1s', ...at, '--admin-ca', authority.cert]);
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, /IP: 127\.0\.0\.1 is not in the cert's list/);

  const good = await start(t, `{ ${pair()} }`);
  const there = ['--admin', `https://localhost:${good.port}`, '--token-file', good.token];
  const set = await runRingmaster(['set', 'p.timeout', '1s', ...there, '--admin-ca', authority.cert]);
  assert.equal(set.code, 0, set.stderr);
  const untrusted = await runRingmaster(['get', 'p.timeout', ...there]);
  assert.equal(untrusted.code, 1);
  assert.match(untrusted.stderr, /unable to|self-signed/);
  const shown = await runRingmaster(['latency', ...there, '--admin-ca', authority.cert]);
  assert.equal(shown.code, 0, shown.stderr);
});

test('client_cert: required keeps out who has none, and the token is asked for all the same', async t => {
  const { port, token } = await start(t, `{ ${pair()}, ca: ${authority.cert}, client_cert: required }`);
  await assert.rejects(ask(port, '/metrics'));
  const { cert, key } = await authority.sign('operator');
  const own = { cert: readFileSync(cert), key: readFileSync(key) };
  assert.equal((await ask(port, '/metrics', own)).status, 200);
  const at = ['--admin', `https://localhost:${port}`, '--admin-ca', authority.cert];
  const me = ['--admin-cert', cert, '--admin-key', key];
  const refused = await runRingmaster(['set', 'p.timeout', '1s', ...at, ...me]);
  assert.match(refused.stderr, /Authorization: Bearer/);
  const done = await runRingmaster(['set', 'p.timeout', '1s', ...at, ...me, '--token-file', token]);
  assert.equal(done.code, 0, done.stderr);
  const stranger = await (await Authority.create()).sign('stranger');
  await assert.rejects(ask(port, '/metrics', { cert: readFileSync(stranger.cert), key: readFileSync(stranger.key) }));
});

test('TLS comes and goes at the same port, and a stream that listens goes on', async t => {
  const { daemon, port } = await start(t, `{ ${pair()} }`);
  const stream = connect({ host: '127.0.0.1', port, ca: authority.pem() });
  t.after(() => stream.destroy());
  let heard = '';
  stream.setEncoding('utf8').on('data', text => {
    heard += text;
  });
  stream.write('GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await waitFor(() => heard.includes('text/event-stream'), { what: 'the stream' });
  const text = readFileSync(daemon.configFile, 'utf8');
  daemon.writeConfig(text.replace(/^admin_tls: .*\n/m, ''));
  const headers = { authorization: `Bearer ${TOKEN}` };
  assert.equal((await ask(port, '/-/reload', { method: 'POST', headers } as object)).status, 200);
  assert.equal(await metricOf(port, 'ringmaster_workers', { state: 'running' }), 1);
  await waitFor(() => heard.includes('reloaded'), { what: 'the event' });
  daemon.writeConfig(text);
  const reload = await fetch(`http://127.0.0.1:${port}/-/reload`, { method: 'POST', headers });
  assert.equal(reload.status, 200);
  assert.equal((await ask(port, '/healthz')).status, 200);
});

test('a certificate that was replaced is shown without a reload; a bad one is not', async t => {
  const directory = temporaryDirectory('admin-renewal');
  const own = { cert: path.join(directory, 'cert.pem'), key: path.join(directory, 'key.pem') };
  copyFileSync(files.cert, own.cert);
  copyFileSync(files.key, own.key);
  const { daemon, port } = await start(t, `{ ${pair(own)} }`, ['certificate_check: 50ms']);
  assert.equal((await ask(port, '/healthz')).name, 'admin');
  assert.match((await ask(port, '/metrics')).text, /^ringmaster_certificate_not_after_seconds\{pool="",side="admin"/m);
  const next = await authority.sign('next');
  copyFileSync(next.cert, own.cert);
  await waitFor(() => lines(daemon, /^certificates not renewed: the old ones stay$/).length > 0, { what: 'the line' });
  assert.equal((await ask(port, '/healthz')).name, 'admin');
  copyFileSync(next.key, own.key);
  await waitFor(() => lines(daemon, /^certificates of the admin server renewed$/).length > 0, { what: 'the line' });
  assert.equal((await ask(port, '/healthz')).name, 'next');
});

test('files that can not be used: no start, and -t says so', async () => {
  const port = await freePort();
  const config = `admin: 127.0.0.1:${port}\nadmin_tls: { cert: ${files.cert}, key: /nowhere }\npools:\n  p: { listen: "127.0.0.1:${await freePort()}", protocol: redis, servers: ["127.0.0.1:1"] }\n`;
  const file = path.join(temporaryDirectory('admin-bad'), 'ringmaster.yml');
  writeFileSync(file, config);
  for (const args of [
    ['-t', '-c', file],
    ['-c', file],
  ]) {
    const { code, stderr } = await runRingmaster(args);
    assert.equal(code, 1);
    assert.match(stderr, /admin_tls: cannot read \/nowhere/);
  }
});

test('who says nothing in the handshake is cut off, and shuts nobody out', async t => {
  const { port } = await start(t, `{ ${pair()}, handshake_timeout: 1s }`);
  const silent = Array.from({ length: 100 }, () => connectPlain(port, '127.0.0.1'));
  t.after(() => {
    for (const socket of silent) socket.destroy();
  });
  const ends = silent.map(socket => {
    socket.resume().on('error', () => {});
    return waitForEvent(socket, 'close', { what: 'the end of who says nothing' });
  });
  // A handshake of ours may itself take too long on a machine that is busy.
  const isAnswered = () =>
    ask(port, '/healthz').then(
      ({ status }) => status === 200,
      () => false,
    );
  await waitFor(isAnswered, { what: 'an answer' });
  await Promise.all(ends);
});
