// flush_all under a key prefix: the keys with the prefix are gone, of all servers, and no other. Where that can't be done the client
// reads why.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { converseInBinary, packet, storeExtras } from '../support/binary-packets.ts';
import { type Answer, answering, type FakeBackend, startFakeBackend } from '../support/fake-backend.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { memcachedSignIn } from '../support/memcached-sign-in.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startMemcachedPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { memcachedRequest } from '../support/request-splitter.ts';
import { waitFor } from '../support/wait-for.ts';

const PREFIX = 'app:';
const SETTINGS = [`key_prefix: '${PREFIX}'`];
const DUMP = 'lru_crawler metadump hash\r\n';
const MAY_BE_LEFT = '; some of the keys may be removed\r\n';
const COMMAND = 'SERVER_ERROR flush_all under a key_prefix';

async function ask(client: RawClient, line: string): Promise<string> {
  client.send(`${line}\r\n`);
  return String(await client.readLine());
}

/** Stores these keys, each with a value of one byte. */
async function fill(client: RawClient, keys: readonly string[]): Promise<void> {
  client.send(
    Buffer.from(`${keys.map(key => `set ${key} 0 0 1 noreply\r\nx\r\n`).join('')}set filled 0 0 1\r\nx\r\n`, 'latin1'),
  );
  assert.equal(String(await client.readLine()), 'STORED\r\n');
  assert.equal(await ask(client, 'delete filled'), 'DELETED\r\n');
}

/** The bytes of all keys of a server, by itself. */
async function keysOf(server: RawClient): Promise<string[]> {
  server.send(DUMP);
  const lines = (await server.readUntil('END\r\n')).toString('latin1').split('\n');
  return lines
    .flatMap(line => /^key=(\S+)/.exec(line)?.[1] ?? [])
    .map(key => key.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))))
    .sort();
}

const namesOf = (count: number, before = 'k') => Array.from({ length: count }, (_, i) => `${before}${i}`);
const OTHERS = ['ap', 'app', 'app;x', 'k1', 'other:app:k1', ...namesOf(500, 'other:')].sort();

async function start(t: TestContext, servers: number) {
  const pool = await startMemcachedPool(t, { servers, settings: SETTINGS });
  const client = await pool.client();
  const backends = await Promise.all(pool.servers.map(server => server.client()));
  t.after(() => [client, ...backends].forEach(each => void each.destroy()));
  for (const backend of backends) await fill(backend, OTHERS);
  const isEmptied = async (how: string) => {
    for (const backend of backends) assert.deepEqual(await keysOf(backend), OTHERS, how);
  };
  return { pool, client, backends, isEmptied };
}

for (const servers of [1, 3]) {
  test(`${servers} servers: the keys with the prefix are gone, and no others`, async t => {
    const { client, isEmptied } = await start(t, servers);
    for (const [line, reply] of [
      ['flush_all', 'OK\r\n'],
      ['flush_all 0', 'OK\r\n'],
      ['flush_all -1', 'OK\r\n'],
      ['  flush_all   0  foo', 'OK\r\n'],
    ] as const) {
      assert.equal(await ask(client, line), reply, 'nothing to remove');
      await fill(client, namesOf(1200));
      assert.equal(await ask(client, line), reply);
      await isEmptied(line);
    }
    for (const line of ['flush_all noreply', 'flush_all 0 noreply']) {
      await fill(client, namesOf(600));
      client.send(`${line}\r\nget k1\r\nset k1 0 0 1\r\ny\r\nget k1\r\n`);
      assert.equal(
        String(await client.readUntil('y\r\nEND\r\n')),
        'END\r\nSTORED\r\nVALUE k1 0 1\r\ny\r\nEND\r\n',
        line,
      );
      assert.equal(await ask(client, 'delete k1'), 'DELETED\r\n');
      await isEmptied(line);
    }
  });
}

test('keys of any bytes and of any length are among them', async t => {
  const { pool, client, backends, isEmptied } = await start(t, 2);
  const odd = ['a%b', 'a=b', 'exp=-1', '\x01\x02', '\xff'.repeat(246), 'k'.repeat(246), 'é\x7f', '+&~/'];
  await fill(client, odd);
  const other = await pool.client();
  t.after(() => other.destroy());
  // Spaces and line ends: by binary requests and base64.
  const set = packet('set', { key: 'a b\r\nkey=c', value: 'x', extras: storeExtras(0, 0) });
  await converseInBinary(other, [set]);
  client.send(`ms ${Buffer.from('d e\n').toString('base64')} 1 b\r\nx\r\n`);
  assert.equal(String(await client.readLine()), 'HD\r\n');
  const stored = (await Promise.all(backends.map(keysOf))).flat().filter(key => key.startsWith(PREFIX));
  assert.deepEqual(stored.sort(), [...odd, 'a b\r\nkey=c', 'd e\n'].map(key => PREFIX + key).sort());
  assert.equal(await ask(client, 'flush_all'), 'OK\r\n');
  await isEmptied('odd keys');
});

