// Users with a key prefix of their own on the same pool: each sees what is its own, whatever it asks.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { packet } from '../support/binary-packets.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const hashed = (password: string) => `'#${createHash('sha256').update(password).digest('hex')}'`;
const USERS = [
  'users:',
  `  one: { pools: [pool], passwords: [${hashed('1')}], key_prefix: 'one:' }`,
  `  two: { pools: [pool], passwords: [${hashed('2')}], key_prefix: 'two:' }`,
  `  all: { pools: [pool], passwords: [${hashed('3')}] }`,
];
const OTHER_NAMES = new RespError(
  'ERR who has subscribed or watches keys cannot become a user with another key_prefix; the connection is closed',
);

interface Tenants {
  readonly daemon: Daemon;
  readonly one: RawClient;
  readonly two: RawClient;
  /** Of the whole pool. */
  readonly all: RawClient;
  readonly server: RawClient;
}

async function start(t: TestContext): Promise<Tenants> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const pool = { protocol: 'redis', servers: [redis.port], settings: ["key_prefix: 'pool/'"] } as const;
  const daemon = await startDaemon(t, { pool }, { settings: USERS });
  const [one, two, all] = await Promise.all(
    ['one', 'two', 'all'].map(async (user, i) => {
      const client = await daemon.client('pool');
      assert.equal(await client.command('AUTH', user, String(i + 1)), 'OK');
      return client;
    }),
  );
  const server = await redis.client();
  t.after(() => [one!, two!, all!, server].forEach(client => void client.destroy()));
  return { daemon, one: one!, two: two!, all: all!, server };
}

async function namesIn(client: RawClient): Promise<string[]> {
  return ((await client.command('KEYS', '*')) as Buffer[]).map(String).sort();
}

test('the prefix of a user goes behind that of the pool, and each sees its own', async t => {
  const { one, two, all, server } = await start(t);
  for (const [client, value] of [
    [one, 'of one'],
    [two, 'of two'],
    [all, 'of all'],
  ] as const) {
    assert.equal(await client.command('SET', 'k', value), 'OK');
  }
  assert.deepEqual(await namesIn(server), ['pool/k', 'pool/one:k', 'pool/two:k']);
  assert.deepEqual(await namesIn(one), ['k']);
  assert.deepEqual(await namesIn(all), ['k', 'one:k', 'two:k']);
  assert.equal(String(await one.command('GET', 'k')), 'of one');
  assert.equal(String(await two.command('GET', 'k')), 'of two');
  assert.equal(await one.command('DEL', 'two:k', '../two:k', 'pool/two:k', 'k'), 1);
  assert.equal(String(await two.command('GET', 'k')), 'of two');
  assert.equal(String(await all.command('GET', 'k')), 'of all');
});

test('a message is for users with the same prefix, and events for those whose key it is', async t => {
  const { daemon, one, two, all, server } = await start(t);
  await server.command('CONFIG', 'SET', 'notify-keyspace-events', 'KEA');
  const listener = await daemon.client('pool');
  assert.equal(await listener.command('AUTH', 'one', '1'), 'OK');
  await listener.command('HELLO', 3);
  for (const topic of ['news', '__keyevent@0__:set']) await listener.command('SUBSCRIBE', topic);
  assert.equal(await two.command('PUBLISH', 'news', 'of two'), 0);
  assert.equal(await all.command('PUBLISH', 'news', 'of all'), 0);
  await two.command('SET', 'k', 'v');
  await all.command('SET', 'k', 'v');
  assert.equal(await one.command('PUBLISH', 'news', 'of one'), 1);
  await one.command('SET', 'k2', 'v');
  assert.equal(String(await listener.readReply()), '>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$6\r\nof one\r\n');
  assert.equal(String(await listener.readReply()), '>3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$2\r\nk2\r\n');
  listener.destroy();
});

