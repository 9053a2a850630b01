import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memcachedProtocol } from '../../../../src/protocol/memcached/memcached.ts';
import {
  REPLY_LINE,
  REPLY_STATS,
  REPLY_STORED,
  REPLY_VALUES,
} from '../../../../src/protocol/memcached/reply-scanner.ts';
import { INCOMPLETE } from '../../../../src/protocol/protocol.ts';
import { ROUTE_ALL, ROUTE_ANY, ROUTE_KEY, ROUTE_LOCAL, ROUTE_SPLIT } from '../../../../src/protocol/routes.ts';
import { fragmentOf } from '../../../support/fragments.ts';
import { atEverySplit, OPTIONS, type ReadRequest, RequestFeed, readRequests } from './request-feed.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

function forwarded(route: number, command: string, replyKind: number, keys: string[], text: string): ReadRequest {
  return {
    route,
    command,
    replyKind,
    keys,
    forwarded: text,
    isNoreply: false,
    transform: null,
    reply: '',
    closesClient: false,
  };
}
const one = (command: string, replyKind: number, key: string, text: string): ReadRequest =>
  forwarded(ROUTE_KEY, command, replyKind, [key], text);
const silent = (request: ReadRequest): ReadRequest => ({ ...request, isNoreply: true });

const K250 = 'k'.repeat(250);
const K251 = 'k'.repeat(251);
const BINARY = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
const manyKeys = Array.from({ length: 700 }, (_, i) => `key:${i}`);

