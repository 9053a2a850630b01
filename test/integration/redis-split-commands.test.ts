// Commands with several keys over several servers, against a single server that has all the data.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { commandWords } from '../support/command-words.ts';
import { type PoolOptions, startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand, RespError } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const SERVERS = 3;
const RANDOM_COMMANDS = 400;
const KEYS = 1500;
const MOST_KEYS = 1000;

const CROSS_SERVER =
  'ERR keys of this command are on different servers; the setting hash_tag can keep keys that belong together on one';

interface Pair {
  readonly proxy: RawClient;
  readonly direct: RawClient;
}

async function startSpread(t: TestContext, options: PoolOptions = {}): Promise<Pair> {
  const pool = await startRedisPool(t, { servers: SERVERS, ...options });
  const single = await startRedis();
  t.after(() => single.kill());
  const [proxy, direct] = await Promise.all([pool.client(), single.client()]);
  t.after(() => [proxy, direct].forEach(client => void client.destroy()));
  return { proxy, direct };
}

async function assertSame({ proxy, direct }: Pair, words: readonly (string | Buffer)[], what: string): Promise<void> {
  const request = encodeCommand(...words);
  proxy.send(request);
  direct.send(request);
  const [ours, theirs] = await Promise.all([proxy.readReply(), direct.readReply()]);
  if (!ours.equals(theirs)) assert.equal(ours.toString('latin1'), theirs.toString('latin1'), what);
}

