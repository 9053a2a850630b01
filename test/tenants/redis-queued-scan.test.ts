// SCAN inside MULTI: its cursor names the server of the transaction, as a key does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PoolUnderTest, startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { encodeCommand, RespError, type RespValue } from '../support/resp-reader.ts';

const KEYS = 500;

async function fill(pool: PoolUnderTest<RedisServer>): Promise<RawClient> {
  const client = await pool.client();
  for (let i = 0; i < KEYS; i++) client.send(encodeCommand('SET', `key:${i}`, 'v'));
  await client.readUntil(arrived => (arrived.length === 5 * KEYS ? 5 * KEYS : -1));
  return client;
}

async function run(client: RawClient, ...lines: readonly string[][]): Promise<RespValue> {
  await client.command('MULTI');
  for (const line of lines) await client.command(...(line as [string, ...string[]]));
  return client.command('EXEC');
}

for (const servers of [1, 3]) {
  test(`all keys of ${servers} servers are told, a page a transaction, by cursors from inside and outside`, async t => {
    const pool = await startRedisPool(t, { servers });
    const client = await fill(pool);
    const found = new Set<string>();
    let cursor = '0';
    let pages = 0;
    do {
      const words = ['SCAN', cursor, 'COUNT', '50'];
      const isInside = pages++ % 2 === 0;
      const reply = isInside
        ? ((await run(client, words, ['PING'], ['CLIENT', 'GETNAME'])) as unknown[])
        : [await client.command('SCAN', cursor, 'COUNT', '50')];
      if (isInside) assert.deepEqual(reply.slice(1), ['PONG', null]);
      const [next, keys] = reply[0] as [Buffer, Buffer[]];
      for (const key of keys) found.add(String(key));
      cursor = String(next);
    } while (cursor !== '0');
    assert.equal(found.size, KEYS);
    assert.ok(pages > servers, `${pages} pages`);
    client.destroy();
  });
}

test('with a key of another server it can be in no transaction', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await fill(pool);
  const outcomes = new Set<string>();
  for (let i = 0; i < 30; i++) {
    for (const lines of [
      [
        ['GET', `key:${i}`],
        ['SCAN', '0'],
      ],
      [
        ['SCAN', '0'],
        ['GET', `key:${i}`],
      ],
      [['PING'], ['SCAN', '0'], ['GET', `key:${i}`]],
    ]) {
      const reply = await run(client, ...lines);
      outcomes.add(reply instanceof RespError ? String(reply.text.split(' ')[0]) : 'run');
    }
  }
  assert.deepEqual([...outcomes].sort(), ['EXECABORT', 'run']);
  client.destroy();
});

test('a cursor of no server of the pool is an error when the transaction is run', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await fill(pool);
  const reply = await run(client, ['PING'], ['SCAN', '12345'], ['CLIENT', 'GETNAME']);
  assert.ok(Array.isArray(reply) && reply[1] instanceof RespError);
  assert.match(reply[1].text, /^ERR invalid cursor: its server is not in the pool any more/);
  assert.equal(reply[2], null);
  client.destroy();
});

test('a client that watches keys scans their server, and no other', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await fill(pool);
  const outcomes = new Set<string>();
  for (let i = 0; i < 30; i++) {
    await client.command('WATCH', `key:${i}`);
    const reply = await run(client, ['SCAN', '0', 'COUNT', '1']);
    outcomes.add(reply instanceof RespError ? String(reply.text.split(' ')[0]) : 'run');
  }
  assert.deepEqual([...outcomes].sort(), ['EXECABORT', 'run']);
  client.destroy();
});

test('under a key prefix it tells of the client’s own keys alone', async t => {
  const pool = await startRedisPool(t, { settings: ['key_prefix: "mine:"'] });
  const client = await fill(pool);
  const [server] = pool.servers;
  const direct = await server!.client();
  await direct.command('SET', 'other', 'v');
  direct.destroy();
  const found = new Set<string>();
  let cursor = '0';
  do {
    const reply = await run(client, ['CLIENT', 'GETNAME'], ['SCAN', cursor, 'COUNT', '70'], ['GET', 'key:1']);
    const [name, [next, keys], value] = reply as [null, [Buffer, Buffer[]], Buffer];
    assert.deepEqual([name, String(value)], [null, 'v']);
    for (const key of keys) found.add(String(key));
    cursor = String(next);
  } while (cursor !== '0');
  assert.deepEqual([...found].sort(), Array.from({ length: KEYS }, (_, i) => `key:${i}`).sort());
  client.destroy();
});
