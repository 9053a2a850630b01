// Who signed in, who changed what, and who ran dangerous commands: lines of a file of their own.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { askAdmin, metricOf, postAdmin } from '../support/admin-client.ts';
import { temporaryDirectory } from '../support/child.ts';
import { Fifo } from '../support/fifo.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, type PoolOfDaemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

type Line = Readonly<Record<string, unknown>>;

interface Audited {
  readonly daemon: Daemon;
  readonly file: string;
  readonly client: RawClient;
  /** Resolves with the lines, once there are so many that `isWanted`. */
  until(isWanted: (line: Line) => boolean, count?: number): Promise<Line[]>;
}

const USERS = ['users:', '  app: { passwords: [geheim], pools: [p] }', '  ops: { passwords: [anders], pools: [p] }'];

async function start(t: TestContext, more = '', settings: readonly string[] = USERS): Promise<Audited> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const file = path.join(temporaryDirectory('audit'), 'audit.log');
  const pool: PoolOfDaemon = { protocol: 'redis', servers: [redis.port] };
  const top = [`audit_log: { file: ${file}${more} }`, ...settings];
  const daemon = await startDaemon(t, { p: pool }, { workers: 2, settings: top });
  const client = await daemon.client('p');
  t.after(() => client.destroy());
  return { daemon, file, client, until: (isWanted, count = 1) => linesOf(file, isWanted, count) };
}

async function linesOf(file: string, isWanted: (line: Line) => boolean, count: number): Promise<Line[]> {
  let found: Line[] = [];
  await waitFor(
    () => {
      found = read(file).filter(isWanted);
      return found.length >= count;
    },
    { what: `${count} such lines of the audit log` },
  );
  return found;
}

function read(file: string): Line[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  // The last may be half there.
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as Line);
}

const addressOf = (client: RawClient) => `127.0.0.1:${client.socket.localPort}`;

test('who signs in, and who is refused, by AUTH and by HELLO', async t => {
  const { client, until, daemon, file } = await start(t);
  await client.command('AUTH', 'app', 'falsch');
  await client.command('HELLO', '2', 'AUTH', 'nobody', 'geheim');
  await client.command('HELLO', '2', 'AUTH', 'ops', 'anders');
  await client.command('AUTH', 'app', 'geheim');
  const lines = await until(({ event }) => event === 'signed_in' || event === 'sign_in_refused', 4);
  const common = { pool: 'p', client: addressOf(client) };
  assert.deepEqual(
    lines.map(({ time: _, ...line }) => line),
    [
      { event: 'sign_in_refused', ...common, user: 'app', reason: 'wrong_password' },
      { event: 'sign_in_refused', ...common, user: 'nobody', reason: 'wrong_password' },
      { event: 'signed_in', ...common, user: 'ops' },
      { event: 'signed_in', ...common, user: 'app' },
    ],
  );
  for (const { time } of lines) assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(file, 'utf8'), /geheim|anders|falsch/);
  assert.ok((await metricOf(daemon.adminPort, 'ringmaster_audit_lines_total')) >= 4);
});

test('a right password of a user who has as many connections as it may is refused for that', async t => {
  const users = ['users:', '  app: { passwords: [geheim], pools: [p], limits: { connections: 1 } }'];
  const { client, until, daemon } = await start(t, '', users);
  await client.command('AUTH', 'app', 'geheim');
  const [second, third] = await Promise.all([daemon.client('p'), daemon.client('p')]);
  t.after(() => third.destroy());
  const of = addressOf(second);
  second.send(encodeCommand('AUTH', 'app', 'geheim'));
  assert.equal(String(await second.readReply()), '-ERR max number of clients reached\r\n');
  await second.closed;
  third.send(encodeCommand('AUTH', 'app', 'wrong'));
  assert.match(String(await third.readReply()), /^-WRONGPASS/);
  const lines = await until(({ event }) => event === 'sign_in_refused', 2);
  assert.deepEqual(
    lines.map(({ reason, user, client: who }) => ({ reason, user, who })),
    [
      { reason: 'connections', user: 'app', who: of },
      { reason: 'wrong_password', user: 'app', who: addressOf(third) },
    ],
  );
  await daemon.untilMetric('ringmaster_user_turned_away_connections_total', { pool: 'p', user: 'app' }, 1);
  await daemon.untilMetric('ringmaster_user_refused_sign_ins_total', { pool: 'p', user: 'app' }, 1);
});

