// Certificates whose files change under a running daemon: new connections get the new ones, nobody else notices.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { askAdmin, metricOf } from '../support/admin-client.ts';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { temporaryDirectory } from '../support/child.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { untilEqual, waitFor, waitForEvent } from '../support/wait-for.ts';

const DAY_MS = 86_400_000;
const RENEWED = /^certificates renewed/;
const REFUSED = /^certificates not renewed: the old ones stay$/;

let authority: Authority;

before(async () => {
  authority = await Authority.create();
});

/** Puts a pair where the daemon reads it, both at once: behind a link that points elsewhere, as Kubernetes does it. */
function install(from: CertificateFiles, to: CertificateFiles): void {
  const link = path.dirname(to.cert);
  const directory = mkdtempSync(`${link}-`);
  if (existsSync(from.cert)) copyFileSync(from.cert, path.join(directory, 'cert.pem'));
  copyFileSync(from.key, path.join(directory, 'key.pem'));
  symlinkSync(directory, `${link}.new`);
  renameSync(`${link}.new`, link);
}

function place(): CertificateFiles {
  const link = path.join(temporaryDirectory('renewal'), 'current');
  return { cert: path.join(link, 'cert.pem'), key: path.join(link, 'key.pem') };
}

async function start(t: TestContext, files: Record<string, CertificateFiles>, check = '50ms'): Promise<Daemon> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const pools = Object.entries(files).map(([name, { cert, key }]) => {
    const settings = [`listen_tls: { cert: ${cert}, key: ${key} }`];
    return [name, { protocol: 'redis' as const, servers: [redis.port], settings }];
  });
  return startDaemon(t, Object.fromEntries(pools), { workers: 2, settings: [`certificate_check: ${check}`] });
}

async function secured(t: TestContext, daemon: Daemon, pool = 'p'): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: daemon.port(pool), ca: authority.pem() });
  t.after(() => socket.destroy());
  await waitForEvent(socket, 'secureConnect', { what: 'the handshake' });
  socket.on('error', () => {});
  return socket;
}

const shown = async (t: TestContext, daemon: Daemon, pool?: string): Promise<string> =>
  String((await secured(t, daemon, pool)).getPeerCertificate().subject.CN);

test('a pair that was replaced is shown to new clients, in all workers; old clients stay', async t => {
  const files = place();
  install(await authority.sign('one'), files);
  const daemon = await start(t, { p: files });
  const client = new RawClient(await secured(t, daemon));
  assert.equal(await client.command('SET', 'a', '1'), 'OK');
  for (const [i, name] of ['two', 'three'].entries()) {
    install(await authority.sign(name), files);
    await untilEqual(() => daemon.logged(RENEWED).length, i + 1, 'renewals');
    for (let each = 0; each < 8; each++) assert.equal(await shown(t, daemon), name);
  }
  assert.equal((await client.command('GET', 'a'))?.toString(), '1');
  const { events } = (await askAdmin(daemon.adminPort, '/api/v1/events')).json<{ events: { event: string }[] }>();
  assert.equal(events.filter(({ event }) => event === 'certificates_renewed').length, 2);
  assert.equal(daemon.logged(REFUSED).length, 0);
});

