// Names that come back under a key prefix: in transactions, from commands that wait, by Pub/Sub and key events.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { commandWords } from '../support/command-words.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const PREFIX = 'app:';
const EVENTS = ['--notify-keyspace-events', 'KEA'];

async function ask(client: RawClient, line: string): Promise<string> {
  client.send(encodeCommand(...commandWords(line)));
  return (await client.readReply()).toString('latin1');
}

/** The names in a reply, in their order. */
async function listed(client: RawClient, ...words: readonly string[]): Promise<string[]> {
  return ((await client.command(...words)) as Buffer[]).map(String).sort();
}

interface Both {
  readonly proxy: RawClient;
  readonly direct: RawClient;
  /** Of the first server behind the pool. */
  readonly backend: RawClient;
  /** Another client of the pool. */
  readonly other: RawClient;
  /** Another one of the server that is asked directly. */
  readonly writer: RawClient;
  /** Further clients, of the pool and of the server that is asked directly. */
  connect(): Promise<readonly [RawClient, RawClient]>;
}

async function start(t: TestContext, version: 2 | 3 = 2, servers = 1): Promise<Both> {
  const settings = [`key_prefix: "${PREFIX}"`, 'hash_tag: "{}"'];
  const pool = await startRedisPool(t, { servers, settings, redis: { args: EVENTS } });
  const reference = await startRedis({ args: EVENTS });
  t.after(() => reference.kill());
  const [proxy, direct, backend, other, writer] = await Promise.all([
    pool.client(),
    reference.client(),
    pool.servers[0]!.client(),
    pool.client(),
    reference.client(),
  ]);
  t.after(() => [proxy, direct, backend, other, writer].forEach(client => void client.destroy()));
  if (version === 3) for (const client of [proxy, direct]) await client.command('HELLO', 3);
  const connect = async () => {
    const both = await Promise.all([pool.client(), reference.client()]);
    t.after(() => both.forEach(client => void client.destroy()));
    return both;
  };
  return { proxy, direct, backend, other, writer, connect };
}

async function assertAlike({ proxy, direct }: Both, lines: readonly string[]): Promise<void> {
  for (const line of lines) assert.equal(await ask(proxy, line), await ask(direct, line), line);
}

for (const version of [2, 3] as const) {
  test(`RESP${version}: in what EXEC answers, each name is as the client wrote it`, async t => {
    const both = await start(t, version);
    await assertAlike(both, [
      'RPUSH l app:v w',
      'XADD s 1-1 app:f app:v',
      'XGROUP CREATE s g 0',
      'ZADD z 1 app:m',
      'MULTI',
      'GET none',
      'LMPOP 2 l l2 LEFT',
      'XREAD STREAMS s 0',
      'XREADGROUP GROUP g c STREAMS s >',
      'BLPOP l 0',
      'BLPOP l 0',
      'ZMPOP 1 z MIN',
      'KEYS *',
      'XINFO GROUPS none',
      'XPENDING none app:g',
      'XGROUP DELCONSUMER s nog c',
      'LRANGE l 0 -1',
      'SET k app:x',
      'GET k',
      'EXEC',
      'GET k',
      'MULTI',
      'SET k v',
      'DISCARD',
      'MULTI',
      'LPUSH l a',
      'BRPOP l 0',
      'EXEC',
      'WATCH l',
      'RPUSH l 1 2',
      'LMPOP 1 l LEFT',
      'BRPOP l 0',
      'XREAD COUNT 1 STREAMS s 0',
      'MULTI',
      'LMPOP 1 l LEFT',
      'EXEC',
    ]);
    assert.ok((await listed(both.backend, 'KEYS', '*')).every(name => name.startsWith(PREFIX)));
  });

  test(`RESP${version}: whoever waits for a key is told its name`, async t => {
    const { proxy, other } = await start(t, version, 3);
    const ways = [
      ['BLPOP {a}l {a}m 0', 'RPUSH {a}m v', '*2\r\n$4\r\n{a}m\r\n$1\r\nv\r\n'],
      ['BLMPOP 0 2 {a}l {a}m LEFT', 'RPUSH {a}m v', '*2\r\n$4\r\n{a}m\r\n*1\r\n$1\r\nv\r\n'],
    ] as const;
    for (const [waits, gives, read] of ways) {
      proxy.send(encodeCommand(...commandWords(waits)));
      await waitFor(async () => String(await other.command('CLIENT', 'LIST')).includes('flags=b'), {
        what: 'a client that waits',
      });
      assert.match(await ask(other, gives), /^:1/);
      assert.equal((await proxy.readReply()).toString('latin1'), read);
    }
  });
}