test('dangerous commands, whoever answers them, and no others; without their keys', async t => {
  const { client, until, file } = await start(t);
  await client.command('AUTH', 'app', 'geheim');
  client.send(
    Buffer.concat(
      [
        ['SET', 'key-one', 'value-one'],
        ['KEYS', 'key-*'],
        ['GET', 'key-one'],
        ['SORT', 'key-one'],
        ['CONFIG', 'SET', 'maxmemory', '0'],
        ['SCRIPT', 'LOAD', 'return 1'],
        ['MULTI'],
        ['FLUSHALL'],
        ['EXEC'],
        ['SHUTDOWN'],
        ['PING'],
      ].map(words => encodeCommand(...words)),
    ),
  );
  await client.readReplies(11);
  const lines = await until(({ event }) => event === 'command', 6);
  assert.deepEqual(
    lines.map(({ command, isRefused, user, client: address }) => [command, isRefused, user, address]),
    [
      ['keys', false, 'app', addressOf(client)],
      ['sort', false, 'app', addressOf(client)],
      ['config|set', true, 'app', addressOf(client)],
      ['script|load', false, 'app', addressOf(client)],
      ['flushall', false, 'app', addressOf(client)],
      ['shutdown', true, 'app', addressOf(client)],
    ],
  );
  assert.doesNotMatch(readFileSync(file, 'utf8'), /key-|value-one/);
});

test('with their keys, where that is wanted', async t => {
  const { client, until, daemon } = await start(t, ', keys: true');
  await client.command('AUTH', 'app', 'geheim');
  await client.command('SORT', 'key-one');
  const [line] = await until(({ event }) => event === 'command');
  assert.deepEqual(line?.keys, ['key-one']);
  const body = { pool: 'p', key: 'key-two' };
  assert.equal((await askAdmin(daemon.adminPort, '/api/v1/blocks', { method: 'POST', body })).status, 200);
  const [blocked] = await until(({ what }) => what === 'blocked');
  assert.equal(blocked?.value, 'key-two');
});

test('what operators do, and what is refused to them; secrets and blocked keys are not in it', async t => {
  const { daemon, until, file } = await start(t);
  const { adminPort } = daemon;
  const by = { 'x-ringmaster-by': 'alice' };
  const patch = (body: object) => askAdmin(adminPort, '/api/v1/settings', { method: 'PATCH', body, headers: by });
  assert.equal((await patch({ set: { 'p.timeout': '3s' } })).status, 200);
  assert.equal((await patch({ set: { 'p.server_password': 'verborgen' } })).status, 200);
  assert.equal((await patch({ unset: ['p.server_password', 'p.timeout'] })).status, 200);
  assert.notEqual((await patch({ set: { 'p.timeout': 'soon' } })).status, 200);
  assert.equal((await postAdmin(adminPort, '/api/v1/settings/save', by)).status, 200);
  assert.equal((await postAdmin(adminPort, '/-/reload', by)).status, 200);
  // It is the last server in the ring.
  assert.equal((await postAdmin(adminPort, '/api/v1/servers/p/server-0/eject', by)).status, 409);
  const block = { pool: 'p', prefix: 'secret-prefix' };
  assert.equal((await askAdmin(adminPort, '/api/v1/blocks', { method: 'POST', body: block, headers: by })).status, 200);
  await postAdmin(adminPort, '/-/reload', { origin: 'http://elsewhere.test' });
  const lines = await until(({ what }) => what === 'admin request refused');
  const all = read(file).filter(({ event }) => event === 'operator');
  const found = all.map(({ what, by: who, setting }) =>
    [what, who, setting].filter(each => each !== undefined).join(', '),
  );
  for (const wanted of [
    'setting changed, alice from 127.0.0.1, p.timeout',
    'setting changed, alice from 127.0.0.1, p.server_password',
    'not set: nothing has changed, alice from 127.0.0.1',
    'settings saved, alice from 127.0.0.1',
    'configuration reloaded: every worker has it, alice from 127.0.0.1',
    'not done by hand: nothing has changed, alice from 127.0.0.1',
    'blocked, alice from 127.0.0.1',
  ]) {
    assert.ok(found.includes(wanted), `${wanted} in\n${found.join('\n')}`);
  }
  assert.equal(lines[0]?.path, '/-/reload');
  assert.doesNotMatch(readFileSync(file, 'utf8'), /verborgen|secret-prefix/);
});