/** Bytes of one request and what is forwarded of it. */
const FORWARDED: readonly (readonly [string, ReadRequest])[] = [
  ['get a\r\n', one('get', REPLY_VALUES, 'a', 'get a\r\n')],
  ['get a\n', one('get', REPLY_VALUES, 'a', 'get a\n')],
  ['get a\r\r\n', one('get', REPLY_VALUES, 'a\r', 'get a\r\r\n')],
  ['  gets   a  \r\n', one('gets', REPLY_VALUES, 'a', '  gets   a  \r\n')],
  [`get ${K250}\r\n`, one('get', REPLY_VALUES, K250, `get ${K250}\r\n`)],
  ['get a\tb\x01\xff\r\n', one('get', REPLY_VALUES, 'a\tb\x01\xff', 'get a\tb\x01\xff\r\n')],
  ['get noreply\r\n', one('get', REPLY_VALUES, 'noreply', 'get noreply\r\n')],
  ['get a b\r\n', forwarded(ROUTE_SPLIT, 'get', REPLY_VALUES, ['a', 'b'], 'get a b\r\n')],
  ['gets  a  b  a\r\n', forwarded(ROUTE_SPLIT, 'gets', REPLY_VALUES, ['a', 'b', 'a'], 'gets  a  b  a\r\n')],
  [
    `get ${manyKeys.join(' ')}\r\n`,
    forwarded(ROUTE_SPLIT, 'get', REPLY_VALUES, manyKeys, `get ${manyKeys.join(' ')}\r\n`),
  ],
  ['gat 60 a\r\n', one('gat', REPLY_VALUES, 'a', 'gat 60 a\r\n')],
  ['gats 0 a b\r\n', forwarded(ROUTE_SPLIT, 'gats', REPLY_VALUES, ['a', 'b'], 'gats 0 a b\r\n')],
  ['gat x a\r\n', one('gat', REPLY_VALUES, 'a', 'gat x a\r\n')],
  ['gat 60\r\n', forwarded(ROUTE_ANY, 'gat', REPLY_VALUES, [], 'gat 60\r\n')],

  ['set k 0 0 1\r\na\r\n', one('set', REPLY_STORED, 'k', 'set k 0 0 1\r\na\r\n')],
  ['set k 0 0 1\na\r\n', one('set', REPLY_STORED, 'k', 'set k 0 0 1\na\r\n')],
  ['set k 0 0 0\r\n\r\n', one('set', REPLY_STORED, 'k', 'set k 0 0 0\r\n\r\n')],
  ['add k 4294967295 -1 3\r\n\r\n\n\r\n', one('add', REPLY_STORED, 'k', 'add k 4294967295 -1 3\r\n\r\n\n\r\n')],
  ['replace k 1 99999999999 1\r\na\r\n', one('replace', REPLY_STORED, 'k', 'replace k 1 99999999999 1\r\na\r\n')],
  [`append k 0 0 256\r\n${BINARY}\r\n`, one('append', REPLY_STORED, 'k', `append k 0 0 256\r\n${BINARY}\r\n`)],
  ['prepend  k 0 0 01 \r\na\r\n', one('prepend', REPLY_STORED, 'k', 'prepend  k 0 0 01 \r\na\r\n')],
  [`set ${K250} 0 0 1\r\na\r\n`, one('set', REPLY_STORED, K250, `set ${K250} 0 0 1\r\na\r\n`)],
  [
    'cas k 0 0 1 18446744073709551615\r\na\r\n',
    one('cas', REPLY_STORED, 'k', 'cas k 0 0 1 18446744073709551615\r\na\r\n'),
  ],
  ['set k 0 0 1 noreply\r\na\r\n', silent(one('set', REPLY_STORED, 'k', 'set k 0 0 1\r\na\r\n'))],
  ['set k 0 0 1   noreply  \r\na\r\n', silent(one('set', REPLY_STORED, 'k', 'set k 0 0 1  \r\na\r\n'))],
  ['set k 0 0 1 noreply\na\r\n', silent(one('set', REPLY_STORED, 'k', 'set k 0 0 1\na\r\n'))],
  ['set k 0 0 1 NOREPLY\r\na\r\n', one('set', REPLY_STORED, 'k', 'set k 0 0 1\r\na\r\n')],
  ['set k 0 0 1 noreply\r\r\na\r\n', one('set', REPLY_STORED, 'k', 'set k 0 0 1\r\na\r\n')],
  ['set noreply 0 0 1\r\na\r\n', one('set', REPLY_STORED, 'noreply', 'set noreply 0 0 1\r\na\r\n')],
  ['cas k 0 0 1 99 noreply\r\na\r\n', silent(one('cas', REPLY_STORED, 'k', 'cas k 0 0 1 99\r\na\r\n'))],
  ['set k 0 0 7 noreply\r\nnoreply\r\n', silent(one('set', REPLY_STORED, 'k', 'set k 0 0 7\r\nnoreply\r\n'))],

  ['incr k 1\r\n', one('incr', REPLY_LINE, 'k', 'incr k 1\r\n')],
  ['decr k -1\r\n', one('decr', REPLY_LINE, 'k', 'decr k -1\r\n')],
  ['incr k 1 noreply\r\n', silent(one('incr', REPLY_LINE, 'k', 'incr k 1\r\n'))],
  ['incr k 1 x\r\n', one('incr', REPLY_LINE, 'k', 'incr k 1\r\n')],
  ['incr noreply 1\r\n', one('incr', REPLY_LINE, 'noreply', 'incr noreply 1\r\n')],
  ['touch k 0\r\n', one('touch', REPLY_LINE, 'k', 'touch k 0\r\n')],
  ['touch k 0 noreply\r\n', silent(one('touch', REPLY_LINE, 'k', 'touch k 0\r\n'))],
  ['touch k x noreply\r\n', silent(one('touch', REPLY_LINE, 'k', 'touch k x\r\n'))],
  ['delete k\r\n', one('delete', REPLY_LINE, 'k', 'delete k\r\n')],
  ['delete k 0\r\n', one('delete', REPLY_LINE, 'k', 'delete k 0\r\n')],
  ['delete k noreply\r\n', silent(one('delete', REPLY_LINE, 'k', 'delete k\r\n'))],
  // A bare newline must not take the CR off the key once the word is gone.
  ['delete k\r noreply\n', silent(one('delete', REPLY_LINE, 'k\r', 'delete k\r \n'))],
  ['delete k 0 noreply\r\n', silent(one('delete', REPLY_LINE, 'k', 'delete k 0\r\n'))],
  ['delete noreply\r\n', one('delete', REPLY_LINE, 'noreply', 'delete noreply\r\n')],
  ['delete noreply noreply\r\n', silent(one('delete', REPLY_LINE, 'noreply', 'delete noreply\r\n'))],

  ['flush_all\r\n', forwarded(ROUTE_ALL, 'flush_all', REPLY_LINE, [], 'flush_all\r\n')],
  ['flush_all 10\r\n', forwarded(ROUTE_ALL, 'flush_all', REPLY_LINE, [], 'flush_all 10\r\n')],
  ['flush_all noreply\r\n', silent(forwarded(ROUTE_ALL, 'flush_all', REPLY_LINE, [], 'flush_all\r\n'))],
  ['flush_all 0 noreply\r\n', silent(forwarded(ROUTE_ALL, 'flush_all', REPLY_LINE, [], 'flush_all 0\r\n'))],
  ['verbosity 1\r\n', forwarded(ROUTE_ALL, 'verbosity', REPLY_LINE, [], 'verbosity 1\r\n')],
  ['verbosity x\r\n', forwarded(ROUTE_ALL, 'verbosity', REPLY_LINE, [], 'verbosity x\r\n')],
  ['verbosity 1 noreply\r\n', silent(forwarded(ROUTE_ALL, 'verbosity', REPLY_LINE, [], 'verbosity 1\r\n'))],
  ['stats\r\n', forwarded(ROUTE_ALL, 'stats', REPLY_STATS, [], 'stats\r\n')],
  ['stats reset x\r\n', forwarded(ROUTE_ALL, 'stats', REPLY_STATS, [], 'stats reset x\r\n')],
  ['stats items\r\n', forwarded(ROUTE_ALL, 'stats', REPLY_STATS, [], 'stats items\r\n')],
  ['version\r\n', forwarded(ROUTE_ANY, 'version', REPLY_LINE, [], 'version\r\n')],
  ['  version  1 2 noreply\n', forwarded(ROUTE_ANY, 'version', REPLY_LINE, [], '  version  1 2 noreply\n')],
];

