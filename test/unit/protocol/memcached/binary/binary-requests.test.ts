import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  REPLY_LINE,
  REPLY_META,
  REPLY_META_STORED,
  REPLY_STATS,
  REPLY_VALUES,
} from '../../../../../src/protocol/memcached/reply-scanner.ts';
import { ROUTE_ALL, ROUTE_ANY, ROUTE_KEY, ROUTE_LOCAL, ROUTE_SPLIT } from '../../../../../src/protocol/routes.ts';
import {
  countExtras,
  describeResponses,
  exptimeExtras,
  packet,
  storeExtras,
} from '../../../../support/binary-packets.ts';
import { atEverySplit, OPTIONS, RequestFeed, readRequests } from '../request-feed.ts';

const BINARY = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
const ODD = 'a b\r\nflush_all\r\n';
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const K186 = `${'k'.repeat(185)} `;

/** A request, and what becomes of it. */
const FORWARDED: readonly (readonly [
  name: string,
  request: Buffer,
  route: number,
  kind: number,
  key: string,
  text: string,
])[] = [
  ['get', packet('get', { key: 'a' }), ROUTE_KEY, REPLY_VALUES, 'a', 'gets a\r\n'],
  [
    'getkq',
    packet('getkq', { key: 'k'.repeat(250) }),
    ROUTE_KEY,
    REPLY_VALUES,
    'k'.repeat(250),
    `gets ${'k'.repeat(250)}\r\n`,
  ],
  [
    'get of bytes above 0x7f',
    packet('get', { key: '\x80\xff' }),
    ROUTE_KEY,
    REPLY_VALUES,
    '\x80\xff',
    'gets \x80\xff\r\n',
  ],
  ['get of an odd key', packet('get', { key: ODD }), ROUTE_KEY, REPLY_META, ODD, `mg ${base64(ODD)} b f c v\r\n`],
  [
    'get of a longest odd key',
    packet('getk', { key: K186 }),
    ROUTE_KEY,
    REPLY_META,
    K186,
    `mg ${base64(K186)} b f c v\r\n`,
  ],
  ['gat', packet('gat', { key: 'a', extras: exptimeExtras(60) }), ROUTE_KEY, REPLY_VALUES, 'a', 'gats 60 a\r\n'],
  [
    'gatkq of an odd key',
    packet('gatkq', { key: ' ', extras: exptimeExtras(0xffffffff) }),
    ROUTE_KEY,
    REPLY_META,
    ' ',
    'mg IA== b f c v T2147483647\r\n',
  ],
  ['touch', packet('touch', { key: 'a', extras: exptimeExtras(0) }), ROUTE_KEY, REPLY_META, 'a', 'mg a f c T0\r\n'],
  [
    'set',
    packet('set', { key: 'a', value: 'v', extras: storeExtras() }),
    ROUTE_KEY,
    REPLY_META_STORED,
    'a',
    'ms a 1 c\r\nv\r\n',
  ],
  [
    'set with all',
    packet('setq', { key: '\n', value: BINARY, extras: storeExtras(0xffffffff, 99), cas: 2n ** 64n - 1n }),
    ROUTE_KEY,
    REPLY_META_STORED,
    '\n',
    `ms Cg== 256 b c F4294967295 T99 C18446744073709551615\r\n${BINARY}\r\n`,
  ],
  [
    'add',
    packet('add', { key: 'a', extras: storeExtras(1) }),
    ROUTE_KEY,
    REPLY_META_STORED,
    'a',
    'ms a 0 c F1 ME\r\n\r\n',
  ],
  [
    'add with cas',
    packet('addq', { key: 'a', extras: storeExtras(1), cas: 7n }),
    ROUTE_KEY,
    REPLY_META_STORED,
    'a',
    'ms a 0 c F1 C7\r\n\r\n',
  ],
  [
    'replace',
    packet('replaceq', { key: 'a', extras: storeExtras() }),
    ROUTE_KEY,
    REPLY_META_STORED,
    'a',
    'ms a 0 c MR\r\n\r\n',
  ],
  [
    'append',
    packet('append', { key: 'a', value: '\r\n', cas: 9_007_199_254_740_993n }),
    ROUTE_KEY,
    REPLY_META_STORED,
    'a',
    'ms a 2 c C9007199254740993 MA\r\n\r\n\r\n',
  ],
  ['prepend', packet('prependq', { key: 'a', value: 'x' }), ROUTE_KEY, REPLY_META_STORED, 'a', 'ms a 1 c MP\r\nx\r\n'],
  ['delete', packet('delete', { key: 'a' }), ROUTE_KEY, REPLY_META, 'a', 'md a\r\n'],
  ['delete with cas', packet('deleteq', { key: '\0', cas: 5n }), ROUTE_KEY, REPLY_META, '\0', 'md AA== b C5\r\n'],
  [
    'increment',
    packet('increment', { key: 'a', extras: countExtras(3n, 10n, 60) }),
    ROUTE_KEY,
    REPLY_META,
    'a',
    'ma a v c D3 J10 N60\r\n',
  ],
  [
    'decrement',
    packet('decrementq', { key: 'a', extras: countExtras(2n ** 64n - 1n, 0n, 0xffffffff), cas: 1n }),
    ROUTE_KEY,
    REPLY_META,
    'a',
    'ma a v c D18446744073709551615 MD C1\r\n',
  ],
  ['flush', packet('flush'), ROUTE_ALL, REPLY_LINE, '', 'flush_all\r\n'],
  ['flush later', packet('flushq', { extras: exptimeExtras(10) }), ROUTE_ALL, REPLY_LINE, '', 'flush_all 10\r\n'],
  ['verbosity', packet('verbosity', { extras: exptimeExtras(1) }), ROUTE_ALL, REPLY_LINE, '', 'verbosity 1\r\n'],
  ['version', packet('version'), ROUTE_ANY, REPLY_LINE, '', 'version\r\n'],
  ['stat', packet('stat'), ROUTE_ALL, REPLY_STATS, '', 'stats\r\n'],
  ['stat items', packet('stat', { key: 'items' }), ROUTE_ALL, REPLY_STATS, '', 'stats items\r\n'],
  ['stat detail on', packet('stat', { key: 'detail on' }), ROUTE_ALL, REPLY_STATS, '', 'stats detail on\r\n'],
];

