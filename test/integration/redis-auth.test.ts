// redis_auth and redis_db: what the proxy says to its servers, and what clients must say to it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answering, startFakeBackend } from '../support/fake-backend.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { redisRequest, redisWords } from '../support/request-splitter.ts';
import { RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const PASSWORD = 'open sesame';

test('AUTH comes before SELECT, both before any request, on every connection', async t => {
  const server = await startFakeBackend(answering(redisRequest, () => '+OK\r\n'));
  t.after(() => server.close());
  const settings = [`redis_auth: ${PASSWORD}`, 'redis_db: 3', 'server_connections: 3'];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port], settings } });
  const clients = await Promise.all(Array.from({ length: 6 }, () => daemon.client('pool')));
  for (const client of clients) {
    assert.equal(await client.command('AUTH', PASSWORD), 'OK');
    assert.equal(await client.command('GET', 'a'), 'OK');
  }
  assert.equal(server.connections.length, 3);
  for (const { requests } of server.connections) {
    const words = requests.map(request => redisWords(request).map(String));
    assert.deepEqual(words.slice(0, 2), [
      ['AUTH', PASSWORD],
      ['SELECT', '3'],
    ]);
    assert.ok(words.slice(2).every(([name]) => name === 'GET'));
  }
  for (const client of clients) client.destroy();
});

test('a real server with a password and databases', async t => {
  const server = await startRedis({ requirepass: PASSWORD });
  t.after(() => server.kill());
  const settings = [`redis_auth: ${PASSWORD}`, 'redis_db: 5'];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port], settings } });
  const client = await daemon.client('pool');

  assert.deepEqual(await client.command('GET', 'a'), new RespError('NOAUTH Authentication required.'));
  const wrong = 'WRONGPASS invalid username-password pair or user is disabled.';
  assert.deepEqual(await client.command('AUTH', 'wrong'), new RespError(wrong));
  assert.deepEqual(await client.command('GET', 'a'), new RespError('NOAUTH Authentication required.'));
  assert.equal(await client.command('AUTH', PASSWORD), 'OK');
  assert.equal(await client.command('SET', 'a', '1'), 'OK');
  assert.deepEqual(await client.command('GET', 'a'), Buffer.from('1'));
  const direct = await server.client();
  assert.equal(await direct.command('EXISTS', 'a'), 0, 'not in database 0');
  await direct.command('SELECT', 5);
  assert.equal(await direct.command('EXISTS', 'a'), 1);

  // Another client is not let in by the first.
  const other = await daemon.client('pool');
  assert.deepEqual(await other.command('GET', 'a'), new RespError('NOAUTH Authentication required.'));
  for (const each of [client, other, direct]) each.destroy();
});

test('a password that the server refuses: a clear error to clients, one clear line in the log, no password in it', async t => {
  const server = await startRedis({ requirepass: 'another' });
  t.after(() => server.kill());
  const daemon = await startDaemon(t, {
    pool: { protocol: 'redis', servers: [server.port], settings: [`redis_auth: ${PASSWORD}`] },
  });
  const client = await daemon.client('pool');
  await client.command('AUTH', PASSWORD);
  const refused = new RespError('WRONGPASS server refused the proxy: wrong password or user');
  assert.deepEqual(await client.command('GET', 'a'), refused);
  assert.deepEqual(await client.command('GET', 'b'), refused);
  await waitFor(async () => (await daemon.metric('ringmaster_server_connects_total')) >= 3, { what: 'more attempts' });
  const lines = await daemon.untilLogged(/refused the handshake/);
  assert.equal(lines.length, 1);
  assert.match(String(lines[0]!.complaint), /^AUTH: WRONGPASS/);
  assert.ok(!daemon.ringmaster.stderr().includes(PASSWORD));
  await daemon.untilMetric('ringmaster_server_connections', {}, 0);

  // The server takes it after all: the proxy finds out by itself.
  await server.command('CONFIG', 'SET', 'requirepass', PASSWORD);
  await waitFor(async () => (await client.command('SET', 'a', '1')) === 'OK', { what: 'the server to let us in' });
  client.destroy();
});

test("a password that the pool does not have: the server's own code comes first, in both versions", async t => {
  const server = await startRedis({ requirepass: 'another' });
  t.after(() => server.kill());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } });
  for (const version of [2, 3]) {
    const client = await daemon.client('pool');
    await client.command('HELLO', version);
    const refused = await client.command('GET', 'a');
    assert.ok(refused instanceof RespError);
    assert.match(refused.text, /^NOAUTH /, `version ${version}`);
    client.destroy();
  }
});

test('a database that the server does not have, and a password that it does not want', async t => {
  const [few, open] = await Promise.all([startRedis({ args: ['--databases', '2'] }), startRedis()]);
  t.after(() => Promise.all([few.kill(), open.kill()]));
  const daemon = await startDaemon(t, {
    few: { protocol: 'redis', servers: [few.port], settings: ['redis_db: 7'] },
    open: { protocol: 'redis', servers: [open.port], settings: [`redis_auth: ${PASSWORD}`] },
  });
  const refused = new RespError('ERR server refused the proxy: authentication or SELECT failed');
  const ofFew = await daemon.client('few');
  assert.deepEqual(await ofFew.command('GET', 'a'), refused);
  const ofOpen = await daemon.client('open');
  await ofOpen.command('AUTH', PASSWORD);
  assert.deepEqual(await ofOpen.command('GET', 'a'), refused);
  const complaints = () => daemon.logged(/refused the handshake/).map(({ complaint }) => String(complaint));
  await waitFor(() => complaints().length >= 2, { what: 'both complaints in the log' });
  const words = complaints().map(complaint => complaint.split(' ', 3).join(' '));
  assert.deepEqual(words.sort(), ['AUTH: ERR AUTH', 'SELECT: ERR DB']);
  ofFew.destroy();
  ofOpen.destroy();
});
