// RESP3 clients at their default settings, and beside RESP2 clients on one worker.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { run } from '../support/child.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand, parseReply, type RespValue } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';

const SPREAD = { servers: 3, workers: 1 } as const;
const PASSWORD = 'secret';
const ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

async function nodeRedis(t: TestContext, port: number, credentials = '') {
  const client = createClient({ url: `redis://${credentials}127.0.0.1:${port}` });
  const errors: string[] = [];
  client.on('error', error => errors.push(String(error)));
  t.after(() => client.isOpen && client.destroy());
  await client.connect();
  return { client, errors };
}

test('node-redis at its default settings: strings, hashes, sets, sorted sets, streams, many keys', async t => {
  const { port } = await startRedisPool(t, SPREAD);
  const { client, errors } = await nodeRedis(t, port);
  assert.equal(await client.set('s', 'välue', { EX: 100 }), 'OK');
  assert.equal(await client.get('s'), 'välue');
  assert.equal(await client.get('none'), null);
  assert.equal(await client.hSet('h', { a: '1', b: 'two' }), 2);
  assert.deepEqual({ ...(await client.hGetAll('h')) }, { a: '1', b: 'two' });
  assert.deepEqual(await client.hmGet('h', ['b', 'none']), ['two', null]);
  assert.equal(await client.sAdd('t', ['x', 'y']), 2);
  assert.deepEqual((await client.sMembers('t')).sort(), ['x', 'y']);
  assert.deepEqual(await client.smIsMember('t', ['x', 'z']), [1, 0]);
  const members = [
    { score: 1.5, value: 'm' },
    { score: Number.POSITIVE_INFINITY, value: 'n' },
  ];
  assert.equal(await client.zAdd('z', members), 2);
  assert.equal(await client.zScore('z', 'm'), 1.5);
  assert.equal(await client.zScore('z', 'none'), null);
  assert.deepEqual(
    await client.zRangeWithScores('z', 0, -1),
    members.map(({ value, score }) => ({ value, score })),
  );
  assert.equal(await client.zIncrBy('z', 0.25, 'm'), 1.75);
  const id = await client.xAdd('x', '*', { f: 'v' });
  const entries = (await client.xRange('x', '-', '+')) ?? [];
  assert.deepEqual(
    entries.map(entry => [entry.id, { ...entry.message }]),
    [[id, { f: 'v' }]],
  );
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
  await Promise.all(keys.map(key => client.set(key, `v-${key}`)));
  const mixed = keys.flatMap(key => [key, `no-${key}`]);
  assert.deepEqual(
    await client.mGet(mixed),
    keys.flatMap(key => [`v-${key}`, null]),
  );
  assert.equal(await client.del(keys), 300);
  assert.equal(await client.ping(), 'PONG');
  assert.match(await client.info('server'), /^# Server\r\nredis_version:7\./);
  assert.deepEqual({ ...(await client.configGet('save')) }, { save: '' });
  await client.close();
  assert.deepEqual(errors, []);
});

test('node-redis at its default settings: pipelines and scripts', async t => {
  const { port } = await startRedisPool(t, SPREAD);
  const { client, errors } = await nodeRedis(t, port);
  const replies = await client
    .multi()
    .set('p', '1')
    .incr('p')
    .zAdd('pz', { score: 2.5, value: 'a' })
    .zScore('pz', 'a')
    .execAsPipeline();
  assert.deepEqual(replies, ['OK', 2, 1, 2.5]);
  assert.equal(await client.eval(ADD, { keys: ['n'], arguments: ['3'] }), 3);
  const sha = await client.scriptLoad(ADD);
  for (let i = 0; i < 20; i++) assert.equal(await client.evalSha(sha, { keys: [`n${i}`], arguments: ['4'] }), 4);
  const map = await client.eval("redis.setresp(3); return redis.call('HGETALL', KEYS[1])", { keys: ['none'] });
  assert.deepEqual({ ...(map as object) }, {});
  await assert.rejects(client.eval("return redis.error_reply('MY error')", { keys: ['n'] }), /MY error/);
  assert.deepEqual(errors, []);
});

test('node-redis with AUTH inside HELLO, to servers with a password and a database', async t => {
  const settings = [`redis_auth: ${PASSWORD}`, 'redis_db: 2'];
  const { port, servers } = await startRedisPool(t, { ...SPREAD, settings, redis: { requirepass: PASSWORD } });
  const { client, errors } = await nodeRedis(t, port, `default:${PASSWORD}@`);
  assert.equal(await client.set('k', 'v'), 'OK');
  const sizes = await Promise.all(servers.map(async server => String(await server.command('INFO', 'keyspace'))));
  assert.equal(sizes.filter(size => size.includes('db2:keys=1')).length, 1);
  assert.deepEqual(errors, []);
  const wrong = createClient({ url: `redis://default:wrong@127.0.0.1:${port}`, socket: { reconnectStrategy: false } });
  wrong.on('error', () => {});
  await assert.rejects(wrong.connect(), /WRONGPASS/);
});

test('ioredis at its default settings', async t => {
  const { port } = await startRedisPool(t, SPREAD);
  const client = new Redis(port, '127.0.0.1');
  t.after(() => client.disconnect());
  const errors: string[] = [];
  client.on('error', error => errors.push(String(error)));
  assert.equal(await client.set('s', 'v'), 'OK');
  await client.hset('h', { a: 1 });
  assert.deepEqual(await client.hgetall('h'), { a: '1' });
  await client.zadd('z', '1.5', 'm');
  assert.deepEqual(await client.zrange('z', '0', '-1', 'WITHSCORES'), ['m', '1.5']);
  assert.match(String(await client.call('CLIENT', 'INFO')), / resp=3 /);
  assert.deepEqual(await client.mget('s', 'none'), ['v', null]);
  assert.equal(await client.quit(), 'OK');
  assert.deepEqual(errors, []);
});

test('redis-cli -3', async t => {
  const { port } = await startRedisPool(t, SPREAD);
  const input = 'HSET h a 1\nHGETALL h\nSADD s 1 2\nSMEMBERS s\nZADD z 1.5 m\nZSCORE z m\nGET none\nMGET none h2\n';
  const ours = await run('redis-cli', ['-p', String(port), '-3', '--no-raw'], { input });
  assert.equal(ours.stderr, '');
  const server = await startRedis();
  t.after(() => server.kill());
  const theirs = await run('redis-cli', ['-p', String(server.port), '-3', '--no-raw'], { input });
  assert.equal(ours.stdout, theirs.stdout);
  assert.match(ours.stdout, /1# "a" => "1"[\s\S]*1~ "1"[\s\S]*\(double\) 1\.5/);
});

const OLD = { args: ['--rename-command', 'HELLO', ''] };

test('where one server does not know HELLO, HELLO 3 is NOPROTO, the client goes on in RESP2 and nobody is ejected', async t => {
  const [young, old] = await Promise.all([startRedis(), startRedis(OLD)]);
  t.after(() => Promise.all([young.kill(), old.kill()]));
  const settings = ['auto_eject_hosts: true', 'server_failure_limit: 1'];
  const servers = [young.port, old.port];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers, settings } });
  const client = await daemon.client('pool');
  await client.command('HSET', 'hash', 'f', 'v');
  for (let round = 0; round < 5; round++) {
    client.send(
      Buffer.concat([
        encodeCommand('HGETALL', 'hash'),
        encodeCommand('HELLO', '3'),
        encodeCommand('HGETALL', 'hash'),
        encodeCommand('HELLO', '3', 'SETNAME', 'me'),
        encodeCommand('CLIENT', 'GETNAME'),
        encodeCommand('MGET', 'none'),
      ]),
    );
    assert.equal(
      Buffer.concat(await client.readReplies(6)).toString(),
      '*2\r\n$1\r\nf\r\n$1\r\nv\r\n-NOPROTO unsupported protocol version\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n' +
        '-NOPROTO unsupported protocol version\r\n$2\r\nme\r\n*1\r\n$-1\r\n',
    );
  }
  for (let i = 0; i < 20; i++) assert.equal(await client.command('SET', `k${i}`, 'v'), 'OK');
  assert.equal(await daemon.metric('ringmaster_pool_server_ejects_total'), 0);
});