for (const [name, request, route, replyKind, key, text] of FORWARDED) {
  test(`${name} becomes ${JSON.stringify(text.slice(0, 60))}, split anywhere`, () => {
    atEverySplit(request, (cuts, how) => {
      const [read, ...more] = readRequests(request, cuts);
      assert.equal(more.length, 0, how);
      assert.equal(read!.forwarded, text, how);
      assert.deepEqual([read!.route, read!.replyKind, read!.keys.join()], [route, replyKind, key], how);
      assert.ok(read!.transform !== null && !read!.isNoreply && !read!.closesClient, how);
    });
  });
}

/** A request, what is answered without a server, and whether the connection closes. */
const LOCAL: readonly (readonly [name: string, request: Buffer, response: string, closes: boolean])[] = [
  ['noop', packet('noop'), 'noop status 0 opaque 3735928559 "" "" ""', false],
  ['quit', packet('quit'), 'quit status 0 opaque 3735928559 "" "" ""', true],
  ['quitq', packet('quitq'), '', true],
  [
    'an unknown opcode',
    packet(0x60, { key: 'abc', value: 'x'.repeat(100) }),
    '96 status 129 opaque 3735928559 "" "" "Unknown command"',
    false,
  ],
  [
    'a key that fits no line',
    packet('get', { key: `${'k'.repeat(186)} ` }),
    'get status 4 opaque 3735928559 "" "" "Invalid arguments"',
    false,
  ],
  ['stat of one server', packet('stat', { key: 'conns' }), 'stat status 1 opaque 3735928559 "" "" "Not found"', false],
  [
    'stat with a line in its name',
    packet('stat', { key: 'items\r\nflush_all' }),
    'stat status 1 opaque 3735928559 "" "" "Not found"',
    false,
  ],
  ['stat cachedump', packet('stat', { key: 'cachedump' }), 'stat status 1 opaque 3735928559 "" "" "Not found"', false],
  [
    'sasl without credentials',
    packet('saslList'),
    'saslList status 129 opaque 3735928559 "" "" "Unknown command"',
    false,
  ],
];

for (const [name, request, want, closes] of LOCAL) {
  test(`${name} is answered here, split anywhere`, () => {
    atEverySplit(request, (cuts, how) => {
      const [read, ...more] = readRequests(request, cuts);
      assert.equal(more.length, 0, how);
      assert.equal(read!.route, ROUTE_LOCAL, how);
      assert.equal(describeResponses(Buffer.from(read!.reply, 'latin1'), false).join(), want, how);
      assert.equal(read!.closesClient, closes, how);
    });
  });
}

test('a value over the limit is answered at its header and skipped', () => {
  const tooLarge = packet('setq', { key: 'a', extras: storeExtras(), value: 'x'.repeat(OPTIONS.maxRequestBytes) });
  const feed = new RequestFeed();
  feed.push(tooLarge.subarray(0, 24));
  assert.equal(feed.requests.length, 1);
  assert.deepEqual(describeResponses(Buffer.from(feed.requests[0]!.reply, 'latin1'), false), [
    'setq status 3 opaque 3735928559 "" "" "Too large."',
  ]);
  feed.push(tooLarge.subarray(24));
  feed.push(packet('noop'));
  assert.equal(feed.requests.length, 2);
  assert.equal(feed.requests[1]!.command, 'noop');
});