test('memcached: who signs in by text and by SASL, and flush_all', async t => {
  const server = await startMemcached();
  t.after(() => server.kill());
  const file = path.join(temporaryDirectory('audit'), 'audit.log');
  const settings = [`audit_log: { file: ${file} }`];
  const pool: PoolOfDaemon = {
    protocol: 'memcached',
    servers: [server.port],
    settings: ['memcached_auth: "app:geheim"', 'server_user: x', 'server_password: y'],
  };
  const daemon = await startDaemon(t, { p: pool }, { settings });
  const client = await daemon.client('p');
  client.send('set a 0 0 9\r\napp wrong\r\nset a 0 0 10\r\napp geheim\r\n');
  await client.readUntil('CLIENT_ERROR authentication failure\r\nSTORED\r\n'.length);
  client.send('flush_all\r\n');
  const lines = await linesOf(file, ({ event }) => event !== 'operator', 3);
  assert.deepEqual(
    lines.map(({ event, user, command }) => [event, user, command]),
    [
      ['sign_in_refused', 'app', undefined],
      ['signed_in', 'app', undefined],
      ['command', 'app', 'flush_all'],
    ],
  );
  client.destroy();
});

test('a file that is full makes room, and USR1 opens it anew', async t => {
  const { daemon, file, client, until } = await start(t, ', max_size: 64kb, files: 2', []);
  const lines = () => metricOf(daemon.adminPort, 'ringmaster_audit_lines_total');
  // Fewer at once than a worker holds for a master that is busy.
  const [total, atOnce] = [3000, 500];
  for (let sent = atOnce; sent <= total; sent += atOnce) {
    client.send(Buffer.concat(Array.from({ length: atOnce }, () => encodeCommand('KEYS', 'nothing'))));
    await client.readReplies(atOnce);
    await waitFor(async () => (await lines()) >= sent, { what: `${sent} lines` });
  }
  await waitFor(() => existsSync(`${file}.1`) && existsSync(`${file}.2`), { what: 'full files' });
  assert.equal(existsSync(`${file}.3`), false);
  for (const each of [`${file}.1`, `${file}.2`]) {
    assert.equal(statSync(each).mode & 0o777, 0o600);
    assert.ok(statSync(each).size >= 64 * 1024, 'full');
    assert.ok(
      read(each).every(({ time }) => typeof time === 'string'),
      'whole lines',
    );
  }
  renameSync(file, `${file}.away`);
  daemon.ringmaster.signal('SIGUSR1');
  await waitFor(() => existsSync(file), { what: 'the file' });
  await client.command('KEYS', 'nothing');
  await until(({ event }) => event === 'command');
});

test('a file that nobody takes lines from holds up no client; what is lost is counted', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const fifo = new Fifo(t);
  const daemon = await startDaemon(
    t,
    { p: { protocol: 'redis', servers: [redis.port] } },
    { settings: [`audit_log: { file: ${fifo.path} }`] },
  );
  const client = await daemon.client('p');
  // A FIFO takes 64 KiB, and 1 MiB waits.
  for (let i = 0; i < 150; i++) {
    client.send(Buffer.concat(Array.from({ length: 100 }, () => encodeCommand('KEYS', 'nothing'))));
    await client.readReplies(100);
  }
  const dropped = () => metricOf(daemon.adminPort, 'ringmaster_audit_lines_dropped_total');
  await waitFor(async () => (await dropped()) > 0, { what: 'lines to be dropped' });
  assert.equal(String(await client.command('PING')), 'PONG');
  client.destroy();
});

test('it comes, moves and goes with a reload; one that can not be opened refuses the reload', async t => {
  const { daemon, file, client, until } = await start(t, '', []);
  await client.command('KEYS', 'a');
  await until(({ event }) => event === 'command');
  const other = `${file}.other`;
  const text = readFileSync(daemon.ringmaster.configFile, 'utf8');
  daemon.ringmaster.writeConfig(text.replace(file, other));
  assert.equal((await postAdmin(daemon.adminPort, '/-/reload')).status, 200);
  await client.command('KEYS', 'a');
  await linesOf(other, ({ event }) => event === 'command', 1);
  daemon.ringmaster.writeConfig(text.replace(file, '/nowhere/audit.log'));
  const refused = await postAdmin(daemon.adminPort, '/-/reload');
  assert.notEqual(refused.status, 200);
  assert.match(refused.text, /\/nowhere\/audit\.log/);
  await client.command('KEYS', 'a');
  await linesOf(other, ({ event }) => event === 'command', 2);
  daemon.ringmaster.writeConfig(text.replace(/^audit_log: .*\n/m, ''));
  assert.equal((await postAdmin(daemon.adminPort, '/-/reload')).status, 200);
  const size = statSync(other).size;
  await client.command('KEYS', 'a');
  assert.equal(statSync(other).size, size);
});
