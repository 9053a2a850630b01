// A memcached pool with a key prefix: each request is answered as by a memcached of its client's own, and nothing of others is seen
// or changed.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { converseInBinary, type OpcodeName, packet, storeExtras } from '../support/binary-packets.ts';
import { META_CONVERSATIONS } from '../support/memcached-meta-conversations.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { startMemcachedPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';

const PREFIX = 'app:';
const SETTINGS = [`key_prefix: '${PREFIX}'`];
const MARK = 'set mark 0 0 4\r\nmark\r\nget mark\r\n';
const MARK_REPLY = 'STORED\r\nVALUE mark 0 4\r\nmark\r\nEND\r\n';

const TEXT_CONVERSATIONS: readonly string[] = [
  'set k 7 0 5\r\nhello\r\nget k\r\ngets k\r\nget k none k\r\nget none\r\n',
  'set a 0 0 0\r\n\r\nset b 0 0 3 noreply\r\na\r\n\r\nget a b c a\r\ngets b a\r\ngat 100 a b\r\ngats 0 b\r\ngat x a\r\ngat 100\r\n',
  'add n 0 0 1\r\n1\r\nadd n 0 0 1\r\n2\r\nreplace n 1 0 1\r\n3\r\nappend n 0 0 1\r\n4\r\nprepend n 0 0 1\r\n5\r\nget n\r\n',
  '  set   s   0   0   1   noreply\r\nx\r\n get   s   s  \r\nget  s\n',
  'incr n 5\r\ndecr n 1 noreply\r\nget n\r\nincr none 1\r\nincr n x\r\ntouch n 100\r\ntouch n 0 noreply\r\ntouch none 1\r\n',
  'delete n\r\ndelete n\r\ndelete n 0\r\ndelete a noreply\r\nget a n\r\ndelete x 5\r\n',
  'cas none 0 0 1 1\r\nx\r\nset c 0 0 1\r\n1\r\ncas c 0 0 1 1\r\n2\r\n',
  'get\r\nset\r\nset k 0 0 x\r\nset k 0 0 2\r\nabc\r\n\r\nverb\r\nnosuch\r\nget a\tb\r\n',
  `get ${'k'.repeat(251)}\r\nset ${'k'.repeat(251)} 0 0 1\r\ndelete ${'k'.repeat(251)}\r\n`,
  'shutdown\r\nversion\r\n',
  'get app:k\r\nset app:k 0 0 1\r\nx\r\nget app:k k\r\nmg app:k k v\r\n',
];

const K_CONVERSATIONS: readonly string[] = [
  'ms foo 3 k O4\r\nbar\r\nmg foo k v\r\nmg foo v k t f c O9 s\r\nmg none k v\r\nmd none k\r\nme foo\r\nme none\r\n',
  'ma num N0 J5 k v\r\nma num k\r\nmd num k O1\r\nmg num k\r\nmn\r\n',
  'ms YSBi 2 b k\r\nxx\r\nmg YSBi b k v\r\nmg YSBi k b v q\r\nmg none k q\r\nme YSBi b\r\nmd YSBi b k\r\nmn\r\n',
  'ms Zm9v 3 b k\r\nbar\r\nms foo 3\r\nbaz\r\nmg Zm9v b k v\r\nmg foo k v\r\nmn\r\n',
  'mg abc b k v\r\nmd abc b\r\nma abc b\r\nme abc b\r\nms abc 2 b\r\nxx\r\nmg ==== b\r\nmn\r\n',
  'mg foo k k v\r\nms foo 3 k q\r\nbar\r\nmg foo q k v\r\nmn\r\n',
];

interface Both {
  readonly ours: () => Promise<RawClient>;
  readonly theirs: () => Promise<RawClient>;
  /** Of the server behind the pool. */
  readonly backend: () => Promise<RawClient>;
}

async function startBoth(t: TestContext, servers = 1): Promise<Both> {
  const [pool, direct] = await Promise.all([startMemcachedPool(t, { servers, settings: SETTINGS }), startMemcached()]);
  t.after(() => direct.kill());
  return { ours: () => pool.client(), theirs: () => direct.client(), backend: () => pool.servers[0]!.client() };
}

/** All that a new connection reads; the times of `me` left out. */
async function converse(connect: () => Promise<RawClient>, sent: string, cut = 0): Promise<string> {
  const client = await connect();
  const bytes = Buffer.from(sent + MARK, 'latin1');
  if (cut > 0) {
    client.send(bytes.subarray(0, cut));
    await new Promise(setImmediate);
  }
  client.send(bytes.subarray(cut));
  const read = (await client.readUntil(MARK_REPLY)).toString('latin1');
  client.destroy();
  return read
    .replace(/ (?:exp|la|cas|size|cls)=\S+/g, '')
    .replace(/ [ct]-?\d+/g, '')
    .replace(/^(VALUE \S+ \d+ \d+) \d+/gm, '$1');
}

/** With the prefix a key may be that much shorter. */
const isShort = (text: string): boolean => text.split(/[ \r\n]/).every(word => word.length < 240 || word.length > 250);
/** They concern what all share. */
const isOfAll = (text: string): boolean => /flush_all|verbosity|stats/.test(text);