test('binary requests flush likewise', async t => {
  const { pool, client, isEmptied } = await start(t, 2);
  const other = await pool.client();
  t.after(() => other.destroy());
  for (const [name, extras, responses] of [
    ['flush', undefined, 2],
    ['flush', Buffer.alloc(4), 2],
    ['flushq', undefined, 1],
  ] as const) {
    await fill(client, namesOf(300));
    const read = await converseInBinary(other, [packet(name, { opaque: 7, ...(extras && { extras }) })]);
    assert.equal(read.length, responses * 24);
    if (responses === 2) assert.equal(read.toString('hex', 0, 24), '810800000000000000000000000000070000000000000000');
    await isEmptied(name);
  }
  const delayed = await converseInBinary(other, [packet('flush', { extras: Buffer.from([0, 0, 0, 5]) })]);
  assert.equal(delayed.readUInt16BE(6), 4);
  assert.match(String(delayed), /flush_all with a delay is not allowed under a key_prefix/);
});

test('a delay is refused, and what is none in memcached’s words', async t => {
  const { client, backends } = await start(t, 2);
  await fill(client, ['k']);
  const delayed = 'CLIENT_ERROR flush_all with a delay is not allowed under a key_prefix\r\n';
  const invalid = 'CLIENT_ERROR invalid exptime argument\r\n';
  assert.equal(await ask(client, 'flush_all 1'), delayed);
  assert.equal(await ask(client, 'flush_all 1795718486'), delayed);
  assert.equal(await ask(client, 'flush_all x'), invalid);
  assert.equal(await ask(client, 'flush_all 1x'), invalid);
  client.send('flush_all 5 noreply\r\nflush_all x noreply\r\nflush_all noreply noreply\r\nget k\r\n');
  assert.equal(String(await client.readUntil('END\r\n')), 'VALUE k 0 1\r\nx\r\nEND\r\n');
  assert.equal((await Promise.all(backends.map(keysOf))).flat().length, 2 * OTHERS.length + 1);
});

test('in a pipeline, cut at any byte, it is done after what stands before it and before what follows', async t => {
  const { client } = await start(t, 2);
  const script =
    'set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\nflush_all\r\nget a b\r\nset a 0 0 1\r\n3\r\nget a\r\nflush_all noreply\r\nmn\r\n';
  const read = 'STORED\r\nSTORED\r\nOK\r\nEND\r\nSTORED\r\nVALUE a 0 1\r\n3\r\nEND\r\nMN\r\n';
  for (let i = 1; i < script.length; i += 2) {
    client.send(script.slice(0, i));
    await new Promise(resolve => setImmediate(resolve));
    client.send(script.slice(i));
    assert.equal(String(await client.readUntil('MN\r\n')), read, `cut at ${i}`);
  }
});

test('no key outlives it that clients read all the while', async t => {
  const { pool, client, isEmptied } = await start(t, 1);
  const keys = namesOf(3000);
  await fill(client, keys);
  const readers = await Promise.all([1, 2, 3].map(() => pool.client()));
  let isOver = false;
  const reading = readers.map(async reader => {
    while (!isOver) {
      reader.send(`get ${keys.join(' ')}\r\n`);
      await reader.readUntil('END\r\n');
    }
    reader.destroy();
  });
  assert.equal(await ask(client, 'flush_all'), 'OK\r\n');
  isOver = true;
  await Promise.all(reading);
  await isEmptied('read meanwhile');
});

test('a user flushes its own keys, by the prefix of its pool and its own, if its rules let it', async t => {
  const memcached = await startMemcached();
  t.after(() => memcached.kill());
  const user = (name: string, rules = '') =>
    `  ${name}: { pools: [pool], passwords: ['#${createHash('sha256').update('1').digest('hex')}'], key_prefix: '${name}:'${rules} }`;
  const settings = ['users:', user('one'), user('two', ", rules: '+@all -flush_all ~*'")];
  const pool = { protocol: 'memcached', servers: [memcached.port], settings: ["key_prefix: 'shop/'"] } as const;
  const daemon = await startDaemon(t, { pool }, { settings });
  const clients = await Promise.all(['one', 'two'].map(() => daemon.client('pool')));
  const server = await memcached.client();
  t.after(() => [...clients, server].forEach(each => void each.destroy()));
  for (const [i, client] of clients.entries()) {
    client.send(memcachedSignIn(['one', 'two'][i]!, '1'));
    assert.equal(String(await client.readLine()), 'STORED\r\n');
    await fill(client, ['k']);
  }
  assert.equal(await ask(clients[1]!, 'flush_all'), 'CLIENT_ERROR this user has no permissions to run the command\r\n');
  assert.deepEqual(await keysOf(server), ['shop/one:k', 'shop/two:k']);
  assert.equal(await ask(clients[0]!, 'flush_all'), 'OK\r\n');
  assert.deepEqual(await keysOf(server), ['shop/two:k']);
});

