// Databases that clients SELECT: each on server connections of its own, in the order that each client asks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand, RespError, type RespValue } from '../support/resp-reader.ts';
import { runRingmaster, writeConfigFile } from '../support/ringmaster.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const LINES = [
  'SELECT 0',
  'SELECT 1',
  'SELECT 1',
  'SELECT 3',
  'SELECT 4',
  'SELECT 99',
  'SELECT x',
  'GET k',
  'GET k',
  'INCR k',
  'INCR k',
  'INCR l',
  'MGET k l',
  'DBSIZE',
  'MOVE k 1',
  'MOVE k 3',
  'COPY k l DB 3 REPLACE',
  'FLUSHDB',
  'MULTI',
  'MULTI',
  'MULTI',
  'EXEC',
  'EXEC',
  'EXEC',
  'DISCARD',
  'WATCH k',
  'WATCH l',
  'UNWATCH',
  'LPUSH list x',
  'BLPOP list 0.01',
  'RESET',
  'SET k text',
];
const CONVERSATIONS = 60;
const STEPS = 14;

const wire = (line: string): Buffer => encodeCommand(...line.split(' '));
const textOf = (reply: RespValue): string => (reply instanceof RespError ? `-${reply.text}` : String(reply));

async function converse(client: RawClient, lines: readonly string[]): Promise<string> {
  client.send(Buffer.concat(lines.map(wire)));
  return Buffer.concat(await client.readReplies(lines.length)).toString('latin1');
}