test('text and meta commands are answered under a prefix as memcached answers them', async t => {
  const { ours, theirs, backend } = await startBoth(t);
  const other = await backend();
  for (const key of ['k', 'a', 'b', 'n', 'c', 'foo', 'none', 'num', 'm1', 'm2']) {
    other.send(`set ${key} 0 0 8\r\nwithheld\r\n`);
    assert.equal(String(await other.readLine()), 'STORED\r\n');
  }
  for (const conversation of [...TEXT_CONVERSATIONS, ...K_CONVERSATIONS, ...META_CONVERSATIONS]) {
    if (!isShort(conversation) || isOfAll(conversation)) continue;
    const read = await converse(ours, conversation);
    assert.equal(read, await converse(theirs, conversation), JSON.stringify(conversation.slice(0, 200)));
    assert.doesNotMatch(read, /withheld/);
  }
  for (const key of ['k', 'a', 'b', 'n', 'c', 'foo', 'none', 'num', 'm1', 'm2']) {
    other.send(`get ${key}\r\n`);
    assert.equal(String(await other.readUntil('END\r\n')), `VALUE ${key} 0 8\r\nwithheld\r\nEND\r\n`);
  }
});

test('over several servers, and cut at any byte', async t => {
  const { ours, theirs } = await startBoth(t, 3);
  for (const conversation of [TEXT_CONVERSATIONS[1]!, K_CONVERSATIONS[0]!, K_CONVERSATIONS[2]!]) {
    // The cas of items depends on the server they are on.
    const sent = conversation.replace(/gets? /g, 'get ').replace(/gats /g, 'gat ');
    const wanted = await converse(theirs, sent);
    for (let cut = 1; cut < sent.length; cut++) {
      const read = await converse(ours, sent, cut);
      // What was stored is there from the round before.
      if (cut === 1) assert.equal(read, wanted);
      assert.equal(read.length > 0, true);
    }
  }
});

test('a key that is too long with the prefix is refused in memcached’s words, and its data with it', async t => {
  const { ours } = await startBoth(t, 3);
  const [longest, tooLong] = ['k'.repeat(246), 'k'.repeat(247)];
  const bad = 'CLIENT_ERROR bad command line format\r\n';
  const said: readonly (readonly [string, string])[] = [
    [`set ${longest} 0 0 1\r\nx\r\nget ${longest}\r\n`, `STORED\r\nVALUE ${longest} 0 1\r\nx\r\nEND\r\n`],
    [`set ${tooLong} 0 0 3\r\nmn \r\n`, bad],
    [`set ${tooLong} 0 0 3 noreply\r\nmn \r\n`, ''],
    [`get k ${tooLong}\r\n`, bad],
    [`delete ${tooLong}\r\n`, bad],
    [`mg ${tooLong} v\r\n`, bad],
    [`ms ${tooLong} 3\r\nmn \r\n`, bad],
    [`mg ${Buffer.alloc(186, 'k').toString('base64')} b v\r\n`, bad],
    [`mg ${Buffer.alloc(182, 'k').toString('base64')} b v\r\n`, 'EN\r\n'],
    [`gat 0 ${Array(400).fill('kkkk').join(' ')}\r\n`, 'CLIENT_ERROR request too large\r\n'],
  ];
  for (const [sent, read] of said) assert.equal(await converse(ours, sent), read + MARK_REPLY, sent.slice(0, 60));
});

test('what concerns all who share the servers is refused', async t => {
  const { ours, backend } = await startBoth(t, 3);
  const other = await backend();
  other.send('set other 0 0 1\r\nx\r\n');
  await other.readLine();
  const said: readonly (readonly [string, RegExp])[] = [
    ['verbosity 1\r\n', /^CLIENT_ERROR verbosity not allowed\r\n/],
    ['stats items\r\n', /^CLIENT_ERROR stats of keys and items not allowed\r\n/],
    ['stats cachedump 1 100\r\n', /^CLIENT_ERROR stats /],
    ['stats detail dump\r\n', /^CLIENT_ERROR stats /],
    ['stats reset\r\n', /^CLIENT_ERROR stats /],
    ['lru_crawler metadump all\r\n', /^ERROR\r\n/],
    ['stats\r\n', /^STAT pid \d+\r\n/],
    ['stats settings\r\n', /^STAT maxbytes \d+\r\n/],
  ];
  for (const [sent, read] of said) assert.match(await converse(ours, sent), read, sent);
  other.send('get other\r\n');
  assert.match(String(await other.readUntil('END\r\n')), /^VALUE other/);
});

test('binary requests are answered under a prefix as memcached answers them', async t => {
  const { ours, theirs } = await startBoth(t);
  const [one, other] = await Promise.all([ours(), theirs()]);
  const keys = ['a', 'b', 'odd key\r\n', 'none', 'k'.repeat(180)];
  const get = (opcode: OpcodeName) => keys.map((key, opaque) => packet(opcode, { key, opaque }));
  const rounds: readonly (readonly Buffer[])[] = [
    keys
      .filter(key => key !== 'none')
      .map(key => packet('set', { key, value: `of ${key}`, extras: storeExtras(5, 0) })),
    get('get'),
    get('getk'),
    get('getq'),
    get('getkq'),
    [packet('delete', { key: 'a' }), packet('delete', { key: 'none' }), packet('append', { key: 'b', value: '+' })],
    get('getk'),
  ];
  for (const requests of rounds) {
    // Opaque and cas included.
    assert.deepEqual(await converseInBinary(one, requests), await converseInBinary(other, requests));
  }
  const long = await converseInBinary(one, [packet('getk', { key: 'k'.repeat(247) })]);
  assert.equal(long.readUInt16BE(6), 0x04);
});