for (const [how, args, words] of [
  ['has no crawler', ['-o', 'no_lru_crawler'], 'CLIENT_ERROR lru crawler disabled'],
  ['may not tell its keys', ['-X'], 'ERROR metadump not allowed'],
] as const) {
  test(`a server that ${how} is told of, and nothing is removed there`, async t => {
    const pool = await startMemcachedPool(t, { settings: SETTINGS, memcached: { args } });
    const client = await pool.client();
    t.after(() => client.destroy());
    await fill(client, ['k']);
    const refusal = `${COMMAND}: a server does not list its keys: ${words}${MAY_BE_LEFT}`;
    assert.equal(await ask(client, 'flush_all'), refusal);
    client.send('flush_all noreply\r\nget k\r\n');
    assert.equal(String(await client.readUntil('END\r\n')), 'VALUE k 0 1\r\nx\r\nEND\r\n');
    const refused = await converseInBinary(await pool.client(), [packet('flush', { opaque: 3 })]);
    assert.equal(refused.readUInt16BE(6), 0x86);
    assert.match(String(refused), /a server does not list its keys/);
  });
}

const lineOf = (key: string) => `key=${encodeURIComponent(key)} exp=-1 la=1795718486 cas=1 fetch=no cls=1 size=65\n`;
const dumpOf = (...keys: readonly string[]) => `${keys.map(lineOf).join('')}END\r\n`;

/** Tells this key, and then nothing more. */
const tellsOn = (key: string) => (_nth: number, socket: Socket) => {
  socket.write(lineOf(key));
  return null;
};

interface FakePool {
  readonly client: RawClient;
  readonly fake: FakeBackend;
  /** Keys that were deleted, in order. */
  readonly deleted: string[];
}

/** A pool of a server that has these words, by the first two of a request; else it is a memcached with nothing to say. */
async function startWith(
  t: TestContext,
  words: Readonly<Record<string, (nth: number, socket: Socket) => string | null>>,
  settings: readonly string[] = [],
): Promise<FakePool> {
  const deleted: string[] = [];
  const counts = new Map<string, number>();
  const answer: Answer = (request, _, { socket }) => {
    const line = String(request).trimEnd();
    const name = /^\S+(?: \S+)?/.exec(line)?.[0] ?? '';
    const key = /^md (\S+)/.exec(line)?.[1];
    const word = words[name] ?? words[name.split(' ')[0]!];
    const nth = counts.get(name) ?? 0;
    counts.set(name, nth + 1);
    if (key !== undefined) deleted.push(key);
    if (word !== undefined) return word(nth, socket);
    if (line === 'version') return 'VERSION 1.6.18\r\n';
    if (line === 'stats') return 'STAT pid 1\r\nSTAT lru_crawler_running 0\r\nEND\r\n';
    return key === undefined ? 'END\r\n' : 'HD\r\n';
  };
  const fake = await startFakeBackend(answering(memcachedRequest, answer));
  t.after(() => fake.close());
  const lines = [...SETTINGS, 'auto_eject_hosts: false', ...settings];
  const daemon = await startDaemon(t, { pool: { protocol: 'memcached', servers: [fake.port], settings: lines } });
  const client = await daemon.client('pool');
  t.after(() => client.destroy());
  return { client, fake, deleted };
}

test('a crawler at work is waited for, whether it says so itself or the figures do', async t => {
  const { client, fake, deleted } = await startWith(t, {
    stats: nth => `STAT lru_crawler_running ${nth === 0 ? 1 : 0}\r\nEND\r\n`,
    'lru_crawler metadump': nth => (nth === 0 ? 'BUSY currently processing crawler request\r\n' : dumpOf('app:k', 'k')),
  });
  assert.equal(await ask(client, 'flush_all'), 'OK\r\n');
  assert.deepEqual(deleted, ['app:k']);
  const asked = fake
    .requests()
    .map(String)
    .filter(line => !line.startsWith('version'));
  assert.deepEqual(asked, ['stats\r\n', 'stats\r\n', DUMP, 'stats\r\n', DUMP, 'md app:k\r\n']);
});

