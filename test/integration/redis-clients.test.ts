// What people connect with, at its default settings: connecting, ordinary work, and no error event.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { Child, run } from '../support/child.ts';
import { startRedisPool } from '../support/pool-under-test.ts';

const PASSWORD = 'a "quoted" pass word';
const SPREAD = { servers: 3, workers: 2 } as const;
const SCRIPT = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

interface Failures {
  readonly errors: string[];
}

/** Collects what a client emits as 'error'; unhandled, it would end the process. */
function watch(emitter: { on(event: 'error', listener: (error: Error) => void): unknown }): Failures {
  const errors: string[] = [];
  emitter.on('error', error => errors.push(String(error)));
  return { errors };
}

function connectIoredis(t: TestContext, port: number, options: object = {}): { client: Redis } & Failures {
  const client = new Redis(port, '127.0.0.1', options);
  const { errors } = watch(client);
  t.after(() => client.disconnect());
  return { client, errors };
}

test('ioredis: ready check, strings, hashes, lists, pipelines, split commands, a clean end', async t => {
  const { port } = await startRedisPool(t, SPREAD);
  const { client, errors } = connectIoredis(t, port);
  await new Promise(resolve => client.once('ready', resolve));
  assert.equal(await client.set('s', 'välue', 'EX', 100), 'OK');
  assert.equal(await client.get('s'), 'välue');
  assert.equal(await client.get('none'), null);
  assert.deepEqual(await client.getBuffer('s'), Buffer.from('välue'));
  await client.hset('h', { a: 1, b: 'two' });
  assert.deepEqual(await client.hgetall('h'), { a: '1', b: 'two' });
  assert.equal(await client.rpush('l', 'x', 'y'), 2);
  assert.deepEqual(await client.lrange('l', 0, -1), ['x', 'y']);
  await assert.rejects(client.incr('h'), /WRONGTYPE/);

  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
  assert.equal(await client.mset(Object.fromEntries(keys.map(key => [key, `v-${key}`]))), 'OK');
  assert.deepEqual(
    await client.mget(keys),
    keys.map(key => `v-${key}`),
  );
  assert.equal(await client.exists(...keys), 200);

  const pipeline = client.pipeline();
  for (const key of keys) pipeline.get(key).incr(`n-${key}`);
  pipeline.incr('s').del(...keys);
  const results = (await pipeline.exec())!;
  assert.deepEqual(
    results.slice(0, 400).map(([error, value]) => error ?? value),
    keys.flatMap(key => [`v-${key}`, 1]),
  );
  assert.match(String(results[400]![0]), /ERR value is not an integer/);
  assert.deepEqual(results[401], [null, 200]);

  assert.equal(await client.select(0), 'OK');
  assert.equal(await client.ping(), 'PONG');
  assert.equal(await client.quit(), 'OK');
  assert.deepEqual(errors, []);
});

test('ioredis: automatic pipelining', async t => {
  const { port } = await startRedisPool(t, SPREAD);
  const { client, errors } = connectIoredis(t, port, { enableAutoPipelining: true });
  const keys = Array.from({ length: 1000 }, (_, i) => `auto-${i}`);
  await Promise.all(keys.map(key => client.set(key, `v-${key}`)));
  const values = await Promise.all(keys.map(key => client.get(key)));
  assert.deepEqual(
    values,
    keys.map(key => `v-${key}`),
  );
  assert.deepEqual(errors, []);
});

test('ioredis: EVAL, EVALSHA and a defined command', async t => {
  const { port } = await startRedisPool(t, SPREAD);
  const { client, errors } = connectIoredis(t, port, { scripts: { addUp: { lua: SCRIPT, numberOfKeys: 1 } } });
  assert.equal(await client.eval(SCRIPT, 1, 'n', 5), 5);
  const sha = String(await client.script('LOAD', SCRIPT));
  for (let i = 0; i < 20; i++) assert.equal(await client.evalsha(sha, 1, `n${i}`, 7), 7);
  const { addUp } = client as unknown as { addUp(key: string, by: number): Promise<number> };
  for (let i = 0; i < 20; i++) assert.equal(await addUp.call(client, `n${i}`, 1), 8);
  assert.deepEqual(errors, []);
});

test('ioredis: AUTH with the password of the pool, which is also that of the servers', async t => {
  const settings = [`redis_auth: '${PASSWORD}'`];
  const { port } = await startRedisPool(t, { ...SPREAD, settings, redis: { requirepass: PASSWORD } });
  for (const options of [{ password: PASSWORD }, { username: 'default', password: PASSWORD }]) {
    const { client, errors } = connectIoredis(t, port, options);
    assert.equal(await client.set('k', 'v'), 'OK');
    assert.equal(await client.get('k'), 'v');
    assert.deepEqual(errors, []);
  }
  const wrong = connectIoredis(t, port, { password: 'wrong', retryStrategy: null, lazyConnect: true });
  await assert.rejects(wrong.client.connect().then(() => wrong.client.get('k')));
  assert.match(wrong.errors.join(), /WRONGPASS/);
  const none = connectIoredis(t, port, { enableReadyCheck: false });
  await assert.rejects(none.client.get('k'), /NOAUTH/);
});

// RESP3 is what it speaks unless told otherwise.
for (const [what, options] of [
  ['as it is', {}],
  ['told to speak RESP2', { RESP: 2 }],
] as const) {
  test(`node-redis ${what}: strings, hashes, pipelines, scripts, a clean end`, t => workWithNodeRedis(t, options));
}