for (const [text, want] of FORWARDED) {
  test(`forwards ${JSON.stringify(shorten(text))}, split anywhere`, () => {
    atEverySplit(bytes(text), (cuts, how) => assert.deepEqual(readRequests(bytes(text), cuts), [want], how));
  });
}

const BAD_FORMAT = 'CLIENT_ERROR bad command line format\r\n';
const BAD_CHUNK = 'CLIENT_ERROR bad data chunk\r\n';
/** What `shutdown` is answered with here, and nothing else is: it shows where the next request began. */
const SENTINEL = 'ERROR: shutdown not enabled\r\n';
const USAGE = 'CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n';

/** Bytes of one request that is answered by the proxy, the answer, and the command. */
const LOCAL: readonly (readonly [string, string, string, noreply?: boolean])[] = [
  ['\r\n', 'ERROR\r\n', 'unknown'],
  ['\n', 'ERROR\r\n', 'unknown'],
  ['   \r\n', 'ERROR\r\n', 'unknown'],
  ['\r\r\n', 'ERROR\r\n', 'unknown'],
  ['bogus a b\r\n', 'ERROR\r\n', 'unknown'],
  ['GET a\r\n', 'ERROR\r\n', 'unknown'],
  ['mx a v\r\n', 'ERROR\r\n', 'unknown'],
  ['mn\r\n', 'MN\r\n', 'mn'],
  ['GET / http/1.1\r\n', 'ERROR\r\n', 'unknown'],
  ['GET / HTTP\r\n', 'ERROR\r\n', 'unknown'],
  ['GET HTTP/1.1 /\r\n', 'ERROR\r\n', 'unknown'],
  ['get\r\n', 'ERROR\r\n', 'get'],
  ['get \r\n', 'ERROR\r\n', 'get'],
  ['gat\r\n', 'ERROR\r\n', 'gat'],
  [`get ${K251}\r\n`, BAD_FORMAT, 'get'],
  [`get a ${K251} b\r\n`, BAD_FORMAT, 'get'],
  [`gat 0 ${K251}\r\n`, BAD_FORMAT, 'gat'],
  [`gat x ${K251}\r\n`, 'CLIENT_ERROR invalid exptime argument\r\n', 'gat'],
  ['get a\0b\r\n', BAD_FORMAT, 'get'],
  ['version\0\r\n', 'ERROR\r\n', 'unknown'],
  ['version \0\r\n', BAD_FORMAT, 'version'],
  ['shutdown now\r\n', 'ERROR: shutdown not enabled\r\n', 'shutdown'],
  ['shutdown\r\n', 'ERROR: shutdown not enabled\r\n', 'shutdown'],
  ['stats bogus\r\n', 'ERROR\r\n', 'stats'],
  ['stats conns\r\n', 'ERROR\r\n', 'stats'],
  ['stats sizes_enable\r\n', 'ERROR\r\n', 'stats'],

  // The data of a bad header is read as commands, so the request is its line.
  ['set k 0 0\r\n', 'ERROR\r\n', 'set'],
  ['set k 0 noreply\r\n', 'ERROR\r\n', 'set'],
  ['set k 0 0 noreply\r\n', '', 'set', true],
  ['set k 0 0 1 x noreply\r\n', 'ERROR\r\n', 'set'],
  ['cas k 0 0 1\r\n', 'ERROR\r\n', 'cas'],
  ['set k x 0 1\r\n', BAD_FORMAT, 'set'],
  ['set k -1 0 1\r\n', BAD_FORMAT, 'set'],
  ['set k 4294967296 0 1\r\n', BAD_FORMAT, 'set'],
  ['set k 0 x 1\r\n', BAD_FORMAT, 'set'],
  ['set k 0 - 1\r\n', BAD_FORMAT, 'set'],
  ['set k 0 0 x\r\n', BAD_FORMAT, 'set'],
  ['set k 0 0 -1\r\n', BAD_FORMAT, 'set'],
  ['set k 0 0 +1\r\n', BAD_FORMAT, 'set'],
  ['set k 0 0 1\t\r\n', BAD_FORMAT, 'set'],
  ['set k 0 0 2147483646\r\n', BAD_FORMAT, 'set'],
  ['set k 0 0 4294967297\r\n', BAD_FORMAT, 'set'],
  ['set k 0 0 1\0\r\n', BAD_FORMAT, 'set'],
  ['set a\0b 0 0 1\r\n', BAD_FORMAT, 'set'],
  [`set ${K251} 0 0 1\r\n`, BAD_FORMAT, 'set'],
  ['cas k 0 0 1 18446744073709551616\r\n', BAD_FORMAT, 'cas'],
  ['cas k 0 0 1 -1\r\n', BAD_FORMAT, 'cas'],
  ['set k x 0 1 noreply\r\n', '', 'set', true],
  ['cas k 0 0 1 noreply\r\n', '', 'cas', true],
  [`set ${K251} 0 0 1 noreply\r\n`, '', 'set', true],
  // Bad data is swallowed as far as the header says, and no further.
  ['set k 0 0 1\r\nabc', BAD_CHUNK, 'set'],
  ['set k 0 0 1\r\na\n\n', BAD_CHUNK, 'set'],
  ['set k 0 0 1\r\na\r\r', BAD_CHUNK, 'set'],
  ['set k 0 0 1 noreply\r\nabc', '', 'set', true],

  ['incr k\r\n', 'ERROR\r\n', 'incr'],
  ['incr k 1 2 3\r\n', 'ERROR\r\n', 'incr'],
  ['incr k noreply\r\n', '', 'incr', true],
  ['incr k noreply noreply\r\n', '', 'incr', true],
  ['decr k noreply 1\r\n', 'CLIENT_ERROR invalid numeric delta argument\r\n', 'decr'],
  ['touch k noreply\r\n', '', 'touch', true],
  ['touch k noreply 1\r\n', 'CLIENT_ERROR invalid exptime argument\r\n', 'touch'],
  [`incr ${K251} 1\r\n`, BAD_FORMAT, 'incr'],
  [`touch ${K251} 0 noreply\r\n`, '', 'touch', true],
  ['delete\r\n', 'ERROR\r\n', 'delete'],
  ['delete k 0 0 noreply\r\n', 'ERROR\r\n', 'delete'],
  ['delete k 1\r\n', USAGE, 'delete'],
  ['delete k 0 0\r\n', USAGE, 'delete'],
  ['delete k noreply 0\r\n', USAGE, 'delete'],
  ['delete k noreply noreply\r\n', '', 'delete', true],
  [`delete ${K251}\r\n`, BAD_FORMAT, 'delete'],
  ['flush_all 0 1 noreply\r\n', 'ERROR\r\n', 'flush_all'],
  ['flush_all noreply 0\r\n', 'CLIENT_ERROR invalid exptime argument\r\n', 'flush_all'],
  ['flush_all noreply noreply\r\n', '', 'flush_all', true],
  ['verbosity\r\n', 'ERROR\r\n', 'verbosity'],
  ['verbosity noreply\r\n', '', 'verbosity', true],
  ['verbosity noreply 1\r\n', BAD_FORMAT, 'verbosity'],
];

