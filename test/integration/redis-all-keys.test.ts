// What concerns all keys of a pool of several servers: SCAN, KEYS, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand, RespError, type RespValue } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

async function fill(client: RawClient, prefix: string, count: number): Promise<void> {
  client.send(Buffer.concat(Array.from({ length: count }, (_, i) => encodeCommand('SET', `${prefix}${i}`, 'v'))));
  await client.readReplies(count);
}

async function scanOnce(client: RawClient, cursor: string, ...rest: readonly (string | number)[]) {
  const reply = await client.command('SCAN', cursor, ...rest);
  if (reply instanceof RespError) throw new Error(reply.text);
  const [next, keys] = reply as [Buffer, Buffer[]];
  return { next: String(next), keys: keys.map(String) };
}

/** All that a scan gives from its begin to its end. */
async function scan(client: RawClient, ...rest: readonly (string | number)[]): Promise<string[]> {
  const found: string[] = [];
  for (let cursor = '0'; ; ) {
    const { next, keys } = await scanOnce(client, cursor, ...rest);
    assert.ok(Number.isSafeInteger(Number(next)), 'a number to JavaScript');
    found.push(...keys);
    if (next === '0') return found;
    cursor = next;
  }
}

const sorted = (keys: readonly string[]): string[] => [...new Set(keys)].sort();
/** An error with its `-`. */
const textOf = (reply: RespValue): string => (reply instanceof RespError ? `-${reply.text}` : String(reply));
const texts = (reply: RespValue): string[] => (reply as Buffer[]).map(String);
const namesOf = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

for (const servers of [1, 3]) {
  test(`${servers} servers: SCAN finds every key once the tables stand still, by MATCH, COUNT and TYPE`, async t => {
    const pool = await startRedisPool(t, { servers });
    const client = await pool.client();
    await fill(client, 'k', 3000);
    await client.command('RPUSH', 'list', 'x');
    const all = sorted([...namesOf('k', 3000), 'list']);
    for (const rest of [[], ['COUNT', 1000], ['COUNT', 7], ['count', 100_000]]) {
      assert.deepEqual(sorted(await scan(client, ...rest)), all, rest.join(' '));
    }
    assert.deepEqual(await scan(client, 'TYPE', 'list', 'COUNT', 100), ['list']);
    assert.deepEqual(sorted(await scan(client, 'MATCH', 'k299?', 'COUNT', 500)), namesOf('k299', 10));
    assert.equal(textOf(await client.command('SCAN', 0, 'COUNT', 0)), '-ERR syntax error');
    assert.deepEqual(sorted(texts(await client.command('KEYS', '*'))), all);
    assert.equal(await client.command('DBSIZE'), 3001);
    assert.ok(all.includes(String(await client.command('RANDOMKEY'))));
    assert.equal(await client.command('FLUSHDB'), 'OK');
    assert.equal(await client.command('DBSIZE'), 0);
    assert.deepEqual(await scan(client), []);
    assert.equal(await client.command('RANDOMKEY'), null);
    assert.deepEqual(await client.command('KEYS', '*'), []);
  });
}

test('SCAN finds every key that was there all the time, while others come and go', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await pool.client();
  const other = await pool.client();
  await fill(client, 'stays', 2000);
  const found = new Set<string>();
  let round = 0;
  for (let cursor = '0'; ; round++) {
    const { next, keys } = await scanOnce(client, cursor, 'COUNT', 20);
    for (const key of keys) found.add(key);
    if (next === '0') break;
    cursor = next;
    // Tables grow and shrink on the way.
    if (round % 40 === 0) await fill(other, `comes${round}-`, 4000);
    if (round % 40 === 20) {
      const gone = namesOf(`comes${round - 20}-`, 4000);
      assert.equal(await other.command('DEL', ...gone), 4000);
    }
  }
  for (const key of namesOf('stays', 2000)) assert.ok(found.has(key), key);
});

