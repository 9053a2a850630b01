// What people connect with, at its default settings: the npm package memcached, a plain socket, and what is refused.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { connectMemjs } from '../support/memjs.ts';
import { startMemcachedPool } from '../support/pool-under-test.ts';

const SPREAD = { servers: 3, workers: 2 } as const;

/** The parts of the packages that are used here; neither brings types. */
interface MemcachedClient {
  on(event: 'issue' | 'failure', listener: (details: { messages: string[] }) => void): void;
  set(key: string, value: unknown, lifetime: number, done: Done): void;
  add(key: string, value: unknown, lifetime: number, done: Done): void;
  replace(key: string, value: unknown, lifetime: number, done: Done): void;
  append(key: string, value: unknown, done: Done): void;
  prepend(key: string, value: unknown, done: Done): void;
  cas(key: string, value: unknown, unique: string, lifetime: number, done: Done): void;
  get(key: string, done: Done): void;
  gets(key: string, done: Done): void;
  getMulti(keys: string[], done: Done): void;
  touch(key: string, lifetime: number, done: Done): void;
  incr(key: string, by: number, done: Done): void;
  decr(key: string, by: number, done: Done): void;
  del(key: string, done: Done): void;
  flush(done: Done): void;
  stats(done: Done): void;
  version(done: Done): void;
  end(): void;
}
type Done = (error: unknown, value: unknown) => void;

const require = createRequire(import.meta.url);
const Memcached = require('memcached') as new (server: string) => MemcachedClient;

/** Calls a function that ends with a callback. */
function ask(call: (done: Done) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)));
  });
}

test('the npm package memcached does everything it can', async t => {
  const { port, servers } = await startMemcachedPool(t, SPREAD);
  const client = new Memcached(`127.0.0.1:${port}`);
  const problems: string[] = [];
  client.on('issue', details => problems.push(...details.messages));
  client.on('failure', details => problems.push(...details.messages));
  t.after(() => client.end());

  assert.equal(await ask(done => client.set('k', 'välue', 100, done)), true);
  assert.equal(await ask(done => client.get('k', done)), 'välue');
  assert.equal(await ask(done => client.get('none', done)), undefined);
  assert.equal(await ask(done => client.set('object', { a: [1, 2] }, 0, done)), true);
  assert.deepEqual(await ask(done => client.get('object', done)), { a: [1, 2] });
  const bytes = Buffer.from([0, 13, 10, 255, 69, 78, 68, 13, 10]);
  await ask(done => client.set('bytes', bytes, 0, done));
  assert.deepEqual(await ask(done => client.get('bytes', done)), bytes);
  await assert.rejects(
    ask(done => client.add('k', 'x', 0, done)),
    /not stored/i,
  );
  assert.equal(await ask(done => client.replace('k', 'b', 0, done)), true);
  assert.equal(await ask(done => client.append('k', 'c', done)), true);
  assert.equal(await ask(done => client.prepend('k', 'a', done)), true);
  assert.equal(await ask(done => client.get('k', done)), 'abc');

  const keys = Array.from({ length: 200 }, (_, i) => `multi-${i}`);
  await Promise.all(keys.map(key => ask(done => client.set(key, `v-${key}`, 0, done))));
  const found = await ask(done => client.getMulti([...keys, 'none'], done));
  assert.deepEqual({ ...(found as object) }, Object.fromEntries(keys.map(key => [key, `v-${key}`])));

  const { cas } = (await ask(done => client.gets('k', done))) as { cas: string };
  assert.equal(await ask(done => client.cas('k', 'new', cas, 0, done)), true);
  assert.equal(await ask(done => client.cas('k', 'newer', cas, 0, done)), false);
  assert.equal(await ask(done => client.set('n', 10, 0, done)), true);
  assert.equal(await ask(done => client.incr('n', 5, done)), 15);
  assert.equal(await ask(done => client.decr('n', 1, done)), 14);
  assert.equal(await ask(done => client.touch('n', 100, done)), true);
  assert.equal(await ask(done => client.del('n', done)), true);
  assert.equal(await ask(done => client.incr('n', 1, done)), false);

  const [version] = (await ask(done => client.version(done))) as { version: string; major: number }[];
  assert.equal(`VERSION ${version!.version}\r\n`, String(await servers[0]!.ask('version\r\n')));
  const [stats] = (await ask(done => client.stats(done))) as { curr_items: number }[];
  assert.ok(stats!.curr_items >= 200, JSON.stringify(stats));
  assert.deepEqual(await ask(done => client.flush(done)), [true]);
  assert.equal(await ask(done => client.get('multi-1', done)), undefined);
  assert.deepEqual(problems, []);
});

test('memjs, which speaks the binary protocol', async t => {
  const pool = await startMemcachedPool(t, SPREAD);
  const client = connectMemjs(pool.port);
  t.after(() => client.close());
  assert.equal(await client.set('k', 'v'.repeat(100_000), { expires: 60 }), true);
  assert.equal(String((await client.get('k')).value), 'v'.repeat(100_000));
  assert.equal((await client.get('none')).value, null);
  assert.equal(await client.add('k', 'w', {}), false);
  assert.equal(await client.replace('none', 'w', {}), false);
  assert.equal((await client.increment('n', 5, { initial: 7 })).value, 7);
  assert.equal((await client.decrement('n', 2, {})).value, 5);
  assert.equal(await client.delete('n'), true);
  assert.equal(await client.delete('n'), false);
  const bystander = await pool.client();
  bystander.send('get n\r\n');
  assert.equal(String(await bystander.readLine()), 'END\r\n');
  bystander.destroy();
});

test('a plain socket that half-closes reads all its answers', async t => {
  const { port } = await startMemcachedPool(t, SPREAD);
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
  socket.end(`${keys.map(key => `set ${key} 0 0 3\r\n${key.padEnd(3)}\r\n`).join('')}get ${keys.join(' ')}\r\n`);
  const values = keys.map(key => `VALUE ${key} 0 3\r\n${key.padEnd(3)}\r\n`).join('');
  assert.equal(await text(socket), `${'STORED\r\n'.repeat(50)}${values}END\r\n`);
});