test('random conversations over databases are those with a server', { timeout: 120_000 }, async t => {
  const seed = seedFrom('DATABASES_SEED');
  t.diagnostic(`DATABASES_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const pool = await startRedisPool(t, { settings: ['databases: 16'] });
  const single = await startRedis();
  t.after(() => single.kill());
  for (let i = 0; i < CONVERSATIONS; i++) {
    const ours = await Promise.all([pool.client(), pool.client()]);
    const theirs = await Promise.all([single.client(), single.client()]);
    // RESET goes back to RESP2.
    if (i % 2 === 1) for (const client of [...ours, ...theirs]) await client.command('HELLO', 3);
    const said: string[] = [];
    for (let step = 0; step < STEPS; step++) {
      const who = random.between(0, 1);
      const lines = Array.from({ length: random.between(1, 6) }, () => random.pick(LINES));
      said.push(`${who}: ${lines.join(' | ')}`);
      const [our, their] = await Promise.all([converse(ours[who]!, lines), converse(theirs[who]!, lines)]);
      assert.equal(our, their, said.join('\n'));
    }
    for (const client of [...ours, ...theirs]) client.destroy();
  }
});

test('several servers: databases are apart, and FLUSHALL empties those that the pool has', async t => {
  const pool = await startRedisPool(t, { servers: 3, settings: ['databases: 4'] });
  const client = await pool.client();
  for (let database = 0; database < 4; database++) {
    assert.equal(await client.command('SELECT', database), 'OK');
    for (let i = 0; i < 30; i++) await client.command('SET', `k${i}`, `${database}`);
  }
  assert.equal(textOf(await client.command('SELECT', 4)), '-ERR DB index is out of range');
  assert.equal(String(await client.command('GET', 'k7')), '3');
  const servers = await Promise.all(pool.servers.map(server => server.client()));
  for (const server of servers) {
    await server.command('SELECT', 4);
    await server.command('SET', 'not', 'ours');
    server.destroy();
  }
  await client.command('SELECT', 1);
  assert.equal(await client.command('FLUSHDB'), 'OK');
  assert.equal(await client.command('DBSIZE'), 0);
  await client.command('SELECT', 2);
  assert.equal(await client.command('DBSIZE'), 30);
  assert.equal(await client.command('FLUSHALL'), 'OK');
  for (const database of [0, 1, 2, 3]) {
    await client.command('SELECT', database);
    assert.equal(await client.command('DBSIZE'), 0);
  }
  for (const server of pool.servers) assert.match(String(await server.command('INFO', 'keyspace')), /db4:keys=1/);
});

test('a transaction that selects leaves no other client in its database', async t => {
  const pool = await startRedisPool(t, { settings: ['databases: 4'] });
  const [one, other] = await Promise.all([pool.client(), pool.client()]);
  for (let round = 0; round < 5; round++) {
    const lines = ['MULTI', 'SELECT 2', `SET round ${round}`, 'EXEC', 'GET round', 'SELECT 0', 'GET round'];
    assert.equal(
      await converse(one, lines),
      `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n$1\r\n${round}\r\n+OK\r\n$-1\r\n`,
    );
    const theirs = await converse(other, ['MULTI', 'GET round', 'EXEC', 'WATCH round', 'MULTI', 'GET round', 'EXEC']);
    assert.equal(theirs, '+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n');
  }
  // A transaction that was not run has selected nothing.
  assert.equal(await one.command('WATCH', 'w'), 'OK');
  await other.command('SET', 'w', 'changed');
  await converse(one, ['MULTI', 'SELECT 2', 'EXEC']);
  assert.equal(String(await one.command('GET', 'w')), 'changed');
});

test('keys stay watched in their database when the client selects another', async t => {
  const pool = await startRedisPool(t, { settings: ['databases: 4'] });
  const single = await startRedis();
  t.after(() => single.kill());
  const said: string[] = [];
  for (const server of [pool, single]) {
    const [one, other] = await Promise.all([server.client(), server.client()]);
    t.after(() => [one, other].map(each => each.destroy()));
    const transaction = ['MULTI', 'INCR n', 'EXEC', 'GET w', 'SELECT 0', 'GET n'];
    let text = '';
    for (const change of ['SELECT 1', 'SET w x', 'DEL w']) {
      text += await converse(one, ['SET w v', 'WATCH w', 'SELECT 1', 'SET w 1', 'GET w', 'SELECT 9999', 'SELECT 1']);
      text += await converse(other, ['SELECT 0', change, 'SET w y'].slice(0, change === 'SELECT 1' ? 3 : 2));
      text += await converse(one, transaction);
    }
    text += await converse(one, [
      'WATCH w',
      'SELECT 2',
      'SELECT 0',
      'SELECT 3',
      'UNWATCH',
      'SET d 3',
      'SELECT 0',
      'GET d',
    ]);
    text += await converse(other, ['SELECT 3', 'GET d', 'WATCH d', 'MULTI', 'GET d', 'EXEC']);
    said.push(text);
  }
  assert.equal(said[0], said[1]);
  // The connection that was in another database is nobody's any more.
  const [last] = await Promise.all([pool.client()]);
  assert.equal(await converse(last, ['WATCH d', 'MULTI', 'GET d', 'EXEC']), '+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n');
  last.destroy();
});

test('a database that the servers do not have is an error of its own', async t => {
  const server = await startRedis({ args: ['--databases', '2'] });
  t.after(() => server.kill());
  const servers = [server.port];
  const daemon = await startDaemon(t, { main: { protocol: 'redis', servers, settings: ['databases: 3'] } });
  const client = await daemon.client('main');
  assert.equal(await client.command('SELECT', 2), 'OK');
  assert.match(textOf(await client.command('GET', 'k')), /authentication or SELECT failed/);
  assert.equal(await client.command('SELECT', 1), 'OK');
  assert.equal(await client.command('GET', 'k'), null);
});

test('no key is moved or copied out of the databases that the pool has', async t => {
  const pool = await startRedisPool(t, { settings: ['databases: 4'] });
  const client = await pool.client();
  await client.command('SET', 'k', 'v');
  for (const line of ['MOVE k 4', 'MOVE k -1', 'COPY k l DB 4', 'COPY k l REPLACE DB 99']) {
    assert.equal(await converse(client, [line]), '-ERR DB index is out of range\r\n', line);
    assert.match(await converse(client, ['MULTI', line, 'EXEC']), /-ERR DB index is out of range\r\n-EXECABORT/, line);
  }
  assert.equal(await client.command('COPY', 'k', 'k', 'DB', 3), 1);
  assert.equal(await client.command('MOVE', 'k', 2), 1);
  assert.doesNotMatch(String(await pool.servers[0]!.command('INFO', 'keyspace')), /db[014-9]/);
});

test('a pool is one database or has several, not both', async () => {
  const pool = '{ listen: 127.0.0.1:1, protocol: redis, redis_db: 2, databases: 3, servers: [127.0.0.1:1] }';
  const { code, stderr } = await runRingmaster(['-t', '-c', writeConfigFile(`pools:\n  p: ${pool}\n`)]);
  assert.equal(code, 1);
  assert.match(stderr, /redis_db makes the pool one database/);
});
