import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memcachedProtocol } from '../../../../src/protocol/memcached/memcached.ts';
import { ROUTE_ALL, ROUTE_SPLIT } from '../../../../src/protocol/routes.ts';
import { ReplyCollector } from '../../../support/reply-collector.ts';
import { OPTIONS } from './request-feed.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What a reply to `request` becomes when the servers answer `parts`; the request's bytes are gone by then. */
function merge(request: string, parts: string[], owners: number[] = []): string {
  const parser = memcachedProtocol.createParser(OPTIONS);
  const buf = bytes(request);
  parser.parse(memcachedProtocol.createSession(1), buf, 0, buf.length);
  assert.ok(parser.route === ROUTE_SPLIT || parser.route === ROUTE_ALL);
  const { coalescer } = parser;
  buf.fill(0x21);
  const out = new ReplyCollector();
  coalescer.merge(parts.map(bytes), Int32Array.from(owners), out);
  return out.text();
}

const value = (key: string, data = `value of ${key}`, cas = ''): string =>
  `VALUE ${key} 7 ${data.length}${cas}\r\n${data}\r\n`;
const END = 'END\r\n';

test('values come in the order of the keys, with one END', () => {
  assert.equal(
    merge('get a b c d\r\n', [value('a') + value('d') + END, value('b') + value('c') + END], [0, 1, 1, 0]),
    value('a') + value('b') + value('c') + value('d') + END,
  );
});

test('keys that no server has are left out', () => {
  assert.equal(merge('get a b c\r\n', [END, END], [0, 1, 0]), END);
  assert.equal(merge('get a b c\r\n', [value('c') + END, END], [0, 1, 0]), value('c') + END);
  assert.equal(
    merge('get a b c d e\r\n', [value('c') + END, value('b') + value('e') + END], [0, 1, 0, 0, 1]),
    value('b') + value('c') + value('e') + END,
  );
});

test('a key asked for twice is answered twice', () => {
  assert.equal(
    merge('get a b a\r\n', [value('a') + value('a') + END, value('b') + END], [0, 1, 0]),
    value('a') + value('b') + value('a') + END,
  );
  assert.equal(merge('get a b a\r\n', [END, value('b') + END], [0, 1, 0]), value('b') + END);
});

test('keys that begin like others, or are part of them, are told apart', () => {
  assert.equal(
    merge('get ab a abc  b\r\n', [value('a') + END, value('abc') + value('b') + END], [0, 0, 1, 1]),
    value('a') + value('abc') + value('b') + END,
  );
});

test('cas values and data that looks like protocol pass through', () => {
  const a = value('a', `\r\n${END}${value('b')}`, ' 18446744073709551615');
  const b = value('b', '', ' 2');
  assert.equal(merge('gets b a\r\n', [a + END, b + END], [1, 0]), b + a + END);
});

test('gat matches keys, not its expiry time', () => {
  assert.equal(merge('gat 60 60 a\r\n', [value('a') + END, value('60') + END], [1, 0]), value('60') + value('a') + END);
});

test('10,000 keys over 7 servers, a fifth of them not there', () => {
  const keys = Array.from({ length: 10_000 }, (_, i) => `key:${i}`);
  const owners = keys.map((_, i) => (i * i) % 7);
  const values = keys.map((key, i) => (i % 5 === 0 ? '' : value(key)));
  const parts = Array.from({ length: 7 }, (_, p) => values.filter((_value, i) => owners[i] === p).join('') + END);
  assert.equal(merge(`get ${keys.join(' ')}\r\n`, parts, owners), values.join('') + END);
});

test('a key that is the beginning or the end of the one in the reply is another', () => {
  const asked = 'SERVER_ERROR a server answered with a key that it was not asked for\r\n';
  assert.equal(merge('get a b\r\n', [value('aa') + END, END], [0, 1]), asked);
  assert.equal(merge('get aa b\r\n', [value('a') + END, END], [0, 1]), asked);
  assert.equal(merge('get b a\r\n', [END, value('a\x01') + END], [0, 1]), asked);
});