test('a user with a prefix has to do with its own clients only', async t => {
  const { one, two, all } = await start(t);
  await two.command('CLIENT', 'SETNAME', 'second');
  assert.doesNotMatch(String(await one.command('CLIENT', 'LIST')), /second|user=two|user=all/);
  const id = (await two.command('CLIENT', 'ID')) as number;
  assert.equal(await one.command('CLIENT', 'KILL', 'ID', id), 0);
  assert.equal(await one.command('CLIENT', 'UNBLOCK', id), 0);
  for (const words of [['PAUSE', '100000'], ['UNPAUSE']]) {
    assert.match(
      JSON.stringify(await one.command('CLIENT', ...words)),
      /cannot be used through Ringmaster: it would hold up/,
    );
  }
  assert.equal(await two.command('PING'), 'PONG');
  assert.match(String(await all.command('CLIENT', 'LIST')), /name=second .*user=two/);
});

test('who signs in as another with another prefix leaves nothing behind that has names of before', async t => {
  const { daemon } = await start(t);
  const client = await daemon.client('pool');
  await client.command('AUTH', 'one', '1');
  await client.command('SET', 'k', 'of one');
  assert.equal(await client.command('AUTH', 'two', '2'), 'OK');
  assert.equal(await client.command('GET', 'k'), null);
  assert.equal(await client.command('WATCH', 'k'), 'OK');
  assert.deepEqual(await client.command('AUTH', 'one', '1'), OTHER_NAMES);
  await client.closed;
  const listener = await daemon.client('pool');
  await listener.command('AUTH', 'one', '1');
  await listener.command('HELLO', 3);
  await listener.command('SUBSCRIBE', 'c');
  assert.deepEqual(await listener.command('AUTH', 'two', '2'), OTHER_NAMES);
  await listener.closed;
});

test('a changed prefix lets the clients of its user go, and no other', async t => {
  const { daemon, one, two } = await start(t);
  const { ringmaster, adminPort } = daemon;
  assert.equal(await one.command('SET', 'k', 'v'), 'OK');
  ringmaster.writeConfig(readFileSync(ringmaster.configFile, 'utf8').replace("'one:'", "'uno:'"));
  const response = await fetch(`http://127.0.0.1:${adminPort}/-/reload`, { method: 'POST' });
  assert.equal(response.status, 200, await response.text());
  await one.closed;
  assert.equal(await two.command('PING'), 'PONG');
  const again = await daemon.client('pool');
  await again.command('AUTH', 'one', '1');
  assert.equal(await again.command('GET', 'k'), null);
  assert.equal(await again.command('SET', 'k', 'new'), 'OK');
  await waitFor(async () => (await namesIn(again)).length === 1, { what: 'the key under the new prefix' });
  again.destroy();
});

test('memcached: each user has keys of its own, by text and by binary', async t => {
  const memcached = await startMemcached();
  t.after(() => memcached.kill());
  const pool = { protocol: 'memcached', servers: [memcached.port] } as const;
  const daemon = await startDaemon(t, { pool }, { settings: USERS });
  const clients = await Promise.all(
    ['one', 'two'].map(async (user, i) => {
      const client = await daemon.client('pool');
      client.send(`set auth 0 0 5\r\n${user} ${i + 1}\r\n`);
      assert.equal(String(await client.readLine()), 'STORED\r\n');
      client.send(`set k 0 0 3\r\n${user}\r\n`);
      assert.equal(String(await client.readLine()), 'STORED\r\n');
      return client;
    }),
  );
  const server = await memcached.client();
  server.send('get one:k two:k k\r\n');
  assert.equal(
    String(await server.readUntil('END\r\n')),
    'VALUE one:k 0 3\r\none\r\nVALUE two:k 0 3\r\ntwo\r\nEND\r\n',
  );
  for (const [i, user] of ['one', 'two'].entries()) {
    clients[i]!.send('get k two:k one:k\r\n');
    assert.equal(String(await clients[i]!.readUntil('END\r\n')), `VALUE k 0 3\r\n${user}\r\nEND\r\n`);
  }
  const binary = await daemon.client('pool');
  binary.send(Buffer.concat([packet('saslAuth', { key: 'PLAIN', value: '\0two\x002' }), packet('getk', { key: 'k' })]));
  const read = await binary.readUntil('two');
  assert.ok(read.toString('latin1').endsWith('ktwo'));
  for (const client of [...clients, server, binary]) client.destroy();
});