async function workWithNodeRedis(t: TestContext, options: { readonly RESP?: 2 }): Promise<void> {
  const { port } = await startRedisPool(t, SPREAD);
  const client = createClient({ url: `redis://127.0.0.1:${port}`, ...options });
  const { errors } = watch(client);
  await client.connect();
  t.after(() => client.isOpen && client.destroy());
  assert.equal(await client.set('s', 'välue', { EX: 100 }), 'OK');
  assert.equal(await client.get('s'), 'välue');
  await client.hSet('h', { a: '1', b: 'two' });
  assert.deepEqual({ ...(await client.hGetAll('h')) }, { a: '1', b: 'two' });
  assert.equal(await client.zAdd('z', { score: 1.5, value: 'm' }), 1);
  assert.equal(await client.zScore('z', 'm'), 1.5);
  const keys = Array.from({ length: 500 }, (_, i) => `k${i}`);
  await Promise.all(keys.map(key => client.set(key, `v-${key}`)));
  assert.deepEqual(
    await Promise.all(keys.map(key => client.get(key))),
    keys.map(key => `v-${key}`),
  );
  assert.deepEqual(
    await client.mGet(keys),
    keys.map(key => `v-${key}`),
  );
  assert.equal(await client.del(keys), 500);
  const replies = await client.multi().set('p', '1').incr('p').get('p').execAsPipeline();
  assert.deepEqual(replies, ['OK', 2, '2']);
  assert.deepEqual(await client.multi().set('p', '1').incr('p').exec(), ['OK', 2]);
  assert.equal(await client.eval(SCRIPT, { keys: ['n'], arguments: ['3'] }), 3);
  const sha = await client.scriptLoad(SCRIPT);
  assert.equal(await client.evalSha(sha, { keys: ['n'], arguments: ['4'] }), 7);
  assert.equal(await client.ping(), 'PONG');
  await client.close();
  assert.deepEqual(errors, []);
}

test('node-redis: AUTH by the address', async t => {
  const settings = [`redis_auth: '${PASSWORD}'`];
  const { port } = await startRedisPool(t, { ...SPREAD, settings, redis: { requirepass: PASSWORD } });
  const url = `redis://default:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/0`;
  const client = createClient({ url });
  const { errors } = watch(client);
  await client.connect();
  t.after(() => client.destroy());
  assert.equal(await client.set('k', 'v'), 'OK');
  assert.equal(await client.get('k'), 'v');
  assert.deepEqual(errors, []);
});

test('redis-cli: arguments, standard input, AUTH, scripts, a pipe', async t => {
  const settings = [`redis_auth: '${PASSWORD}'`];
  const { port } = await startRedisPool(t, { ...SPREAD, settings, redis: { requirepass: PASSWORD } });
  const cli = async (args: readonly string[], input = '') => {
    const env = { ...process.env, REDISCLI_AUTH: PASSWORD };
    const result = await run('redis-cli', ['-p', String(port), ...args], { input, env });
    assert.equal(result.stderr, '');
    assert.equal(result.code, 0);
    return result.stdout;
  };
  assert.equal(await cli(['SET', 'k', 'a value']), 'OK\n');
  assert.equal(await cli(['GET', 'k']), 'a value\n');
  assert.equal(await cli(['-x', 'SET', 'k'], 'from input'), 'OK\n');
  assert.equal(await cli([], 'GET k\nINCR n\nMGET k none n\n'), 'from input\n1\nfrom input\n\n1\n');
  assert.equal(await cli(['-n', '0', 'ECHO', 'x']), 'x\n');
  assert.match(await cli(['INFO', 'server']), /redis_version:7/);
  const commands = Array.from({ length: 500 }, (_, i) => `SET pipe-${i} v${i}\r\n`).join('');
  assert.match(await cli(['--pipe'], commands), /errors: 0, replies: 500/);
  assert.equal(await cli(['GET', 'pipe-499']), 'v499\n');
  assert.match(await cli(['-3', 'GET', 'k']).catch(String), /from input|NOPROTO/);
});

test('redis-cli: a session at a terminal, with the commands it asks about at its start', async t => {
  const { port } = await startRedisPool(t, SPREAD);
  // script(1) brings the terminal; redis-cli sends COMMAND DOCS, or COMMAND, only to one.
  const child = new Child('script', ['-qec', `redis-cli -p ${port}`, '/dev/null'], {
    env: { ...process.env, TERM: 'dumb', HOME: '/nonexistent' },
  });
  t.after(() => child.kill());
  await child.until(() => child.stdout().includes(`127.0.0.1:${port}>`), 'the prompt');
  child.stdin.write('SET k "a value"\n');
  await child.until(() => /> .*\bOK\b/s.test(child.stdout()), 'OK');
  child.stdin.write('MGET k none\n');
  await child.until(() => child.stdout().includes('1) "a value"\r\n2) (nil)'), 'the values');
  child.stdin.write('HELP GET\n');
  child.stdin.write('QUIT\n');
  await child.exit();
  assert.doesNotMatch(child.stdout(), /ERR|error/i);
});

for (const flags of [
  ['-c', '50', '-n', '1000'],
  ['-c', '50', '-n', '5000', '-P', '100', '-r', '1000'],
]) {
  test(`redis-benchmark ${flags.join(' ')}: all its tests, without an error`, { timeout: 120_000 }, async t => {
    const { port } = await startRedisPool(t, SPREAD);
    const result = await run('redis-benchmark', ['-p', String(port), '-q', ...flags], { timeoutMs: 55_000 });
    assert.equal(result.code, 0, result.stderr);
    assert.equal(result.stderr, '');
    assert.doesNotMatch(result.stdout, /error/i);
    const tests = [...result.stdout.matchAll(/^(.+): [\d.]+ requests per second/gm)].map(match =>
      match[1]!.split('\r').at(-1),
    );
    assert.equal(tests.length, 20, result.stdout);
  });
}