for (const [text, reply, command, isNoreply = false] of LOCAL) {
  test(`answers ${JSON.stringify(shorten(text))} itself, split anywhere`, () => {
    atEverySplit(bytes(text), (cuts, how) => {
      const requests = readRequests(bytes(text), cuts);
      assert.equal(requests.length, 1, how);
      assert.deepEqual(
        { route: requests[0]!.route, command: requests[0]!.command, reply: requests[0]!.reply },
        { route: ROUTE_LOCAL, command, reply },
        how,
      );
      assert.equal(requests[0]!.isNoreply, isNoreply, how);
      assert.equal(requests[0]!.closesClient, false, how);
    });
  });
}

const CLOSING: readonly (readonly [string, string])[] = [
  ['quit\r\n', ''],
  ['quit now\r\n', ''],
  ['x'.repeat(2049), 'CLIENT_ERROR line too long\r\n'],
  [' '.repeat(2049), 'CLIENT_ERROR line too long\r\n'],
  [`set ${'k'.repeat(2045)}`, 'CLIENT_ERROR line too long\r\n'],
  [`gat 0 ${'k '.repeat(1100)}`, 'CLIENT_ERROR line too long\r\n'],
  [`${' '.repeat(101)}get ${'k '.repeat(1100)}`, 'CLIENT_ERROR line too long\r\n'],
];