test('a server that is down when a client says HELLO 3, and does not know it, fails its requests in words', async t => {
  const server = await startRedis(OLD);
  const { port } = server;
  await server.kill();
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [port] } });
  const client = await daemon.client('pool');
  client.send(encodeCommand('HELLO', '3'));
  assert.match(String(await client.readReply()), /^%7\r\n/);
  const back = await startRedis({ ...OLD, port });
  t.after(() => back.kill());
  const asks = async () => {
    client.send(encodeCommand('GET', 'k'));
    return /^-ERR server does not speak the version of the protocol/.test(String(await client.readReply()));
  };
  await waitFor(asks, { what: 'the server to be found too old' });
  const other = await daemon.client('pool');
  other.send(encodeCommand('HELLO', '3'));
  assert.equal(String(await other.readReply()), '-NOPROTO unsupported protocol version\r\n');
});

test('resp3: off is NOPROTO whatever the servers speak', async t => {
  const pool = await startRedisPool(t, { settings: ['resp3: off'] });
  const client = await pool.client();
  client.send(encodeCommand('HELLO', '3'));
  assert.equal(String(await client.readReply()), '-NOPROTO unsupported protocol version\r\n');
  client.send(encodeCommand('HELLO', '2'));
  assert.match(String(await client.readReply()), /^\*14\r\n/);
});