test('a dump that breaks a line is begun again, and what it told is deleted', async t => {
  const { client, deleted } = await startWith(t, {
    'lru_crawler metadump': nth =>
      nth === 0 ? `${lineOf('app:1')}key=app%3A2 exp=-1 la=${dumpOf('app:3')}` : dumpOf('app:2'),
  });
  assert.equal(await ask(client, 'flush_all'), 'OK\r\n');
  assert.deepEqual(deleted.sort(), ['app:1', 'app:2']);
});

test('what comes behind the end of a dump makes it one that is not believed', async t => {
  const { client } = await startWith(t, { 'lru_crawler metadump': () => `${dumpOf('app:1')}${lineOf('app:2')}` });
  assert.match(await ask(client, 'flush_all'), /^SERVER_ERROR server answered something that is not its protocol\r\n/);
  assert.equal(await ask(client, 'mn'), 'MN\r\n');
});

test('keys that are more than may wait are deleted before the dump goes on', async t => {
  const keys = namesOf(12_000, `app:${'x'.repeat(200)}`);
  const left = new Set(keys);
  const { client, fake } = await startWith(t, {
    'lru_crawler metadump': (_nth, socket) => {
      // In pieces, so that one that is closed is seen to be.
      for (const key of [...left]) socket.write(lineOf(key));
      return 'END\r\n';
    },
    md: () => 'HD\r\n',
  });
  const { handler } = fake;
  fake.handler = (connection, bytes) => {
    for (const [, key] of String(bytes).matchAll(/^md (\S+)\r$/gm)) left.delete(key!);
    handler(connection, bytes);
  };
  assert.equal(await ask(client, 'flush_all'), 'OK\r\n');
  assert.equal(left.size, 0);
  const dumps = fake.requests().filter(request => String(request) === DUMP).length;
  assert.equal(dumps > 1, true, `${dumps} dumps`);
});

test('a server that dies in the middle of a dump costs the client an error, and not the connection', async t => {
  const { client, deleted } = await startWith(t, {
    'lru_crawler metadump': (_nth, socket) => {
      socket.write(lineOf('app:1'), () => socket.resetAndDestroy());
      return null;
    },
  });
  assert.match(await ask(client, 'flush_all'), /^SERVER_ERROR Connection reset by peer\r\n/);
  assert.equal(await ask(client, 'mn'), 'MN\r\n');
  assert.equal(deleted.includes('app:2'), false);
});

test('a deletion that a server refuses is told', async t => {
  const words = 'SERVER_ERROR out of memory storing object';
  const { client } = await startWith(t, { 'lru_crawler metadump': () => dumpOf('app:1'), md: () => `${words}\r\n` });
  assert.equal(await ask(client, 'flush_all'), `${COMMAND}: a server answered ${words}${MAY_BE_LEFT}`);
});

test('an old server is told of', async t => {
  const { client } = await startWith(t, { 'lru_crawler metadump': () => 'BADCLASS invalid class id\r\n' });
  const words = `${COMMAND}: memcached 1.6.12 or newer is needed to list its keys${MAY_BE_LEFT}`;
  assert.equal(await ask(client, 'flush_all'), words);
});

for (const [how, words] of [
  ['never comes to an end', { 'lru_crawler metadump': tellsOn('k') }],
  ['is always at work', { stats: () => 'STAT lru_crawler_running 1\r\nEND\r\n' }],
] as const) {
  test(`a crawler that ${how} is given sweep_timeout, and then its connection is closed`, async t => {
    const { client, fake } = await startWith(t, words, ['sweep_timeout: 300ms']);
    const late = `${COMMAND}: took longer than the setting sweep_timeout of this pool${MAY_BE_LEFT}`;
    assert.equal(await ask(client, 'flush_all'), late);
    const own = fake.connections.find(({ requests }) => requests.some(request => String(request) === 'stats\r\n'));
    await waitFor(() => own?.socket.destroyed, { what: 'the connection of the listing to be closed' });
    assert.equal(await ask(client, 'mn'), 'MN\r\n');
  });
}

test('a client that leaves ends it', async t => {
  const { client, fake } = await startWith(t, {
    'lru_crawler metadump': tellsOn('app:1'),
  });
  client.send('flush_all\r\n');
  await waitFor(() => fake.requests().some(request => String(request) === DUMP), { what: 'a dump' });
  client.reset();
  const own = fake.connections.find(({ requests }) => requests.some(request => String(request) === DUMP));
  await waitFor(() => own?.socket.destroyed, { what: 'the connection of the listing to be closed' });
});