for (const [text, reply] of CLOSING) {
  test(`answers ${JSON.stringify(shorten(text))} and closes, split anywhere`, () => {
    atEverySplit(bytes(text), (cuts, how) => {
      const requests = readRequests(bytes(text), cuts);
      assert.equal(requests.length, 1, how);
      assert.equal(requests[0]!.reply, reply, how);
      assert.equal(requests[0]!.closesClient, true, how);
    });
  });
}

/** A request of the binary protocol, latin1. */
function binary(opcode: number, opaque: string, body = '', announced = body.length): string {
  const header = Buffer.alloc(24);
  header[0] = 0x80;
  header[1] = opcode;
  header.writeUInt32BE(announced, 8);
  header.write(opaque, 12, 'latin1');
  header.fill(0xcc, 16);
  return header.toString('latin1') + body;
}

test('a line of text may begin with the byte that begins a binary request', () => {
  const text = `\r\n\x80abc\r\nset k x 0 4\r\n${binary(0, 'abcd')}\r\nshutdown\r\n`;
  atEverySplit(bytes(text), (cuts, how) => {
    const replies = readRequests(bytes(text), cuts).map(request => request.reply);
    assert.deepEqual(replies, ['ERROR\r\n', 'ERROR\r\n', BAD_FORMAT, 'ERROR\r\n', SENTINEL], how);
  });
});

test('takes a line of exactly the longest length', () => {
  const text = `version ${'x'.repeat(2049 - 'version '.length - 1)}\n`;
  assert.equal(text.length, 2049);
  atEverySplit(bytes(text), (cuts, how) => {
    assert.deepEqual(readRequests(bytes(text), cuts), [forwarded(ROUTE_ANY, 'version', REPLY_LINE, [], text)], how);
  });
});