test('what begins with another byte closes a connection that began in binary', () => {
  const feed = new RequestFeed();
  feed.push(Buffer.concat([packet('noop'), Buffer.from('get a\r\n')]));
  assert.equal(feed.requests.length, 2);
  assert.ok(feed.isClosed && feed.requests[1]!.reply === '');
});

test('gets that come together are one request, as far as they are alike', () => {
  const gets = (...keys: string[]): Buffer => Buffer.concat(keys.map(key => packet('getkq', { key })));
  const read = (bytes: Buffer): string[] => readRequests(bytes).map(({ route, forwarded }) => `${route} ${forwarded}`);
  assert.deepEqual(read(Buffer.concat([gets('a', 'b', 'c'), packet('get', { key: 'd' }), packet('noop')])), [
    `${ROUTE_SPLIT} gets a b c d\r\n`,
    `${ROUTE_LOCAL} `,
  ]);
  assert.deepEqual(read(Buffer.concat([gets('a', 'o d', 'c', 'd'), packet('delete', { key: 'a' }), gets('e')])), [
    `${ROUTE_KEY} gets a\r\n`,
    `${ROUTE_KEY} mg byBk b f c v\r\n`,
    `${ROUTE_SPLIT} gets c d\r\n`,
    `${ROUTE_KEY} md a\r\n`,
    `${ROUTE_KEY} gets e\r\n`,
  ]);
  const gat = (key: string, exptime: number): Buffer => packet('gatkq', { key, extras: exptimeExtras(exptime) });
  assert.deepEqual(read(Buffer.concat([gat('a', 1), gat('b', 1), gat('c', 2), gets('d')])), [
    `${ROUTE_SPLIT} gats 1 a b\r\n`,
    `${ROUTE_KEY} gats 2 c\r\n`,
    `${ROUTE_KEY} gets d\r\n`,
  ]);
  const many = gets(...Array.from({ length: 300 }, (_, i) => `key${i}`));
  assert.deepEqual(
    readRequests(many).map(({ keys }) => keys.length),
    [128, 128, 44],
  );
  const long = Buffer.concat(Array.from({ length: 20 }, (_, i) => gat('k'.repeat(240) + String(i).padStart(2), 1)));
  for (const { forwarded } of readRequests(Buffer.from(long.toString('latin1').replaceAll(' ', '0'), 'latin1'))) {
    assert.ok(forwarded.length <= 2048, 'a line of gats is limited');
  }
});

const WITH_PASSWORD = { ...OPTIONS, password: 'user:pass:word' };

/** The responses to requests on one connection of a pool with a password. */
function withPassword(...requests: Buffer[]): string[] {
  const feed = new RequestFeed(WITH_PASSWORD);
  feed.push(Buffer.concat(requests));
  const replies = feed.requests.map(({ reply, forwarded }) => reply || `-> ${forwarded}`);
  return replies.flatMap(reply =>
    reply.startsWith('->') ? [reply] : describeResponses(Buffer.from(reply, 'latin1'), false),
  );
}
const plain = (value: string): Buffer => packet('saslAuth', { key: 'PLAIN', value, opaque: 1 });

test('with a password nothing is done before PLAIN has given it', () => {
  assert.deepEqual(
    withPassword(packet('saslList', { opaque: 1 }), plain('\0user\0pass:word'), packet('get', { key: 'a' })),
    ['saslList status 0 opaque 1 "" "" "PLAIN"', 'saslAuth status 0 opaque 1 "" "" "Authenticated"', '-> gets a\r\n'],
  );
  const denied = 'saslAuth status 32 opaque 1 "" "" "Auth failure."';
  for (const value of [
    '\0user\0wrong',
    '\0other\0pass:word',
    'user pass:word',
    '',
    '\0',
    '\0\0',
    '\0user pass:word\0',
    'x\0user\0pass:wor',
  ]) {
    assert.deepEqual(withPassword(plain(value), packet('get', { key: 'a', opaque: 2 }), packet('noop')), [
      denied,
      'get status 32 opaque 2 "" "" "Auth failure."',
    ]);
  }
  assert.deepEqual(withPassword(packet('saslAuth', { key: 'CRAM-MD5', value: 'x', opaque: 1 })), [denied]);
  assert.deepEqual(withPassword(packet('saslStep', { key: 'PLAIN', value: '\0user\0pass:word', opaque: 1 })), [
    'saslStep status 32 opaque 1 "" "" "Auth failure."',
  ]);
  // Who fails to authenticate anew is nobody.
  assert.deepEqual(withPassword(plain('\0user\0pass:word'), plain('\0user\0no'), packet('noop', { opaque: 3 })), [
    'saslAuth status 0 opaque 1 "" "" "Authenticated"',
    denied,
    'noop status 32 opaque 3 "" "" "Auth failure."',
  ]);
});