test('inline requests have the prefix, too', async t => {
  const { proxy, backend } = await start(t);
  proxy.send('SET k "a b"\r\nGET k\r\nKEYS *\r\n');
  assert.equal(String(Buffer.concat(await proxy.readReplies(3))), '+OK\r\n$3\r\na b\r\n*1\r\n$1\r\nk\r\n');
  assert.equal(String(await backend.command('GET', 'app:k')), 'a b');
});

test('a pipeline of writes and reads, cut at any byte, is answered under the prefix', async t => {
  const { proxy } = await start(t, 2, 3);
  const script = Buffer.concat(
    [
      ['MSET', 'a', '1', 'b', '2'],
      ['MGET', 'a', 'b', 'c'],
      ['LPUSH', 'l', 'x'],
      ['LMPOP', '1', 'l', 'LEFT'],
    ].map(words => encodeCommand(...words)),
  );
  const read = '+OK\r\n*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n:1\r\n*2\r\n$1\r\nl\r\n*1\r\n$1\r\nx\r\n';
  for (let i = 1; i < script.length; i++) {
    proxy.send(script.subarray(0, i));
    await new Promise(resolve => setImmediate(resolve));
    proxy.send(script.subarray(i));
    assert.equal(String(Buffer.concat(await proxy.readReplies(4))), read, `cut at ${i}`);
  }
});

test('large values go through with the prefix before their key, and a request that it makes too large is refused', async t => {
  const pool = await startRedisPool(t, { settings: [`key_prefix: "${PREFIX}"`, 'max_request_bytes: 1mb'] });
  const client = await pool.client();
  t.after(() => client.destroy());
  const value = Buffer.alloc(900_000, 'v');
  client.send(encodeCommand('SET', 'k', value));
  assert.equal(String(await client.readReply()), '+OK\r\n');
  client.send(encodeCommand('GET', 'k'));
  assert.equal((await client.readReply()).length, value.length + 11);
  const head = encodeCommand('SET', 'k', '').length;
  client.send(encodeCommand('SET', 'k', Buffer.alloc(1024 * 1024 - head - 6)));
  assert.equal(
    String(await client.readReply()),
    '-ERR with the key_prefix the request is larger than the pool accepts\r\n',
  );
  assert.equal(await client.command('STRLEN', 'k'), 900_000);
});

test('SCAN goes through the keys with the prefix, and tells no other', async t => {
  const { proxy, backend } = await start(t, 2, 3);
  const names = Array.from({ length: 300 }, (_, i) => `key:${i}`);
  for (const name of names) await proxy.command('SET', name, 'v');
  for (const name of names) await backend.command('SET', name, 'v');
  const scan = async (...options: readonly string[]) => {
    const found: string[] = [];
    let cursor = '0';
    do {
      const [next, keys] = (await proxy.command('SCAN', cursor, ...options)) as [Buffer, Buffer[]];
      found.push(...keys.map(String));
      cursor = String(next);
    } while (cursor !== '0');
    return [...new Set(found)].sort();
  };
  assert.deepEqual(await scan(), [...names].sort());
  assert.deepEqual(await scan('COUNT', '7', 'MATCH', 'key:1?'), names.filter(name => /^key:1.$/.test(name)).sort());
  assert.deepEqual(await scan('MATCH', 'nothing*', 'TYPE', 'string'), []);
  assert.deepEqual(await listed(proxy, 'KEYS', 'key:29?'), names.slice(290).sort());
});