test('lets a get with up to 100 leading spaces grow to the request limit and refuses it beyond', () => {
  const options = { ...OPTIONS, maxRequestBytes: 6000 };
  const head = `${' '.repeat(100)}get `;
  const fits = `${head}${'k '.repeat(Math.floor((6000 - head.length - 1) / 2))}`.padEnd(5999, 'k');
  atEverySplit(bytes(`${fits}\n`), (cuts, how) => {
    const requests = readRequests(bytes(`${fits}\n`), cuts, options);
    assert.equal(requests[0]!.route, ROUTE_SPLIT, how);
    assert.equal(requests[0]!.forwarded, `${fits}\n`, how);
  });
  atEverySplit(bytes(`${fits}k\n`), (cuts, how) => {
    const requests = readRequests(bytes(`${fits}k\n`), cuts, options);
    assert.equal(requests.length, 1, how);
    assert.equal(requests[0]!.reply, 'CLIENT_ERROR request too large\r\n', how);
    assert.equal(requests[0]!.closesClient, true, how);
  });
});

test('answers for a value over the limit at its header and skips the value', () => {
  const options = { ...OPTIONS, maxRequestBytes: 300 };
  const header = 'set k 0 0 300\r\n';
  const parser = memcachedProtocol.createParser(options);
  const session = memcachedProtocol.createSession(1);
  const end = parser.parse(session, bytes(header), 0, header.length);
  assert.equal(parser.route, ROUTE_LOCAL);
  assert.equal(end, header.length + 302);
  const value = `get a\r\n${'v'.repeat(293)}\r\n`;
  for (const [suffix, reply] of [
    ['', 'SERVER_ERROR object too large for cache\r\n'],
    [' noreply', ''],
  ] as const) {
    const text = `set k 0 0 300${suffix}\r\n${value}shutdown\r\n`;
    atEverySplit(bytes(text), (cuts, how) => {
      const replies = readRequests(bytes(text), cuts, options).map(request => request.reply);
      assert.deepEqual(replies, [reply, SENTINEL], how);
    });
  }
});

test('forwards a request of exactly the limit', () => {
  const text = `set k 0 0 100\r\n${'v'.repeat(100)}\r\n`;
  const at = (maxRequestBytes: number): number =>
    readRequests(bytes(text), [], { ...OPTIONS, maxRequestBytes })[0]!.route;
  assert.equal(at(text.length), ROUTE_KEY);
  assert.equal(at(text.length - 1), ROUTE_LOCAL);
});

test('a frame ends at the header of a request one byte over the limit, and at the data of one that fits', () => {
  const session = memcachedProtocol.createSession(1);
  const header = 'set k 0 0 100\r\n';
  for (const [over, want] of [
    [0, INCOMPLETE],
    [1, header.length],
  ] as const) {
    const framer = memcachedProtocol.createFramer({ ...OPTIONS, maxRequestBytes: header.length + 102 - over }, session);
    framer.reset();
    assert.equal(framer.scan(bytes(header), 0, header.length), want);
  }
});

test('reads what follows a refused line as the next request', () => {
  const text = 'set k x 0 1\r\nshutdown\r\nset k 0 0 1\r\nabcshutdown\r\nset k 0 0 9\r\nget\r\nget\r\nshutdown\r\n';
  const want = [BAD_FORMAT, SENTINEL, BAD_CHUNK, SENTINEL, BAD_CHUNK];
  atEverySplit(bytes(text), (cuts, how) => {
    const feed = readRequests(bytes(text), cuts).map(request => request.reply);
    assert.deepEqual(feed.slice(0, 5), want, how);
  });
});

