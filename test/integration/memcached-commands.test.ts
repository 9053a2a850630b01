// Every memcached command through the daemon, against the same bytes sent to a memcached directly. What each word and
// each odd line is answered with, byte for byte, is in memcached-words.test.ts; here is the way through everything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS } from '../../src/protocol/memcached/command-table.ts';
import type { MemcachedServer } from '../support/memcached-server.ts';
import { startMemcachedPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';
import { type MemcachedPair, memcachedBesidePool } from '../support/server-beside-pool.ts';
import { waitFor } from '../support/wait-for.ts';

const SERVERS = 3;
const RANDOM_REQUESTS = 6000;
const RANDOM_BATCH = 300;
const RANDOM_GETS = 150;

const EJECTING = ['auto_eject_hosts: true', 'server_failure_limit: 1'];

/** Ends every conversation: nothing else answers so. */
const MARK = 'set mark 0 0 4\r\nmark\r\nget mark\r\n';
const MARK_REPLY = 'STORED\r\nVALUE mark 0 4\r\nmark\r\nEND\r\n';

/** By command; one connection each, data carries over. `quit` has a test of its own. */
const CONVERSATIONS: Readonly<Record<string, string>> = {
  set: 'set k 7 0 5\r\nhello\r\nset k 0 0 0\r\n\r\nset k 1 0 2 noreply\r\nab\r\nget k\r\nset k 0 -1 1\r\nx\r\nget k\r\n',
  add: 'add a 0 0 1\r\n1\r\nadd a 0 0 1\r\n2\r\nadd a2 0 0 1 noreply\r\n3\r\nget a a2\r\n',
  replace:
    'replace r 0 0 1\r\n1\r\nset r 0 0 1\r\n2\r\nreplace r 5 0 1\r\n3\r\nreplace r 6 0 1 noreply\r\n4\r\nget r\r\n',
  append: 'append n 0 0 1\r\n1\r\nset p 0 0 1\r\n2\r\nappend p 9 9 2\r\n34\r\nappend p 0 0 1 noreply\r\n5\r\nget p\r\n',
  prepend: 'prepend n 0 0 1\r\n1\r\nprepend p 0 0 2\r\n00\r\nprepend p 0 0 1 noreply\r\n9\r\nget p\r\n',
  cas: 'cas none 0 0 1 1\r\nx\r\nset c 0 0 1\r\n1\r\ncas c 0 0 1 1\r\n2\r\ncas c 0 0 1 1 noreply\r\n3\r\nget c\r\n',
  get: 'set g 0 0 1\r\n1\r\nget g\r\nget none\r\nget g none g g\r\nget\r\nget none none2\r\n',
  gets: 'set g 3 0 1\r\n1\r\ngets g\r\ngets g none g\r\ngets none\r\n',
  gat: 'set t 0 0 1\r\n1\r\ngat 100 t\r\ngat 100 t none t\r\ngat x t\r\ngat 100\r\n',
  gats: 'gats 100 t\r\ngats 0 none t\r\n',
  touch: 'touch t 100\r\ntouch none 100\r\ntouch t x\r\ntouch t 0 noreply\r\ntouch t -1\r\nget t\r\n',
  incr: 'set i 0 0 2\r\n10\r\nincr i 5\r\nincr none 1\r\nincr i x\r\nincr i 1 noreply\r\nget i\r\nset x 0 0 1\r\nx\r\nincr x 1\r\n',
  decr: 'decr i 3\r\ndecr i 99\r\ndecr none 1\r\ndecr i 1 noreply\r\ndecr i -1\r\n',
  delete: 'delete i\r\ndelete i\r\nset d 0 0 1\r\n1\r\ndelete d noreply\r\nget d\r\ndelete d 0\r\ndelete d 5\r\n',
  verbosity: 'verbosity 1\r\nverbosity 0 noreply\r\nverbosity\r\nverbosity x\r\n',
  flush_all:
    'set f 0 0 1\r\n1\r\nflush_all\r\nget f\r\nflush_all 0\r\nflush_all noreply\r\nflush_all x\r\nflush_all 1000\r\n',
  stats: 'stats reset\r\nstats detail off\r\nstats nosuch\r\nstats cachedump 99 1\r\n',
  shutdown: 'shutdown\r\nshutdown now\r\n',
  ms: 'ms k 5 F7\r\nhello\r\nms k 2 q\r\nab\r\nms k 1 C1 q k\r\nx\r\nms YSBiDQo= 3 b q\r\nb64\r\nms n 1 MR q O1\r\nx\r\nget k\r\n',
  mg: 'mg k s v f k O1\r\nmg k v q\r\nmg none v q\r\nmg none k v\r\nmg YSBiDQo= b v k\r\nmg viv N30 v q\r\nmg k z\r\nmn\r\n',
  md: 'md none q\r\nmd none\r\nmd k C1 q\r\nmd k q\r\nmd YSBiDQo= b k\r\nget k\r\nmn\r\n',
  ma: 'ma none q\r\nma num N0 J5 v\r\nma num q\r\nma num D10 v k O1\r\nma num MD D99 v\r\nget num\r\nmn\r\n',
  me: 'me none\r\nme\r\nme bm9uZQ== b\r\n',
  mn: 'mn\r\nmn x\r\n',
  version: 'version\r\nversion now\r\n  version noreply\nversions\r\n',
};
const TESTED_APART = ['quit'];

/** All that a new connection reads after `sent`, written in pieces of these sizes. */
async function converse(
  connect: () => Promise<RawClient>,
  sent: string,
  pieces: readonly number[] = [],
): Promise<string> {
  const client = await connect();
  const bytes = Buffer.from(sent + MARK, 'latin1');
  let from = 0;
  for (const size of pieces) {
    client.send(bytes.subarray(from, from + size));
    from += size;
    await new Promise(setImmediate);
  }
  client.send(bytes.subarray(from));
  const reply = await client.readUntil(MARK_REPLY);
  client.destroy();
  return reply.toString('latin1');
}

const connectTo = (pair: MemcachedPair) => [() => pair.pool.client(), () => pair.direct.client()] as const;

async function assertAlike(
  pair: MemcachedPair,
  sent: string,
  what: string,
  pieces: readonly number[] = [],
): Promise<void> {
  const [proxy, direct] = connectTo(pair);
  const theirs = await converse(direct, sent);
  assertSameLines(await converse(proxy, sent, pieces), theirs, what);
}

/** Says only where the first difference is: replies are long. */
function assertSameLines(ours: string, theirs: string, what: string): void {
  if (ours === theirs) return;
  const [a, b] = [ours.split('\r\n'), theirs.split('\r\n')];
  const at = a.findIndex((line, i) => line !== b[i]);
  assert.deepEqual(a.slice(Math.max(0, at - 3), at + 3), b.slice(Math.max(0, at - 3), at + 3), `line ${at}: ${what}`);
}

/** Uniques number the stores of one server, so they differ when the keys are spread. */
const withoutUniques = (reply: string) => reply.replace(/^(VALUE \S+ \d+ \d+) \d+\r$/gm, '$1 #\r');

test('the command table and the conversations know the same commands', () => {
  assert.deepEqual([...Object.keys(CONVERSATIONS), ...TESTED_APART].sort(), COMMANDS.map(each => each.name).sort());
});

test('each command is answered as memcached answers it', async t => {
  const pair = await memcachedBesidePool(t);
  for (const [name, conversation] of Object.entries(CONVERSATIONS)) {
    await t.test(name, () => assertAlike(pair, conversation, name));
  }
});

test('each command is answered alike when its bytes arrive one by one', async t => {
  const pair = await memcachedBesidePool(t);
  for (const [name, conversation] of Object.entries(CONVERSATIONS)) {
    await assertAlike(pair, conversation, name, Array<number>(conversation.length).fill(1));
  }
});

test('several servers answer each command with one key as one does', async t => {
  const pair = await memcachedBesidePool(t, SERVERS);
  const [proxy, direct] = connectTo(pair);
  for (const [name, conversation] of Object.entries(CONVERSATIONS)) {
    const theirs = withoutUniques(await converse(direct, conversation));
    assertSameLines(withoutUniques(await converse(proxy, conversation)), theirs, name);
  }
});

test('version is that of a server that lives, and an error when none does', async t => {
  const pool = await startMemcachedPool(t, { servers: 2, settings: EJECTING });
  const client = await pool.client();
  const want = String(await pool.servers[0]!.ask('version\r\n', '\r\n'));
  assert.match(want, /^VERSION \d/);
  const ask = async (): Promise<string> => {
    client.send('version\r\n');
    return String(await client.readLine());
  };
  for (let i = 0; i < 4; i++) assert.equal(await ask(), want);
  await pool.servers[0]!.kill();
  // Until it is ejected, its turn comes.
  await waitFor(async () => (await ask()) === want && (await ask()) === want, { what: 'its ejection' });
  for (let i = 0; i < 4; i++) assert.equal(await ask(), want);
  await pool.servers[1]!.kill();
  await waitFor(async () => (await ask()) !== want, { what: 'the end of the other' });
  for (let i = 0; i < 4; i++) assert.match(await ask(), /^SERVER_ERROR Connection (?:refused|reset by peer)\r\n$/);
  client.destroy();
});

test('quit ends the connection after what came before it is answered', async t => {
  const pool = await startMemcachedPool(t, { servers: SERVERS });
  const client = await pool.client();
  client.send('set a 0 0 1\r\n1\r\nget a b c d\r\nquit\r\nget a\r\n');
  assert.equal(String(await client.readToEnd()), 'STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n');
  await client.closed;
});

test('random requests are answered as memcached answers them', { timeout: 120_000 }, async t => {
  const seed = seedFrom('MEMCACHED_SEED');
  t.diagnostic(`MEMCACHED_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const pair = await memcachedBesidePool(t);
  // No key over 250 bytes: a get with one makes memcached 1.6.18 forget replies it owes to the requests before it.
  const keys = ['a', 'b', 'c', 'd', 'n', 'noreply', '0', 'k'.repeat(250)];
  const words = [...keys.slice(0, -1), '1', '2', '5', 'x', '-1', '99999999999999999999', '100', ''];
  const maybeNoreply = () => (random.chance(0.2) ? ' noreply' : '');
  // Numbers keep their digits: whether memcached pads one that lost a digit depends on who still reads the old one.
  const value = () =>
    random.chance(0.3) ? String(random.between(200_000, 900_000)) : 'v'.repeat(random.pick([0, 1, 9, 300]));
  const someKeys = () => Array.from({ length: random.between(1, 5) }, () => random.pick(keys)).join(' ');
  const make: readonly (() => string)[] = [
    () => {
      const name = random.pick(['set', 'set', 'add', 'replace', 'append', 'prepend', 'cas']);
      const data = value();
      const unique = name === 'cas' ? ` ${random.between(1, 50)}` : '';
      // A block that is longer or shorter than it says is left to memcached-words.test.ts: it eats the next lines.
      return `${name} ${random.pick(keys)} ${random.between(0, 9)} 0 ${data.length}${unique}${maybeNoreply()}\r\n${data}\r\n`;
    },
    () => `${random.pick(['get', 'gets', 'gat 0', 'gats 0', 'gat 100'])} ${someKeys()}\r\n`,
    () => `${random.pick(['incr', 'decr'])} ${random.pick(keys)} ${random.pick(words)}${maybeNoreply()}\r\n`,
    () => `incr ${random.pick(keys)} 18446744073709551615\r\n`,
    () => `touch ${random.pick(keys)} ${random.pick(['0', '100', 'x'])}${maybeNoreply()}\r\n`,
    () => `delete ${random.pick(keys)}${random.pick(['', ' 0', ' 1', ''])}${maybeNoreply()}\r\n`,
    () => `${random.pick(['get', 'delete', 'incr', 'touch', 'verbosity', 'nosuch', 'gat'])} ${random.pick(words)}\r\n`,
    () => random.pick(['\r\n', 'get\r\n', 'bogus a b\r\n', ' get a\r\n', 'get a\n', 'GET a\r\n']),
  ];
  await assertAlike(pair, 'set counter 0 0 7\r\n1000000\r\n', 'counter');
  for (let done = 0; done < RANDOM_REQUESTS; done += RANDOM_BATCH) {
    // The counter after each request tells which of them a difference belongs to.
    const requests = Array.from({ length: RANDOM_BATCH }, () => random.pick(make)());
    const sent = requests.map(request => `${request}incr counter 1\r\n`).join('');
    const pieces = Array.from({ length: 20 }, () => random.between(1, Math.floor(sent.length / 25)));
    await assertAlike(pair, sent, `${requests.join('')}MEMCACHED_SEED=${seed}`, pieces);
  }
});

test('one to a thousand keys are fetched from several servers in key order', { timeout: 120_000 }, async t => {
  const seed = seedFrom('MEMCACHED_SEED');
  t.diagnostic(`MEMCACHED_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const pair = await memcachedBesidePool(t, SERVERS);
  const [proxy, direct] = connectTo(pair);
  const keys = Array.from({ length: 1500 }, (_, i) => `key:${i}${'.'.repeat(i % 200)}`);
  const sizes = [0, 1, 30, 4095, 4097, 20_000];
  const stores = random.sample(keys, 1000).map((key, i) => {
    const data = `\r\nEND\r\nVALUE ${key} 0 1\r\n${'x'.repeat(sizes[i % sizes.length]!)}`;
    return `set ${key} ${i} 0 ${data.length}\r\n${data}\r\n`;
  });
  for (const connect of [proxy, direct]) await converse(connect, stores.join(''));
  for (let i = 0; i < RANDOM_GETS; i++) {
    const count = random.between(1, random.pick([2, 10, 50, i < 10 ? 1000 : 100]));
    const asked = Array.from({ length: count }, () => random.pick(keys));
    // memcached takes no line over 2,048 bytes of gat.
    const name = random.pick(count > 5 ? ['get', 'gets'] : ['get', 'gets', 'gat 100', 'gats 100']);
    const sent = `${name} ${asked.join(' ')}\r\n`;
    const theirs = withoutUniques(await converse(direct, sent));
    const ours = withoutUniques(await converse(proxy, sent));
    assertSameLines(ours, theirs, `${sent.slice(0, 200)}, MEMCACHED_SEED=${seed}`);
  }
});

test('a unique of gets is good for a cas, whichever server has the key', async t => {
  const pool = await startMemcachedPool(t, { servers: SERVERS });
  const client = await pool.client();
  const keys = Array.from({ length: 30 }, (_, i) => `c${i}`);
  client.send(keys.map(key => `set ${key} 0 0 1 noreply\r\n1\r\n`).join(''));
  client.send(`gets ${keys.join(' ')}\r\n`);
  const values = String(await client.readUntil('END\r\n'));
  const uniques = [...values.matchAll(/^VALUE (\S+) 0 1 (\d+)\r$/gm)].map(match => [match[1]!, match[2]!] as const);
  assert.deepEqual(
    uniques.map(([key]) => key),
    keys,
  );
  for (const [key, unique] of uniques) {
    client.send(`cas ${key} 0 0 1 ${unique}\r\n2\r\ncas ${key} 0 0 1 ${unique}\r\n3\r\n`);
    assert.equal(String(await client.readUntil('EXISTS\r\n')), 'STORED\r\nEXISTS\r\n', key);
  }
  client.destroy();
});

test('flush_all, verbosity and stats reach all servers, noreply or not', async t => {
  const pool = await startMemcachedPool(t, { servers: SERVERS });
  const client = await pool.client();
  const fill = Array.from({ length: 60 }, (_, i) => `set k${i} 0 0 1 noreply\r\n1\r\n`).join('');
  const itemsOf = async () => Promise.all(pool.servers.map(async server => statOf(await statsOf(server), 'cmd_flush')));
  for (const [i, line] of ['flush_all\r\n', 'flush_all noreply\r\n', 'verbosity 1\r\nflush_all 0\r\n'].entries()) {
    client.send(`${fill}${line}get ${Array.from({ length: 60 }, (_, n) => `k${n}`).join(' ')}\r\n`);
    assert.equal(
      String(await client.readUntil('END\r\n')),
      ['OK\r\nEND\r\n', 'END\r\n', 'OK\r\nOK\r\nEND\r\n'][i],
      line,
    );
    assert.deepEqual(await itemsOf(), Array<string>(SERVERS).fill(String(i + 1)), line);
  }
  client.destroy();
});

test('stats adds up the counts of all servers and keeps their names', async t => {
  const pool = await startMemcachedPool(t, { servers: SERVERS });
  const client = await pool.client();
  client.send(`${Array.from({ length: 90 }, (_, i) => `set k${i} 0 0 1 noreply\r\n1\r\n`).join('')}stats\r\n`);
  const merged = String(await client.readUntil('END\r\n'));
  const each = await Promise.all(pool.servers.map(statsOf));
  const sum = (name: string) => each.reduce((total, stats) => total + Number(statOf(stats, name)), 0);
  assert.equal(statOf(merged, 'curr_items'), '90');
  for (const name of ['curr_items', 'total_items', 'bytes', 'cmd_set', 'limit_maxbytes']) {
    assert.equal(Number(statOf(merged, name)), sum(name), name);
  }
  assert.equal(statOf(merged, 'version'), statOf(each[0]!, 'version'));
  const names = (stats: string) => [...stats.matchAll(/^STAT (\S+)/gm)].map(match => match[1]!);
  assert.deepEqual(names(merged), names(each[0]!));
  for (const line of ['stats settings', 'stats items', 'stats slabs', 'stats sizes']) {
    client.send(`${line}\r\n`);
    assert.match(String(await client.readUntil('END\r\n')), /^(?:STAT \S+ .*\r\n)+END\r\n$/, line);
  }
  client.destroy();
});

test('one server out of three that fails makes a get an error, and the next is answered', async t => {
  const pool = await startMemcachedPool(t, { servers: SERVERS });
  const client = await pool.client();
  const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
  client.send(keys.map(key => `set ${key} 0 0 1\r\n1\r\n`).join(''));
  await client.readUntil('STORED\r\n'.repeat(keys.length));
  await pool.servers[1]!.kill();
  client.send(`get ${keys.join(' ')}\r\n`);
  assert.match(String(await client.readLine()), /^SERVER_ERROR Connection (?:refused|reset by peer)\r\n$/);
  let served = 0;
  for (const key of keys) {
    client.send(`get ${key}\r\n`);
    if ((await client.readLine()).includes('VALUE')) {
      await client.readUntil('END\r\n');
      served++;
    }
  }
  assert.ok(served > 0 && served < keys.length, `${served} of ${keys.length} keys are on the servers that live`);
  client.destroy();
});

async function statsOf(server: MemcachedServer): Promise<string> {
  return String(await server.ask('stats\r\n', 'END\r\n'));
}

function statOf(stats: string, name: string): string {
  return new RegExp(`^STAT ${name} (.*)\r$`, 'm').exec(stats)?.[1] ?? '';
}