test('random commands of one to a thousand keys are split and merged in key order', { timeout: 120_000 }, async t => {
  const seed = seedFrom('SPLIT_SEED');
  t.diagnostic(`SPLIT_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const pair = await startSpread(t);
  const keys = Array.from({ length: KEYS }, (_, i) => Buffer.concat([Buffer.from(`key:${i}:`), random.bytes(i % 7)]));
  const someKeys = () => {
    const most = random.pick([1, 2, 3, 10, 100, MOST_KEYS]);
    // With duplicates now and then, and keys that do not exist.
    return Array.from({ length: random.between(1, most) }, () => random.pick(keys));
  };
  // Keys of another type: nil to MGET, replaced by MSET.
  for (const key of random.sample(keys, 50)) await assertSame(pair, ['RPUSH', key, 'a', 'b'], 'RPUSH');
  for (let i = 0; i < RANDOM_COMMANDS; i++) {
    const name = random.pick(['MGET', 'MGET', 'MSET', 'MSET', 'DEL', 'UNLINK', 'TOUCH', 'EXISTS']);
    const words: (string | Buffer)[] = [name];
    for (const key of someKeys()) {
      words.push(key);
      if (name === 'MSET') words.push(Buffer.concat([key, random.bytes(random.pick([0, 1, 20, 200]))]));
    }
    await assertSame(pair, words, `${name} of ${words.length - 1} words, command ${i}, SPLIT_SEED=${seed}`);
  }
  await assertSame(pair, ['DBSIZE'], 'DBSIZE');
  await assertSame(pair, ['MGET', ...keys], `all keys, SPLIT_SEED=${seed}`);
});

test('pieces of 20,000 keys and values of every size come back in order', async t => {
  const pair = await startSpread(t);
  const pairs = Array.from({ length: 20_000 }, (_, i) => [`k${i}`, `value of k${i} ${'x'.repeat(i % 300)}`]);
  await assertSame(pair, ['MSET', ...pairs.flat()], 'MSET');
  await assertSame(pair, ['MGET', ...pairs.map(([key]) => key!).reverse()], 'MGET');
  // Over 16 KB an element is passed on without a copy.
  for (const size of [4095, 4096, 4097, 16_383, 16_384, 16_385, 70_000]) {
    const big = ['a', 'b', 'c', 'd', 'e', 'f'].flatMap(key => [`${key}${size}`, `${key}`.repeat(size)]);
    await assertSame(pair, ['MSET', ...big], `MSET of ${size} bytes`);
    await assertSame(pair, ['MGET', 'none', ...big.filter((_, i) => i % 2 === 0), 'none'], `MGET of ${size} bytes`);
  }
});

test('errors of a split command are those of a server', async t => {
  const pair = await startSpread(t);
  for (const line of ['MSET a 1 b', 'MSET a', 'MSET a 1 b 2 c', 'MGET', 'DEL', 'EXISTS']) {
    await assertSame(pair, commandWords(line), line);
  }
});

test('one server out of three that fails makes the whole command an error, and the next is answered', async t => {
  const pool = await startRedisPool(t, { servers: SERVERS });
  const client = await pool.client();
  const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
  await client.command('MSET', ...keys.flatMap(key => [key, key]));
  await pool.servers[1]!.kill();
  for (const name of ['MGET', 'EXISTS', 'TOUCH']) {
    const reply = await client.command(name, ...keys);
    assert.ok(reply instanceof RespError, `${name}: ${String(reply)}`);
    assert.match(reply.text, /^ERR Connection (?:refused|reset by peer)$/);
  }
  const each = await Promise.all(keys.map(async key => (await pool.client()).command('GET', key)));
  const served = each.filter((value, i) => String(value) === keys[i]).length;
  assert.ok(served > 0 && served < keys.length, `${served} of ${keys.length} keys are on the servers that live`);
  client.destroy();
});

/** Commands whose keys must be together; `%` stands for a key's prefix. */
const TOGETHER = [
  'SADD %a 1 2 3',
  'SADD %b 2 3 4',
  'SINTER %a %b',
  'SUNION %a %b',
  'SDIFF %a %b',
  'SINTERCARD 2 %a %b',
  'SINTERSTORE %to %a %b',
  'SMOVE %a %b 1',
  'RPUSH %l 1 2',
  'RPOPLPUSH %l %m',
  'LMOVE %l %m LEFT LEFT',
  'LMPOP 2 %none %m LEFT',
  'ZADD %y 1 a 2 b',
  'ZADD %z 3 b',
  'ZUNIONSTORE %to 2 %y %z WEIGHTS 1 2',
  'ZUNION 2 %y %z WITHSCORES',
  'ZRANGESTORE %to %y 0 -1',
  'SET %s 1',
  'RENAME %s %t',
  'COPY %t %u',
  'MSETNX %v 1 %w 2',
  'BITOP OR %to %v %w',
  'LCS %v %w',
  'PFADD %h a',
  'PFADD %i b',
  'PFCOUNT %h %i',
  'PFMERGE %to %h %i',
  'SORT %l STORE %to',
  'XADD %x 1-1 f v',
  'XREAD STREAMS %x %none 0 0',
  'GEOADD %g 1 1 p',
  'GEORADIUS %g 1 1 1 km STORE %to',
  'EVAL "return redis.call(\'MGET\', KEYS[1], KEYS[2])" 2 %v %w',
];

const severalKeys = (line: string) => (line.match(/%/g) ?? []).length > 1;

test('with hash tags, commands with several keys work wherever the keys are', async t => {
  const pair = await startSpread(t, { settings: ['hash_tag: "{}"'] });
  for (const tag of ['{one}', '{two}', '{three}', '{four}', '{five}']) {
    for (const line of TOGETHER) {
      const tagged = line.replaceAll('%', tag);
      await assertSame(pair, commandWords(tagged), tagged);
    }
  }
});

test('without hash tags, such a command whose keys are on different servers gets an error that says so', async t => {
  const pool = await startRedisPool(t, { servers: SERVERS });
  const client = await pool.client();
  for (const line of TOGETHER.filter(severalKeys)) {
    let refused = 0;
    for (let i = 0; i < 12; i++) {
      // Each key has a number of its own, so they are spread.
      let n = 0;
      const reply = await client.command(...commandWords(line.replaceAll('%', () => `${i}.${n++}:`)));
      if (reply instanceof RespError && reply.text === CROSS_SERVER) refused++;
    }
    assert.ok(refused > 0, line);
  }
  assert.equal(await client.command('PING'), 'PONG');
  client.destroy();
});

test('cross_server: first_key sends it to the server of its first key', async t => {
  const pool = await startRedisPool(t, { servers: SERVERS, settings: ['cross_server: first_key'] });
  const client = await pool.client();
  for (let i = 0; i < 30; i++) {
    await client.command('SADD', `a${i}`, 1, 2);
    await client.command('SADD', `b${i}`, 2, 3);
    const reply = await client.command('SUNION', `a${i}`, `b${i}`);
    const holders = await Promise.all(
      pool.servers.map(async server => Number(await server.command('EXISTS', `a${i}`, `b${i}`))),
    );
    const isTogether = holders.includes(2);
    assert.deepEqual((reply as Buffer[]).map(String), isTogether ? ['1', '2', '3'] : ['1', '2'], `number ${i}`);
  }
  client.destroy();
});

test('scripts and functions are loaded into all servers', async t => {
  const pair = await startSpread(t);
  const { proxy } = pair;
  const code = "return redis.call('INCR', KEYS[1])";
  const library = "#!lua name=lib\nredis.register_function('up', function(k) return redis.call('INCR', k[1]) end)";
  await assertSame(pair, ['SCRIPT', 'LOAD', code], 'SCRIPT LOAD');
  const sha = String(await proxy.command('SCRIPT', 'LOAD', code));
  await assertSame(pair, ['SCRIPT', 'EXISTS', sha, 'x'], 'SCRIPT EXISTS');
  await assertSame(pair, ['FUNCTION', 'LOAD', library], 'FUNCTION LOAD');
  await assertSame(pair, ['FUNCTION', 'LOAD', library], 'FUNCTION LOAD again');
  for (let i = 0; i < 20; i++) {
    await assertSame(pair, ['EVALSHA', sha, '1', `k${i}`], 'EVALSHA');
    await assertSame(pair, ['FCALL', 'up', '1', `k${i}`], 'FCALL');
  }
  await assertSame(pair, ['SCRIPT', 'FLUSH'], 'SCRIPT FLUSH');
  await assertSame(pair, ['SCRIPT', 'EXISTS', sha], 'SCRIPT EXISTS after FLUSH');
  await assertSame(pair, ['FUNCTION', 'DELETE', 'lib'], 'FUNCTION DELETE');
  await assertSame(pair, ['FUNCTION', 'LIST'], 'FUNCTION LIST');
  for (let i = 0; i < 20; i++) await assertSame(pair, ['EVALSHA', sha, '1', `k${i}`], 'EVALSHA of a flushed script');
  await assertSame(pair, ['DBSIZE'], 'DBSIZE');
});