test('half a pair, a file cut short, one that is gone, expired or too young: the old one stays, and it is said once', async t => {
  const [files, others] = [place(), place()];
  install(await authority.sign('good'), files);
  install(await authority.sign('neighbour'), others);
  const daemon = await start(t, { p: files, q: others });
  const next = await authority.sign('next');
  const now = Date.now();
  const expired = await authority.signBetween('expired', new Date(now - 2 * DAY_MS), new Date(now - DAY_MS));
  const young = await authority.signBetween('young', new Date(now + DAY_MS), new Date(now + 2 * DAY_MS));
  const cut = path.join(temporaryDirectory('cut'), 'cert.pem');
  writeFileSync(cut, readFileSync(next.cert).subarray(0, 100));
  const refusals: [RegExp, CertificateFiles][] = [
    [/pool p: listen_tls: .* is not the key of /, { cert: next.cert, key: expired.key }],
    [/OpenSSL can't use .*(no start line|bad end line|PEM)/, { cert: cut, key: next.key }],
    [/cert\.pem has expired on 20/, expired],
    [/cert\.pem is not valid before 20/, young],
    [/cannot read \S+cert\.pem/, { cert: '/nowhere', key: next.key }],
  ];
  for (const [i, [reason, pair]] of refusals.entries()) {
    install(pair, files);
    await untilEqual(() => daemon.logged(REFUSED).length, i + 1, 'lines');
    const line = daemon.logged(REFUSED)[i]!;
    assert.match(String(line.reason), reason);
    assert.equal(line.pool, 'p');
    assert.equal(await shown(t, daemon), 'good');
  }
  // What is wrong with one pool keeps no other from its own.
  install(await authority.sign('renewed'), others);
  await untilEqual(() => daemon.logged(RENEWED).length, 1, 'renewals');
  assert.equal(await shown(t, daemon, 'q'), 'renewed');
  assert.equal(await shown(t, daemon), 'good');
  install(next, files);
  await untilEqual(() => daemon.logged(RENEWED).length, 2, 'renewals');
  assert.equal(await shown(t, daemon), 'next');
});

test('a file that is written in place, after its key', async t => {
  const files = place();
  install(await authority.sign('one'), files);
  const daemon = await start(t, { p: files });
  const next = await authority.sign('two');
  copyFileSync(next.key, files.key);
  await waitFor(() => daemon.logged(REFUSED).length > 0, { what: 'half a pair to be found' });
  copyFileSync(next.cert, files.cert);
  await waitFor(() => daemon.logged(RENEWED).length > 0, { what: 'the whole' });
  assert.equal(await shown(t, daemon), 'two');
});

test('the date is a metric; a worker that starts later has the renewed one', async t => {
  const files = place();
  const [first, second] = [new Date(Date.now() + 30 * DAY_MS), new Date(Date.now() + 60 * DAY_MS)];
  const from = new Date(Date.now() - DAY_MS);
  install(await authority.signBetween('one', from, first), files);
  const daemon = await start(t, { p: files });
  const date = async () => {
    const labels = { pool: 'p', side: 'clients', file: files.cert };
    return metricOf(daemon.adminPort, 'ringmaster_certificate_not_after_seconds', labels);
  };
  assert.equal(await date(), Math.floor(first.getTime() / 1000));
  install(await authority.signBetween('two', from, second), files);
  await untilEqual(() => daemon.logged(RENEWED).length, 1, 'renewals');
  assert.equal(await date(), Math.floor(second.getTime() / 1000));
  for (const pid of daemon.ringmaster.workerPids()) process.kill(pid, 'SIGKILL');
  await waitFor(async () => (await shown(t, daemon).catch(() => '')) === 'two', { what: 'a new worker' });
});

test('a start with one that has expired goes on, with a warning; and it is not looked at where that is turned off', async t => {
  const files = place();
  const now = Date.now();
  install(await authority.signBetween('old', new Date(now - 2 * DAY_MS), new Date(now - DAY_MS)), files);
  const daemon = await start(t, { p: files }, 'none');
  const [warning] = await daemon.untilLogged(/^a certificate is not valid now$/);
  assert.match(String(warning?.why), /cert\.pem has expired on 20/);
  install(await authority.sign('new'), files);
  const body = { set: { certificate_check: '20ms' } };
  assert.equal((await askAdmin(daemon.adminPort, '/api/v1/settings', { method: 'PATCH', body })).status, 200);
  // That a setting was changed has read the files already.
  assert.equal(await shown(t, daemon), 'new');
  assert.doesNotMatch(readFileSync(daemon.ringmaster.configFile, 'utf8'), /PRIVATE/);
});

test('keys of session tickets are made anew by themselves: sessions from before are not resumed, connections stay', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const { cert, key } = await authority.sign('p');
  const pool = {
    protocol: 'redis' as const,
    servers: [redis.port],
    settings: [`listen_tls: { cert: ${cert}, key: ${key} }`],
  };
  const daemon = await startDaemon(t, { p: pool }, { workers: 2, settings: ['ticket_rotation: 1s'] });
  const rotated = /^keys of session tickets renewed$/;
  const options = { host: '127.0.0.1', port: daemon.port('p'), ca: authority.pem(), maxVersion: 'TLSv1.2' } as const;
  const before = connect(options);
  t.after(() => before.destroy());
  await waitForEvent(before, 'secureConnect', { what: 'the handshake' });
  const session = before.getSession() as Buffer;
  // One may have been under way.
  const lines = await daemon.untilLogged(rotated, daemon.logged(rotated).length + 2);
  const after = connect({ ...options, session });
  t.after(() => after.destroy());
  await waitForEvent(after, 'secureConnect', { what: 'another handshake' });
  assert.equal(after.isSessionReused(), false);
  assert.deepEqual(lines[0]?.pools, ['p']);
  const client = new RawClient(before);
  assert.equal(await client.command('PING'), 'PONG');
});