test('large values are handed on without a copy', () => {
  const parser = memcachedProtocol.createParser(OPTIONS);
  const request = bytes('get a b\r\n');
  parser.parse(memcachedProtocol.createSession(1), request, 0, request.length);
  const part = bytes(value('a', 'x'.repeat(20_000)) + END);
  const out = new ReplyCollector();
  parser.coalescer.merge([part, bytes(END)], Int32Array.of(0, 1), out);
  assert.equal(out.owned[0]!.buffer, part.buffer);
  assert.deepEqual(Buffer.concat(out.owned), part);
});

test('an error of one server is the whole reply', () => {
  const error = 'SERVER_ERROR Connection timed out\r\n';
  assert.equal(merge('get a b\r\n', [value('a') + END, error], [0, 1]), error);
  assert.equal(merge('get a b\r\n', [error, 'SERVER_ERROR other\r\n'], [0, 1]), error);
  assert.equal(merge('get a b\r\n', [value('a') + error, END], [0, 1]), error);
  assert.equal(merge('get a b\r\n', ['SERVER_ERROR BACKEND\r\n', END], [0, 1]), 'SERVER_ERROR BACKEND\r\n');
});

test('a thousand keys over ten servers, random hits, come out as one server would answer', () => {
  let seed = 42;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  for (let round = 0; round < 20; round++) {
    const keys = Array.from({ length: 1000 }, () => `k${Math.floor(random() * 800)}`);
    const ownerOf = new Map(keys.map(key => [key, Math.floor(random() * 10)]));
    const hits = new Set(keys.filter(() => random() < 0.3));
    const parts = Array.from({ length: 10 }, (_, p) => {
      const blocks = keys.filter(key => ownerOf.get(key) === p && hits.has(key)).map(key => value(key));
      return blocks.join('') + END;
    });
    const want = keys.filter(key => hits.has(key)).map(key => value(key));
    assert.equal(
      merge(
        `get ${keys.join(' ')}\r\n`,
        parts,
        keys.map(key => ownerOf.get(key)!),
      ),
      want.join('') + END,
    );
  }
});

test('flush_all and verbosity answer once, or with the first error', () => {
  assert.equal(merge('flush_all\r\n', ['OK\r\n', 'OK\r\n']), 'OK\r\n');
  const error = 'CLIENT_ERROR flush_all not allowed\r\n';
  assert.equal(merge('flush_all\r\n', ['OK\r\n', error, 'SERVER_ERROR x\r\n']), error);
  assert.equal(merge('stats reset\r\n', ['RESET\r\n', 'RESET\r\n']), 'RESET\r\n');
});

test('stats adds up counts and takes one of what is none', () => {
  const part = (pid: number, uptime: number, time: number, version: string, user: string, items: string): string =>
    `STAT pid ${pid}\r\nSTAT uptime ${uptime}\r\nSTAT time ${time}\r\nSTAT version ${version}\r\n` +
    `STAT pointer_size 64\r\nSTAT rusage_user ${user}\r\nSTAT accepting_conns ${pid - 10}\r\n` +
    `STAT curr_items ${items}\r\n`;
  assert.equal(
    merge('stats\r\n', [
      `${part(11, 500, 1000, '1.6.18', '1.500000', '9007199254740993')}${END}`,
      `${part(10, 30, 1001, '1.6.20', '0.250001', '2')}STAT new_in_1_6_20 5\r\n${END}`,
    ]),
    'STAT pid 11\r\nSTAT uptime 30\r\nSTAT time 1001\r\nSTAT version 1.6.18\r\nSTAT pointer_size 64\r\n' +
      'STAT rusage_user 1.750001\r\nSTAT accepting_conns 0\r\nSTAT curr_items 9007199254740995\r\n' +
      'STAT new_in_1_6_20 5\r\nEND\r\n',
  );
});