test('reads a pipeline of all requests the same way wherever it is cut', () => {
  const all = [...FORWARDED.map(([text]) => text), ...LOCAL.map(([text]) => text)].join('');
  const want = readRequests(bytes(all));
  assert.equal(want.length, FORWARDED.length + LOCAL.length);
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let round = 0; round < 200; round++) {
    const cuts = Array.from({ length: 1 + random(30) }, () => 1 + random(all.length - 1)).sort((a, b) => a - b);
    assert.deepEqual(readRequests(bytes(all), cuts), want, `cuts ${cuts}`);
  }
});

test('a fragment asks for its members with the name and expiry time of the request', () => {
  const parser = memcachedProtocol.createParser(OPTIONS);
  const session = memcachedProtocol.createSession(1);
  const askFor = (text: string, ...members: number[]): string => {
    const buf = bytes(`xx${text}yy`);
    const end = parser.parse(session, buf, 2, buf.length - 2);
    assert.equal(end, buf.length - 2);
    return fragmentOf(parser, buf, 2, end, members).toString('latin1');
  };
  assert.equal(askFor('get a bb  ccc \r\n', 0, 2), 'get a ccc\r\n');
  assert.equal(askFor('gets a bb  ccc\n', 1), 'gets bb\r\n');
  assert.equal(askFor('gat  60 a bb\r\n', 1), 'gat 60 bb\r\n');
  assert.equal(askFor('gat 60 a bb c  dd e\r\n', 0, 1, 3, 4), 'gat 60 a bb dd e\r\n');
  assert.equal(askFor('get a bb c  dd\te\rf g\r\n', 1, 2, 3, 4), 'get bb c dd\te\rf g\r\n');
  assert.equal(askFor(`gats 0 ${manyKeys.join(' ')}`.slice(0, 2000).concat('\r\n'), 0, 1), 'gats 0 key:0 key:1\r\n');
});

test('says incomplete until the last byte is there', () => {
  const parser = memcachedProtocol.createParser(OPTIONS);
  const session = memcachedProtocol.createSession(1);
  for (const text of ['get a\r\n', 'set k 0 0 3 noreply\r\nabc\r\n']) {
    for (let end = 0; end < text.length; end++) {
      assert.equal(parser.parse(session, bytes(text), 0, end), INCOMPLETE, `${end} bytes of ${text}`);
    }
  }
});

function shorten(text: string): string {
  return text.length > 70 ? `${text.slice(0, 40)}… (${text.length} bytes)` : text;
}

test('a line over the limit for requests is refused', () => {
  const options = { ...OPTIONS, maxRequestBytes: 1024 };
  for (const line of ['bogus', 'get', 'gat 0', 'set k 0 0 1']) {
    const sent = bytes(`${line} ${'k '.repeat(600)}\r\n`);
    const read = readRequests(sent, [], options).map(({ reply, closesClient }) => [reply, closesClient]);
    assert.deepEqual(read, [['CLIENT_ERROR request too large\r\n', true]], line);
  }
  const longest = bytes(`get ${'k '.repeat(509)}\r\n`);
  assert.equal(longest.length, 1024);
  assert.equal(readRequests(longest, [], options)[0]?.keys.length, 509);
});

for (const line of [
  'GET / HTTP/1.1\r\n',
  'POST /a?b=c HTTP/1.0\n',
  'PUT / HTTP/2 \r\n',
  'DELETE / HTTP/1.1\r\n',
  'HEAD / HTTP/1.1\r\n',
  'OPTIONS * HTTP/1.1\r\n',
  ' gett  HTTP/\r\n',
  'HTTP/1.1\r\n',
  `GET ${'/a '.repeat(60)}HTTP/1.1\r\n`,
]) {
  test(`nothing in an HTTP request is a command: ${JSON.stringify(line.slice(0, 30))}, at any split`, () => {
    const sent = Buffer.from(`${line}Host: a\r\n\r\nset k 0 0 1\r\nx\r\nget k\r\n`, 'latin1');
    for (let cut = 1; cut < sent.length; cut++) {
      const feed = new RequestFeed();
      feed.push(sent.subarray(0, cut));
      feed.push(sent.subarray(cut));
      assert.equal(feed.requests.length, 1);
      assert.ok(feed.isClosed);
      assert.equal(feed.requests[0]?.reply, '');
    }
  });
}