test('a scan goes on after a reload that adds a server, and is told when its server is gone', async t => {
  const pool = await startRedisPool(t, { servers: 2 });
  const third = await startRedis();
  t.after(() => third.kill());
  const client = await pool.client();
  const written = await Promise.all(pool.servers.map(server => server.client()));
  t.after(() => written.forEach(each => void each.destroy()));
  for (const [i, direct] of written.entries()) await fill(direct, `k${i}-`, 500);
  const begun = await scanOnce(client, '0', 'COUNT', 5);
  await third.command('SET', 'of-third', 'v');
  const { ringmaster } = pool;
  const text = readFileSync(ringmaster.configFile, 'utf8');
  ringmaster.writeConfig(`${text}      - 127.0.0.1:${third.port}:1 server-2\n`);
  ringmaster.signal('SIGHUP');
  const isThere = async () => ((await client.command('KEYS', 'of-third')) as RespValue[]).length === 1;
  await waitFor(isThere, { what: 'the third server to be part of the pool' });
  const found = [...begun.keys];
  for (let cursor = begun.next; cursor !== '0'; ) {
    const step = await scanOnce(client, cursor, 'COUNT', 50);
    found.push(...step.keys);
    cursor = step.next;
  }
  for (const i of [0, 1]) for (const key of namesOf(`k${i}-`, 500)) assert.ok(found.includes(key), key);

  const half = (await scanOnce(client, '0', 'COUNT', 5)).next;
  ringmaster.writeConfig(text.replace(/server-\d/g, 'another$&'));
  ringmaster.signal('SIGHUP');
  const isGone = async () => (await client.command('SCAN', half)) instanceof RespError;
  await waitFor(isGone, { what: 'the servers to be others' });
  assert.equal(
    textOf(await client.command('SCAN', half)),
    '-ERR invalid cursor: its server is not in the pool any more; begin again with SCAN 0',
  );
});

test('KEYS of more than keys_limit is an error, and its client goes on', async t => {
  const pool = await startRedisPool(t, { servers: 2, settings: ['keys_limit: 4kb'] });
  const client = await pool.client();
  await fill(client, 'a-key-of-some-length-', 400);
  client.send(Buffer.concat([encodeCommand('KEYS', '*'), encodeCommand('KEYS', '*-7'), encodeCommand('PING')]));
  const [many, few, pong] = (await client.readReplies(3)).map(String);
  assert.match(many!, /^-ERR the keys are more bytes than the setting keys_limit of this pool lets KEYS collect/);
  assert.equal(few, '*1\r\n$22\r\na-key-of-some-length-7\r\n');
  assert.equal(pong, '+PONG\r\n');
});

test('FLUSHDB and a scan fail where a server cannot be reached', async t => {
  const pool = await startRedisPool(t, { servers: 2 });
  const client = await pool.client();
  await fill(client, 'k', 100);
  await pool.servers[1]!.kill();
  assert.match(textOf(await client.command('FLUSHDB')), /Connection (?:refused|reset)/);
  await assert.rejects(scan(client), /Connection (?:refused|reset)/);
});

test('FLUSHALL empties the database that the pool is, on all servers, and no other', async t => {
  const servers = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const ports = servers.map(server => server.port);
  const daemon = await startDaemon(t, { main: { protocol: 'redis', servers: ports, settings: ['redis_db: 3'] } });
  const client = await daemon.client('main');
  await fill(client, 'k', 50);
  for (const server of servers) await server.command('SET', 'other', 'database');
  assert.equal(await client.command('FLUSHALL', 'SYNC'), 'OK');
  assert.equal(await client.command('DBSIZE'), 0);
  client.send('flushall\r\n');
  assert.equal(String(await client.readReply()), '+OK\r\n');
  for (const server of servers) assert.equal(await server.command('DBSIZE'), 1);
});

test('inside a transaction what concerns all servers is refused, and nothing is run', async t => {
  const pool = await startRedisPool(t, { servers: 2 });
  const client = await pool.client();
  for (const line of [['DBSIZE'], ['KEYS', '*'], ['FLUSHALL']]) {
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(String(await client.command('SET', 'k', 'v')), 'QUEUED');
    assert.match(textOf(await client.command(...line)), /cannot be used through Ringmaster: inside a transaction/);
    assert.match(textOf(await client.command('EXEC')), /^-EXECABORT/);
  }
  assert.equal(await client.command('EXISTS', 'k'), 0);
});
