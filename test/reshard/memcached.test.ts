import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type MemcachedServer, startMemcached } from '../support/memcached-server.ts';
import type { RawClient } from '../support/raw-client.ts';
import { movesBetween, poolOf, WorkerUnderTest } from '../support/reshard-under-test.ts';
import { waitFor } from '../support/wait-for.ts';

/** Two servers and then three, and some workers. */
async function between(t: TestContext, workers = 1) {
  const servers = await Promise.all([1, 2, 3].map(() => startMemcached()));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const lines = servers.map(({ port }, i) => `127.0.0.1:${port}:1 s${i}`);
  const from = poolOf({ servers: lines.slice(0, 2) }, 'memcached');
  const to = poolOf({ servers: lines }, 'memcached');
  const started = await Promise.all(Array.from({ length: workers }, () => WorkerUnderTest.start(t, from, to)));
  return { servers, workers: started, worker: started[0] as WorkerUnderTest, moves: movesBetween(from, to) };
}

const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`);

async function ask(client: RawClient, words: string, end = '\r\n'): Promise<string> {
  client.send(words);
  return (await client.readUntil(end)).toString('latin1');
}

/** What a server has of a key, with flags and lifetime. */
async function itemOn(server: MemcachedServer, key: string): Promise<string | null> {
  const reply = (await server.ask(`mg ${key} f t v\r\nmn\r\n`, 'MN\r\n')).toString('latin1');
  return reply === 'EN\r\nMN\r\n' ? null : reply.slice(0, -'\r\nMN\r\n'.length);
}

/** Once nobody is about to take a claim off. */
async function placesOf(servers: readonly MemcachedServer[], key: string): Promise<number[]> {
  let items: (string | null)[] = [];
  const look = async () => {
    items = await Promise.all(servers.map(server => itemOn(server, key)));
    return !items.some(item => item?.endsWith('\r\nringmaster:moving'));
  };
  await waitFor(look, { what: `no claim for ${key}`, timeoutMs: 30_000 });
  return items.flatMap((item, place) => (item === null ? [] : [place]));
}

test('a key that moves is brought with its flags and what is left of its time before anything is asked of it', async t => {
  const { servers, worker, moves } = await between(t);
  const client = await worker.client();
  for (const [i, key] of KEYS.entries()) {
    const value = `${key} before`;
    assert.equal(
      await ask(client, `set ${key} ${i} ${i % 2 === 0 ? 0 : 100_000} ${value.length}\r\n${value}\r\n`),
      'STORED\r\n',
    );
  }
  await worker.go('hold');
  await worker.go('both');
  for (const [i, key] of KEYS.entries()) {
    const value = `${key} before`;
    assert.equal(
      await ask(client, `get ${key}\r\n`, 'END\r\n'),
      `VALUE ${key} ${i} ${value.length}\r\n${value}\r\nEND\r\n`,
    );
  }
  const moving = KEYS.filter(moves);
  assert.ok(moving.length > 5, `${moving.length} keys move`);
  for (const [i, key] of KEYS.entries()) {
    const [place, ...others] = await placesOf(servers, key);
    assert.deepEqual(others, []);
    assert.equal(place === 2, moving.includes(key), key);
    const left = Number(/ t(-?\d+)/.exec((await itemOn(servers[place!]!, key))!)![1]);
    assert.ok(i % 2 === 0 ? left === -1 : left > 90_000 && left <= 100_000, `${left} s are left`);
  }
  assert.equal(worker.stats.reshardBrought, moving.length);
  await worker.go('new');
  for (const key of KEYS) assert.equal(await ask(client, `delete ${key}\r\n`), 'DELETED\r\n');
  for (const key of KEYS) assert.deepEqual(await placesOf(servers, key), []);
});

test('every command finds what was there before', async t => {
  const { worker, moves } = await between(t);
  const client = await worker.client();
  const keys = KEYS.filter(moves);
  const commands: [string, string, string?][] = [
    ['add K 0 0 1\r\nx\r\n', 'NOT_STORED\r\n'],
    ['replace K 0 0 1\r\nx\r\n', 'STORED\r\n'],
    ['append K 0 0 1\r\nx\r\n', 'STORED\r\n'],
    ['prepend K 0 0 1\r\nx\r\n', 'STORED\r\n'],
    ['incr K 5\r\n', '15\r\n'],
    ['decr K 5\r\n', '5\r\n'],
    ['touch K 100\r\n', 'TOUCHED\r\n'],
    ['gat 100 K\r\n', 'VALUE K 0 2\r\n10\r\nEND\r\n', 'END\r\n'],
    ['delete K\r\n', 'DELETED\r\n'],
    ['mg K v\r\n', 'VA 2\r\n10\r\n', '\r\n10\r\n'],
    ['md K\r\n', 'HD\r\n'],
    ['ma K\r\n', 'HD\r\n'],
    ['ms K 1 MA\r\nx\r\n', 'HD\r\n'],
  ];
  assert.ok(keys.length >= commands.length, `${keys.length} keys move`);
  for (const key of keys) assert.equal(await ask(client, `set ${key} 0 0 2\r\n10\r\n`), 'STORED\r\n');
  await worker.go('hold');
  await worker.go('both');
  for (const [i, [words, reply, end]] of commands.entries()) {
    const key = keys[i]!;
    assert.equal(await ask(client, words.replaceAll('K', key), end), reply.replaceAll('K', key), words);
  }
});

test('values up to a megabyte, empty ones, and keys in base64', async t => {
  const { servers, worker, moves } = await between(t);
  const client = await worker.client();
  const keys = KEYS.filter(moves);
  const large = 'x'.repeat(1_000_000);
  await ask(client, `set ${keys[0]} 7 0 ${large.length}\r\n${large}\r\n`);
  await ask(client, `set ${keys[1]} 7 0 0\r\n\r\n`);
  const encoded = Buffer.from(keys[2]!).toString('base64');
  await ask(client, `ms ${encoded} 1 b F9\r\nb\r\n`);
  await worker.go('hold');
  await worker.go('both');
  assert.equal(await ask(client, `get ${keys[0]}\r\n`, 'END\r\n'), `VALUE ${keys[0]} 7 1000000\r\n${large}\r\nEND\r\n`);
  assert.equal(await ask(client, `get ${keys[1]}\r\n`, 'END\r\n'), `VALUE ${keys[1]} 7 0\r\n\r\nEND\r\n`);
  assert.equal(await ask(client, `mg ${encoded} b k f v\r\n`, '\r\nb\r\n'), `VA 1 k${encoded} b f9\r\nb\r\n`);
  for (const key of keys.slice(0, 3)) assert.deepEqual(await placesOf(servers, key), [2], key);
});

test('a lease of a client and an item out of date are not made into values', async t => {
  const { servers, worker, moves } = await between(t);
  const client = await worker.client();
  const [lease, stale] = KEYS.filter(moves) as [string, string];
  await ask(client, `mg ${lease} N30 v\r\n`, '\r\n\r\n');
  await ask(client, `set ${stale} 0 0 1\r\nx\r\n`);
  await ask(client, `md ${stale} I\r\n`);
  await worker.go('hold');
  await worker.go('both');
  for (const key of [lease, stale]) {
    assert.equal(await ask(client, `get ${key}\r\n`, 'END\r\n'), 'END\r\n');
    assert.deepEqual(await placesOf(servers, key), []);
  }
});

test('who finds that another moves a key waits until that is over, or its claim has expired', async t => {
  const { servers, worker, moves } = await between(t);
  const client = await worker.client();
  const key = KEYS.find(moves)!;
  await ask(client, `set ${key} 0 0 6\r\nbefore\r\n`);
  const source = (await placesOf(servers, key))[0]!;
  // Another worker has claimed it, and dies; its claim is nearly over.
  await servers[source]!.ask(`ms ${key} 17 F1380535879 T2\r\nringmaster:moving\r\n`);
  await worker.go('hold');
  await worker.go('both');
  client.send(`get ${key}\r\nset ${key} 0 0 5\r\nafter\r\nget ${key}\r\n`);
  const reply = `END\r\nSTORED\r\nVALUE ${key} 0 5\r\nafter\r\nEND\r\n`;

  assert.equal((await client.readUntil(reply.length)).toString('latin1'), reply);
  assert.deepEqual(await placesOf(servers, key), [2]);
});

test('a claim that was left where a key comes back to is never a value', async t => {
  const { servers, worker, moves } = await between(t);
  const client = await worker.client();
  const [lost, there] = KEYS.filter(moves) as [string, string];
  await ask(client, `set ${lost} 0 0 6\r\nbefore\r\n`);
  const source = (await placesOf(servers, lost))[0]!;
  await worker.go('hold');
  await worker.go('both');
  await ask(client, `set ${there} 0 0 5\r\nthere\r\n`);
  // Another has claimed it to move it away, and dies.
  await servers[source]!.ask(`ms ${lost} 17 F1380535879 T2\r\nringmaster:moving\r\n`);
  await worker.go('hold');
  await worker.go('both', true);
  assert.equal(await ask(client, `get ${there}\r\n`, 'END\r\n'), `VALUE ${there} 0 5\r\nthere\r\nEND\r\n`);
  assert.equal(await ask(client, `get ${lost}\r\n`, 'END\r\n'), 'END\r\n');
  for (const key of [lost, there]) assert.ok(!(await placesOf(servers, key)).includes(2), key);
});

test('a new server that is not there costs an error, not the value', async t => {
  const { servers, worker, moves } = await between(t);
  const client = await worker.client();
  const key = KEYS.find(moves)!;
  await ask(client, `set ${key} 3 1000 6\r\nbefore\r\n`);
  const source = (await placesOf(servers, key))[0]!;
  await worker.go('hold');
  await worker.go('both');
  await servers[2]!.kill();
  assert.match(await ask(client, `get ${key}\r\n`), /^SERVER_ERROR /);
  await waitFor(async () => /^VA 6 f3 t\d+\r\nbefore$/.test((await itemOn(servers[source]!, key)) ?? ''), {
    what: 'the value to be where it was',
  });
});

test('two workers that are asked for the same keys at once bring each once', async t => {
  const { servers, workers, moves } = await between(t, 2);
  const clients = await Promise.all(workers.map(worker => worker.client()));
  const keys = KEYS.filter(moves);
  for (const key of keys) await ask(clients[0]!, `set ${key} 0 0 1\r\n5\r\n`);
  await Promise.all(workers.map(worker => worker.go('hold')));
  await Promise.all(workers.map(worker => worker.go('both')));
  const replies = await Promise.all(
    clients.map(async client => {
      client.send(keys.map(key => `incr ${key} 1\r\n`).join(''));
      return (await client.readUntil(keys.length * 3)).toString('latin1').trim().split('\r\n');
    }),
  );
  for (const [i, key] of keys.entries()) {
    assert.deepEqual(replies.map(each => each[i]).sort(), ['6', '7'], key);
    assert.deepEqual(await placesOf(servers, key), [2], key);
  }
});
