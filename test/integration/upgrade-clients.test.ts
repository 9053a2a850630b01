// What becomes of clients that are in the middle of something when a new master takes the place of theirs.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { isAlive, killAtExit } from '../support/child.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

interface Upgradable {
  readonly daemon: Daemon;
  readonly server: RedisServer;
  client(): Promise<RawClient>;
  /** Resolves when the new master serves. */
  upgrade(): Promise<void>;
}

async function start(t: TestContext): Promise<Upgradable> {
  const server = await startRedis();
  t.after(() => server.kill());
  let last: number | null = null;
  // Before the old one, whose output it shares.
  t.after(async () => {
    const pid = last;
    if (pid === null) return;
    process.kill(pid, 'SIGTERM');
    await waitFor(() => !isAlive(pid), { what: 'the end of the new one' });
  });
  const settings = ['shutdown_timeout: 30s'];
  // A new master may take its time while a request waits for its server.
  const pool = { protocol: 'redis', servers: [server.port], settings: ['timeout: none'] } as const;
  const daemon = await startDaemon(t, { p: pool }, { settings });
  return {
    daemon,
    server,
    async client() {
      const client = await daemon.client('p');
      t.after(() => client.destroy());
      return client;
    },
    async upgrade() {
      const answer = await askAdmin(daemon.adminPort, '/api/v1/upgrade', { method: 'POST', body: {} });
      assert.equal(answer.status, 200, answer.text);
      last = answer.json<{ pid: number }>().pid;
      killAtExit(last);
    },
  };
}

test('a request that waits for its server is answered by the old one, which then lets its client go', async t => {
  const { server, client, upgrade } = await start(t);
  const one = await client();
  await one.command('SET', 'k', 'v');
  server.freeze();
  one.send(encodeCommand('GET', 'k'));
  await upgrade();
  server.thaw();
  assert.equal((await one.readReply()).toString(), '$1\r\nv\r\n');
  assert.equal((await one.readToEnd()).toString(), '');
  assert.equal(one.error, null);
});

test('a client that is blocked is let go, loses nothing, and may wait at the new one', async t => {
  const { daemon, server, client, upgrade } = await start(t);
  const one = await client();
  one.send(encodeCommand('BLPOP', 'l', '0'));
  const blocked = async () => /blocked_clients:(\d+)/.exec(String(await server.command('INFO', 'clients')))?.[1];
  await waitFor(async () => (await blocked()) === '1', { what: 'a blocked client' });
  await upgrade();
  assert.equal((await one.readToEnd()).toString(), '');
  assert.equal(one.error, null);
  await waitFor(() => !isAlive(daemon.ringmaster.pid), { what: 'the end of the old one' });
  assert.equal(await blocked(), '0');
  const again = await client();
  again.send(encodeCommand('BLPOP', 'l', '0'));
  await waitFor(async () => (await blocked()) === '1', { what: 'a blocked client' });
  const other = await client();
  assert.equal(await other.command('RPUSH', 'l', 'a'), 1);
  assert.equal((await again.readReply()).toString(), '*2\r\n$1\r\nl\r\n$1\r\na\r\n');
});

test('of a transaction that is open nothing is done, and its client is let go', async t => {
  const { client, upgrade } = await start(t);
  const one = await client();
  assert.equal(await one.command('MULTI'), 'OK');
  assert.equal(await one.command('INCR', 'n'), 'QUEUED');
  await upgrade();
  assert.equal((await one.readToEnd()).toString(), '');
  assert.equal(one.error, null);
  const other = await client();
  assert.equal(await other.command('GET', 'n'), null);
});

test('a subscriber gets whole messages until it is let go, and others at the new one', async t => {
  const { client, upgrade, daemon } = await start(t);
  const one = await client();
  one.send(encodeCommand('SUBSCRIBE', 'news'));
  await one.readReply();
  const other = await client();
  assert.equal(await other.command('PUBLISH', 'news', 'first'), 1);
  await upgrade();
  assert.equal((await one.readToEnd()).toString(), '*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nfirst\r\n');
  assert.equal(one.error, null);
  await waitFor(() => !isAlive(daemon.ringmaster.pid), { what: 'the end of the old one' });
  const again = await client();
  again.send(encodeCommand('SUBSCRIBE', 'news'));
  await again.readReply();
  const publisher = await client();
  assert.equal(await publisher.command('PUBLISH', 'news', 'second'), 1);
  assert.equal((await again.readReply()).toString(), '*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$6\r\nsecond\r\n');
});