test('stats items and slabs are merged by slab class', () => {
  assert.equal(
    merge('stats items\r\n', [
      `STAT items:1:number 3\r\nSTAT items:1:age 50\r\n${END}`,
      `STAT items:1:number 4\r\nSTAT items:1:age 60\r\nSTAT items:2:number 1\r\n${END}`,
    ]),
    'STAT items:1:number 7\r\nSTAT items:1:age 60\r\nSTAT items:2:number 1\r\nEND\r\n',
  );
  assert.equal(
    merge('stats slabs\r\n', [
      `STAT 1:chunk_size 96\r\nSTAT 1:total_pages 1\r\nSTAT active_slabs 1\r\nSTAT total_malloced 10\r\n${END}`,
      `STAT 1:chunk_size 96\r\nSTAT 1:total_pages 2\r\nSTAT active_slabs 2\r\nSTAT total_malloced 20\r\n${END}`,
    ]),
    'STAT 1:chunk_size 96\r\nSTAT 1:total_pages 3\r\nSTAT active_slabs 2\r\nSTAT total_malloced 30\r\nEND\r\n',
  );
});

test('stats settings are those of the first server', () => {
  assert.equal(
    merge('stats settings\r\n', [`STAT maxbytes 64\r\nSTAT evictions on\r\n${END}`, `STAT maxbytes 128\r\n${END}`]),
    'STAT maxbytes 64\r\nSTAT evictions on\r\nEND\r\n',
  );
});

test('stats cachedump and detail list what each server lists', () => {
  assert.equal(
    merge('stats cachedump 1 10\r\n', [`ITEM a [1 b; 0 s]\r\n${END}`, END, `ITEM b [2 b; 0 s]\r\n${END}`]),
    'ITEM a [1 b; 0 s]\r\nITEM b [2 b; 0 s]\r\nEND\r\n',
  );
  assert.equal(merge('stats detail on\r\n', ['OK\r\n', 'OK\r\n']), 'OK\r\n');
});

test('stats of a server that fails are an error', () => {
  const error = 'SERVER_ERROR Connection refused\r\n';
  for (const command of ['stats', 'stats settings', 'stats cachedump 1 1', 'stats reset']) {
    assert.equal(merge(`${command}\r\n`, [`STAT pid 1\r\n${END}`, error]), error);
  }
});

test('a value that was not asked for is an error, and not a miss of what follows it', () => {
  const error = /^SERVER_ERROR a server answered with a key that it was not asked for\r\n$/;
  assert.match(merge('get a b c\r\n', [value('x') + value('a') + END, value('b') + END], [0, 1, 0]), error);
  assert.match(merge('get a b c\r\n', [value('a') + END, value('b') + value('b') + END], [0, 1, 0]), error);
  // Not in the order of the keys.
  assert.match(merge('get a b c\r\n', [value('c') + value('a') + END, END], [0, 1, 0]), error);
});

test('statistics that end in an error are an error', () => {
  assert.equal(
    merge('stats\r\n', ['STAT pid 1\r\nEND\r\n', 'STAT pid 2\r\nSERVER_ERROR busy\r\n']),
    'SERVER_ERROR busy\r\n',
  );
  assert.equal(
    merge('stats detail dump\r\n', ['PREFIX a b\r\nEND\r\n', 'PREFIX b c\r\nSERVER_ERROR busy\r\n']),
    'SERVER_ERROR busy\r\n',
  );
});

test('statistics without end, or of too many names, are not merged', () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `STAT name${i} 1\r\n`).join('') + END;
  const large = `${`STAT a ${'1'.repeat(4000)}\r\n`.repeat(1000)}${END}`;
  for (const command of ['stats\r\n', 'stats settings\r\n']) {
    assert.match(merge(command, [names, END]), /^SERVER_ERROR [^\r]*\r\n$/);
    assert.match(merge(command, new Array<string>(5).fill(large)), /^SERVER_ERROR [^\r]*\r\n$/);
    assert.doesNotMatch(merge(command, [large, END]), /SERVER_ERROR/);
  }
});
