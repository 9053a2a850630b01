// Transactions and watched keys through a pool, against a server of their own.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const CONVERSATIONS = 40;
const STEPS = 12;

const LINES = [
  'MULTI',
  'MULTI',
  'EXEC',
  'EXEC',
  'EXEC',
  'DISCARD',
  'WATCH a',
  'WATCH a b c',
  'UNWATCH',
  'SET a 1',
  'SET b 2',
  'INCR a',
  'INCR a',
  'INCR b',
  'LPUSH l x',
  'LPUSH a x',
  'GET a',
  'MGET a b c',
  'MSET a 5 c 7',
  'DEL a b',
  'NOSUCH x',
  'GET',
  'EXEC now',
  'PING',
  'ECHO hello',
  'BLPOP l 0.01',
  'BLPOP none 0.01',
  'BLMOVE l m LEFT RIGHT 0.01',
  'XREAD BLOCK 5 STREAMS s $',
  'BLPOP l -1',
  'EVAL "return redis.call(\'incr\',KEYS[1])" 1 a',
  'LLEN l',
];

/** The inline request as a client library would send it. */
function wire(line: string): string {
  const words = line.match(/"[^"]*"|\S+/g) ?? [];
  return encodeCommand(...words.map(word => word.replaceAll('"', ''))).toString('latin1');
}

async function converse(client: RawClient, lines: readonly string[], pieces: readonly number[]): Promise<string> {
  const bytes = Buffer.from(lines.map(wire).join(''), 'latin1');
  let at = 0;
  for (const size of pieces) {
    if (at >= bytes.length) break;
    client.send(bytes.subarray(at, at + size));
    at += size;
    await new Promise(setImmediate);
  }
  if (at < bytes.length) client.send(bytes.subarray(at));
  return Buffer.concat(await client.readReplies(lines.length)).toString('latin1');
}