/** Replies of a type that shows the version, with the key in them. */
const ASKED: readonly ((key: string) => { readonly words: string[]; readonly want: readonly [string, string] })[] = [
  key => ({
    words: ['HGETALL', `h:${key}`],
    want: [`*2\r\n$1\r\nf\r\n$${key.length}\r\n${key}\r\n`, `%1\r\n$1\r\nf\r\n$${key.length}\r\n${key}\r\n`],
  }),
  key => ({
    words: ['SMEMBERS', `s:${key}`],
    want: [`*1\r\n$${key.length}\r\n${key}\r\n`, `~1\r\n$${key.length}\r\n${key}\r\n`],
  }),
  key => ({ words: ['ZSCORE', `z:${key}`, 'm'], want: [`$${key.length}\r\n${key}\r\n`, `,${key}\r\n`] }),
  key => ({
    words: ['MGET', `none:${key}`, `v:${key}`, `absent:${key}`],
    want: [`*3\r\n$-1\r\n$${key.length}\r\n${key}\r\n$-1\r\n`, `*3\r\n_\r\n$${key.length}\r\n${key}\r\n_\r\n`],
  }),
  () => ({ words: ['CLIENT', 'GETNAME'], want: ['$-1\r\n', '_\r\n'] }),
  key => ({ words: ['GET', `none:${key}`], want: ['$-1\r\n', '_\r\n'] }),
  key => ({ words: ['INCR', `s:${key}`], want: WRONG_TYPE }),
];
const WRONG_TYPE_REPLY = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';
const WRONG_TYPE = [WRONG_TYPE_REPLY, WRONG_TYPE_REPLY] as const;

test('clients of both versions on one worker: each gets its own replies in its own version', async t => {
  const seed = seedFrom('RESP3_SEED');
  t.diagnostic(`RESP3_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const pool = await startRedisPool(t, SPREAD);
  const keys = Array.from({ length: 200 }, (_, i) => String(1000 + i));
  const first = await pool.client();
  first.send(
    Buffer.concat(
      keys.flatMap(key => [
        encodeCommand('HSET', `h:${key}`, 'f', key),
        encodeCommand('SADD', `s:${key}`, key),
        encodeCommand('ZADD', `z:${key}`, key, 'm'),
        encodeCommand('SET', `v:${key}`, key),
      ]),
    ),
  );
  await first.readReplies(keys.length * 4);

  const speak = async (startsWith: 0 | 1, changes: boolean, plan: SeededRandom): Promise<void> => {
    const client = await pool.client();
    let version = startsWith;
    if (version === 1) await client.command('HELLO', 3);
    for (let round = 0; round < 10; round++) {
      const wire: Buffer[] = [];
      const want: (string | null)[] = [];
      for (let i = 0; i < 50; i++) {
        if (changes && plan.chance(0.1)) {
          version = version === 0 ? 1 : 0;
          wire.push(encodeCommand('HELLO', version + 2));
          want.push(null);
        }
        const asked = plan.pick(ASKED)(plan.pick(keys));
        wire.push(encodeCommand(...asked.words));
        want.push(asked.want[version]);
      }
      client.send(Buffer.concat(wire));
      for (const expected of want) {
        const reply = (await client.readReply()).toString('latin1');
        if (expected !== null) assert.equal(reply, expected, `RESP3_SEED=${seed}`);
        else assert.match(reply, /^(?:%7|\*14)\r\n/, `RESP3_SEED=${seed}`);
      }
    }
    client.destroy();
  };
  await Promise.all(
    Array.from({ length: 24 }, (_, i) =>
      speak(i % 2 === 0 ? 0 : 1, i % 3 === 0, new SeededRandom(random.between(1, 1e9))),
    ),
  );
});

test('a client that writes, changes its version and reads at once finds what it wrote', async t => {
  const pool = await startRedisPool(t, SPREAD);
  const client = await pool.client();
  for (let round = 0; round < 100; round++) {
    const keys = Array.from({ length: 5 }, (_, i) => `${round}:${i}`);
    const big = 'x'.repeat(200_000);
    client.send(
      Buffer.concat([
        ...keys.map(key => encodeCommand('SET', key, `${key}${big}`)),
        encodeCommand('HELLO', round % 2 === 0 ? 3 : 2),
        ...keys.map(key => encodeCommand('GETRANGE', key, 0, key.length - 1)),
      ]),
    );
    const replies: RespValue[] = (await client.readReplies(11)).map(reply => parseReply(reply));
    assert.deepEqual(replies.slice(6).map(String), keys);
  }
});