test('messages are those of clients with the prefix, by the names that they use', async t => {
  const { proxy, other, backend } = await start(t);
  await proxy.command('HELLO', 3);
  for (const line of ['SUBSCRIBE news', 'PSUBSCRIBE n*']) {
    const [word, name] = line.split(' ') as [string, string];
    const told = word.toLowerCase();
    const count = word === 'SUBSCRIBE' ? 1 : 2;
    assert.equal(
      await ask(proxy, line),
      `>3\r\n$${told.length}\r\n${told}\r\n$${name.length}\r\n${name}\r\n:${count}\r\n`,
    );
  }
  // Nobody with the prefix hears it, nor is heard without.
  assert.equal(await backend.command('PUBLISH', 'news', 'x'), 0);
  assert.deepEqual(await listed(backend, 'PUBSUB', 'CHANNELS'), ['app:news']);
  assert.deepEqual(await listed(other, 'PUBSUB', 'CHANNELS'), ['news']);
  assert.deepEqual(await listed(other, 'PUBSUB', 'CHANNELS', 'x*'), []);
  assert.equal(await ask(other, 'PUBSUB NUMSUB news none'), '*4\r\n$4\r\nnews\r\n:1\r\n$4\r\nnone\r\n:0\r\n');
  assert.equal(await other.command('PUBLISH', 'news', 'app:m'), 2);
  assert.equal(
    String(Buffer.concat(await proxy.readReplies(2))),
    '>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\napp:m\r\n>4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\napp:m\r\n',
  );
  assert.equal(await ask(proxy, 'PUNSUBSCRIBE'), '>3\r\n$12\r\npunsubscribe\r\n$2\r\nn*\r\n:1\r\n');
  assert.equal(await ask(proxy, 'UNSUBSCRIBE news'), '>3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n');
  assert.equal(await ask(proxy, 'SSUBSCRIBE s'), '>3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n');
  assert.equal(await other.command('SPUBLISH', 's', 'm'), 1);
  assert.equal(String(await proxy.readReply()), '>3\r\n$8\r\nsmessage\r\n$1\r\ns\r\n$1\r\nm\r\n');
});

const TOPICS = [
  ['SUBSCRIBE', '__keyspace@0__:k', '__keyspace@0__:none'],
  ['SUBSCRIBE', '__keyevent@0__:del', '__keyevent@0__:set', '__keyevent@0__:rename_to'],
  ['PSUBSCRIBE', '__keyspace@*__:k*', '__keyspace@0__:a__:app:k'],
  ['PSUBSCRIBE', '__key*__:*'],
  ['PSUBSCRIBE', '__keyspace@*'],
  ['PSUBSCRIBE', '__keyevent@*__:s*'],
] as const;

async function heardUntilDone(client: RawClient): Promise<string[]> {
  const messages: string[] = [];
  while (!messages.at(-1)?.endsWith('\r\n$4\r\ndone\r\n')) messages.push(String(await client.readReply()));
  return messages;
}

test('key events are heard as on a server without others', async t => {
  const { proxy, direct, other, backend, writer, connect } = await start(t);
  for (const [command, ...names] of TOPICS) {
    const listeners = await connect();
    for (const listener of listeners) {
      await ask(listener, 'SUBSCRIBE end');
      listener.send(encodeCommand(command, ...names));
      await listener.readReplies(names.length);
    }
    for (const line of [
      'SET k v',
      'SET a__:app:k v',
      'RPUSH l x',
      'RENAME k k2',
      'DEL k2',
      'SET app:k v',
      'SETEX s 9 v',
    ]) {
      for (const client of [other, writer]) await ask(client, line);
      // Of somebody else.
      for (const prefix of ['', 'other:', 'ap'])
        await ask(backend, line.replace('app:', '').replace(/ ([a-z])/, ` ${prefix}$1`));
    }
    for (const client of [other, writer]) await ask(client, 'PUBLISH end done');
    const [ours, theirs] = (await Promise.all(listeners.map(heardUntilDone))) as [string[], string[]];
    assert.ok(theirs.length > 1, `something of ${names} was to be heard`);
    assert.deepEqual(ours, theirs, String(names));
  }
  for (const client of [proxy, direct]) assert.equal(await client.command('PING'), 'PONG');
});

test('patterns that could stand for key events of others are refused', async t => {
  const { proxy } = await start(t);
  for (const pattern of ['__key*__:foo*', '__keyspace@*x', `__keyevent@${'x'.repeat(300)}`]) {
    assert.match(await ask(proxy, `PSUBSCRIBE ${pattern}`), /^-ERR under a key_prefix a pattern for key events /);
  }
  assert.match(await ask(proxy, 'SUBSCRIBE __keyspace@0'), /^-ERR under a key_prefix /);
  assert.equal(await proxy.command('PING'), 'PONG');
});