test('random conversations with transactions are those with a server', { timeout: 120_000 }, async t => {
  const seed = seedFrom('TRANSACTIONS_SEED');
  t.diagnostic(`TRANSACTIONS_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  // They look 500 times a second for who has waited long enough, where the default is ten times.
  const redis = { args: ['--hz', '500'] };
  const pool = await startRedisPool(t, { redis });
  const single = await startRedis(redis);
  t.after(() => single.kill());
  for (let i = 0; i < CONVERSATIONS; i++) {
    const ours = await Promise.all([pool.client(), pool.client()]);
    const theirs = await Promise.all([single.client(), single.client()]);
    const said: string[] = [];
    for (let step = 0; step < STEPS; step++) {
      // Two clients in turns, each with some requests at once.
      const who = random.between(0, 1);
      const lines = Array.from({ length: random.pick([1, 1, 2, 5, 9]) }, () => random.pick(LINES));
      said.push(`${who}: ${lines.join(' | ')}`);
      const pieces = random.chance(0.3) ? Array.from({ length: 20 }, () => random.between(1, 40)) : [];
      const [mine, wanted] = await Promise.all([
        converse(ours[who] as RawClient, lines, pieces),
        converse(theirs[who] as RawClient, lines, []),
      ]);
      assert.equal(mine, wanted, `conversation ${i}:\n${said.join('\n')}\nTRANSACTIONS_SEED=${seed}`);
    }
    for (const client of [...ours, ...theirs]) client.destroy();
    // Keys start anew, and whoever watches none of them any more.
    await Promise.all([pool.servers[0]?.command('FLUSHALL'), single.command('FLUSHALL')]);
  }
});

async function startTagged(t: TestContext, settings: readonly string[] = []) {
  return startRedisPool(t, { servers: 3, settings: ['hash: murmur', 'hash_tag: "{}"', ...settings] });
}

const CROSS =
  '-ERR keys of this command are on different servers; the setting hash_tag can keep keys that belong together on one\r\n';

test('on several servers the first key names the one, and a key elsewhere ends the transaction', async t => {
  const pool = await startTagged(t);
  const client = await pool.client();
  t.after(() => client.destroy());
  const say = (...lines: string[]) => converse(client, lines, []);
  assert.equal(
    await say('MULTI', 'PING', 'SET {a}1 x', 'GET {a}1', 'EXEC'),
    '+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+PONG\r\n+OK\r\n$1\r\nx\r\n',
  );
  const elsewhere = ['{b}', '{c}', '{d}', '{e}', '{f}', '{g}'];
  const replies = await say('MULTI', 'INCR {a}n', ...elsewhere.map(key => `INCR ${key}`), 'EXEC', 'GET {a}n');
  assert.ok(replies.includes(CROSS), replies);
  assert.ok(replies.endsWith('-EXECABORT Transaction discarded because of previous errors.\r\n$-1\r\n'), replies);
  for (const key of elsewhere) assert.equal(await say(`EXISTS ${key}`), ':0\r\n');
  // One by one, so that the server knows of it.
  for (const [line, wanted] of [
    ['WATCH {a}1', '+OK\r\n'],
    ['MULTI', '+OK\r\n'],
    ['INCR {a}n', '+QUEUED\r\n'],
    [
      'SCRIPT LOAD return',
      "-ERR 'script|load' cannot be used through Ringmaster: inside a transaction only one of the servers would have it\r\n",
    ],
    ['EXEC', '-EXECABORT Transaction discarded because of previous errors.\r\n'],
    ['GET {a}n', '$-1\r\n'],
    ['MULTI', '+OK\r\n'],
    ['EXEC', '*0\r\n'],
    ['MULTI', '+OK\r\n'],
    ['PING', '+QUEUED\r\n'],
    ['DISCARD', '+OK\r\n'],
    ['MULTI', '+OK\r\n'],
    ['ECHO hello', '+QUEUED\r\n'],
    ['EXEC', '*1\r\n$5\r\nhello\r\n'],
  ] as const) {
    assert.equal(await say(line), wanted, line);
  }
});

test('a command that is refused aborts the transaction it was to be part of', async t => {
  const pool = await startRedisPool(t);
  const client = await pool.client();
  t.after(() => client.destroy());
  for (const refused of ['SHUTDOWN', 'CONFIG SET maxmemory 1', 'CLIENT TRACKING ON', 'NOSUCH']) {
    const replies = await converse(client, ['MULTI', 'INCR n', refused, 'INCR n', 'EXEC', 'GET n'], []);
    assert.match(replies, /\+QUEUED\r\n-ERR [^\r]*\r\n\+QUEUED\r\n-EXECABORT [^\r]*\r\n\$-1\r\n$/, refused);
  }
});

test('a server that is lost in the middle: errors for the rest, and nothing is run', async t => {
  const server = await startRedis();
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [server.port] } });
  const client = await daemon.client('p');
  t.after(() => client.destroy());
  const say = (...lines: string[]) => converse(client, lines, []);
  assert.equal(await say('WATCH k'), '+OK\r\n');
  assert.equal(await say('MULTI'), '+OK\r\n');
  assert.equal(await say('SET k 1'), '+QUEUED\r\n');
  await server.kill();
  const again = await startRedis({ port: server.port });
  t.after(() => again.kill());
  await daemon.untilMetric('ringmaster_server_private_connections', {}, 0);
  assert.match(await say('SET k 2'), /^-ERR Connection /);
  assert.equal(await say('EXEC'), '-EXECABORT Transaction discarded because of previous errors.\r\n');
  assert.equal(await say('DISCARD'), '-ERR DISCARD without MULTI\r\n');
  assert.equal(await again.command('EXISTS', 'k'), 0);
});

test('watched keys that are lost with the server make EXEC fail', async t => {
  const server = await startRedis();
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [server.port] } });
  const client = await daemon.client('p');
  t.after(() => client.destroy());
  const say = (...lines: string[]) => converse(client, lines, []);
  assert.equal(await say('WATCH k'), '+OK\r\n');
  await server.kill();
  const again = await startRedis({ port: server.port });
  t.after(() => again.kill());
  await daemon.untilMetric('ringmaster_server_private_connections', {}, 0);
  assert.equal(await say('MULTI'), '+OK\r\n');
  await say('SET k 2');
  assert.equal(await say('EXEC'), '-EXECABORT Transaction discarded because of previous errors.\r\n');
  assert.equal(await again.command('EXISTS', 'k'), 0);
});

test('a connection is given back clean and used again, and one that is not is closed', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const daemon = await startDaemon(t, {
    p: { protocol: 'redis', servers: [server.port], settings: ['private_connections: 1', 'queue_timeout: 1s'] },
  });
  const [one, two] = await Promise.all([daemon.client('p'), daemon.client('p')]);
  t.after(() => [one, two].forEach(client => void client.destroy()));
  const accepted = async () => {
    const info = String(await server.command('INFO', 'stats'));
    return Number(/total_connections_received:(\d+)/.exec(info)?.[1]);
  };
  assert.equal(await converse(one, ['WATCH k'], []), '+OK\r\n');
  assert.match(await converse(two, ['WATCH k'], []), /^-ERR no server connection is free for this client alone/);
  assert.equal(await converse(one, ['UNWATCH'], []), '+OK\r\n');
  const before = await accepted();
  for (let i = 0; i < 20; i++) {
    for (const line of ['WATCH k', 'MULTI', 'INCR k', 'EXEC']) await converse(i % 2 === 0 ? one : two, [line], []);
  }
  assert.equal(String(await server.command('GET', 'k')), '20');
  // Our own two questions are all that is new.
  assert.equal((await accepted()) - before, 2);
  assert.equal(await converse(one, ['WATCH k'], []), '+OK\r\n');
  one.destroy();
  await daemon.untilMetric('ringmaster_server_private_connections', {}, 0);
  assert.equal(await converse(two, ['WATCH k'], []), '+OK\r\n');
});

test('a transaction that comes whole needs no connection of its own, and nothing of others gets inside', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const daemon = await startDaemon(t, {
    p: { protocol: 'redis', servers: [server.port], settings: ['private_connections: 1'] },
  });
  const holder = await daemon.client('p');
  // The only private connection is taken.
  assert.equal(await converse(holder, ['WATCH other'], []), '+OK\r\n');
  const clients = await Promise.all(Array.from({ length: 20 }, () => daemon.client('p')));
  t.after(() => [holder, ...clients].forEach(client => void client.destroy()));
  const rounds = 50;
  await Promise.all(
    clients.map(async client => {
      for (let i = 0; i < rounds; i++) {
        const replies = await converse(client, ['GET n', 'MULTI', 'INCR n', 'INCR n', 'INCR n', 'EXEC', 'PING'], []);
        const found =
          /^(?:\$-1|\$\d+\r\n\d+)\r\n\+OK\r\n(?:\+QUEUED\r\n){3}\*3\r\n:(\d+)\r\n:(\d+)\r\n:(\d+)\r\n\+PONG\r\n$/.exec(
            replies,
          );
        assert.ok(found !== null, replies);
        const first = Number(found[1]);
        assert.deepEqual([found[2], found[3]], [String(first + 1), String(first + 2)]);
      }
    }),
  );
  assert.equal(String(await server.command('GET', 'n')), String(clients.length * rounds * 3));
});

test('the version of the protocol does not change while a server watches keys', async t => {
  const pool = await startRedisPool(t);
  const client = await pool.client();
  t.after(() => client.destroy());
  const replies = await converse(
    client,
    ['WATCH k', 'HELLO 3', 'HELLO 2', 'UNWATCH', 'HELLO 3', 'WATCH k', 'GET k'],
    [],
  );
  assert.match(
    replies,
    /^\+OK\r\n-ERR 'hello' cannot be used [^\r]*watched[^\r]*\r\n\*14\r\n[\s\S]*\+OK\r\n%7\r\n[\s\S]*\+OK\r\n_\r\n$/,
  );
});
