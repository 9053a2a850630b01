import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memcachedProtocol } from '../../../../src/protocol/memcached/memcached.ts';
import {
  MAX_STATS_REPLY_BYTES,
  REPLY_KEYS,
  REPLY_LINE,
  REPLY_META,
  REPLY_META_STORED,
  REPLY_STATS,
  REPLY_STORED,
  REPLY_VALUES,
  REPLY_VERSION,
} from '../../../../src/protocol/memcached/reply-scanner.ts';
import { INCOMPLETE, MALFORMED } from '../../../../src/protocol/protocol.ts';
import { atEverySplit } from './request-feed.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const BINARY = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
const K250 = 'k'.repeat(250);

const GOOD: readonly (readonly [kind: number, reply: string, isError?: boolean])[] = [
  [REPLY_LINE, 'DELETED\r\n'],
  [REPLY_LINE, 'NOT_FOUND\r\n'],
  [REPLY_LINE, 'TOUCHED\r\n'],
  [REPLY_LINE, 'OK\r\n'],
  [REPLY_LINE, 'RESET\r\n'],
  [REPLY_LINE, 'VERSION 1.6.18\r\n'],
  [REPLY_LINE, '0\r\n'],
  [REPLY_LINE, '18446744073709551615\r\n'],
  [REPLY_LINE, '9 \r\n'],
  [REPLY_LINE, 'ERROR\r\n', true],
  [REPLY_LINE, 'CLIENT_ERROR bad command line format\r\n', true],
  [REPLY_LINE, 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n', true],
  [REPLY_LINE, 'SERVER_ERROR out of memory\r\n', true],
  [REPLY_STORED, 'STORED\r\n'],
  [REPLY_STORED, 'NOT_STORED\r\n'],
  [REPLY_STORED, 'EXISTS\r\n'],
  [REPLY_STORED, 'NOT_FOUND\r\n'],
  [REPLY_STORED, 'SERVER_ERROR object too large for cache\r\n', true],
  [REPLY_STORED, 'CLIENT_ERROR bad data chunk\r\n', true],
  [REPLY_VALUES, 'END\r\n'],
  [REPLY_VALUES, 'VALUE a 0 0\r\n\r\nEND\r\n'],
  [REPLY_VALUES, 'VALUE a 4294967295 3 18446744073709551615\r\nabc\r\nEND\r\n'],
  [REPLY_VALUES, 'VALUE a 0 5\r\nEND\r\n\r\nEND\r\n'],
  [REPLY_VALUES, 'VALUE a 0 7\r\n\r\nEND\r\n\r\nVALUE b 1 2\r\n\r\n\r\nEND\r\n'],
  [REPLY_VALUES, `VALUE ${K250} 0 256 1\r\n${BINARY}\r\nEND\r\n`],
  [REPLY_VALUES, 'VALUE a\t\rb 0 1\r\nx\r\nEND\r\n'],
  [REPLY_VALUES, `VALUE big 0 9000\r\n${'END\r\n'.repeat(1800)}\r\nEND\r\n`],
  [REPLY_VALUES, 'SERVER_ERROR out of memory storing object\r\n', true],
  [REPLY_VALUES, 'VALUE a 0 1\r\nx\r\nSERVER_ERROR out of memory\r\n', true],
  [REPLY_VALUES, 'CLIENT_ERROR invalid exptime argument\r\n', true],
  [
    REPLY_KEYS,
    'key=a exp=-1 la=1 cas=1 fetch=no cls=1 size=65\nkey=%0A exp=-1 la=1 cas=1 fetch=no cls=1 size=65\nEND\r\n',
  ],
  [REPLY_KEYS, `${`key=${'%FF'.repeat(250)} exp=-1\n`.repeat(20)}END\r\n`],
  [REPLY_KEYS, 'END\r\n'],
  [REPLY_STATS, 'STAT pid 1\r\nSTAT inter 127.0.0.1\r\nEND\r\n'],
  [REPLY_STATS, `STAT a ${'v'.repeat(4000)}\r\nEND\r\n`],
  [REPLY_STATS, 'END\r\n'],
  [REPLY_STATS, 'RESET\r\n'],
  [REPLY_STATS, 'OK\r\n'],
  [REPLY_STATS, 'ITEM k [1 b; 0 s]\r\nEND\r\n'],
  [REPLY_STATS, 'PREFIX p get 1 hit 0 set 0 del 0\r\nEND\r\n'],
  [REPLY_META, 'HD\r\n'],
  [REPLY_META, 'HD f1 c2 kEN\r\n'],
  [REPLY_META, 'EN\r\n'],
  [REPLY_META, 'NF Oabc\r\n'],
  [REPLY_META, 'EX\r\n'],
  [REPLY_META, 'NS\r\n'],
  [REPLY_META, 'ME foo exp=-1 la=1 cas=1 fetch=yes cls=1 size=69\r\n'],
  [REPLY_META, 'VA 0\r\n\r\n'],
  [REPLY_META, 'VA 4 kVA s4\r\nEN\r\n\r\n'],
  [REPLY_META, `VA 256 O1\r\n${BINARY}\r\n`],
  [REPLY_META, 'CLIENT_ERROR bad command line format\r\n', true],
  [REPLY_META, 'ERROR\r\n', true],
  [REPLY_META_STORED, 'HD c5\r\n'],
  [REPLY_META_STORED, 'NS\r\n'],
  [REPLY_META_STORED, 'NF kfoo b\r\n'],
  [REPLY_META_STORED, 'EX\r\n'],
  [REPLY_META_STORED, 'SERVER_ERROR object too large for cache\r\n', true],
  [REPLY_META_STORED, 'CLIENT_ERROR invalid flag\r\n', true],
  [REPLY_VERSION, 'VERSION 1.6.18\r\n'],
  [REPLY_VERSION, 'ERROR\r\n', true],
  [REPLY_KEYS, 'BUSY currently processing crawler request\r\n', true],
  [REPLY_KEYS, 'ERROR metadump not allowed\r\n', true],
  [REPLY_KEYS, 'key=a exp=-1\nSERVER_ERROR out of memory\r\n', true],
  [REPLY_STATS, 'CLIENT_ERROR bad command line\r\n', true],
  [REPLY_STATS, 'ERROR\r\n', true],
];

function scanPieces(kind: number, wire: Buffer, cuts: readonly number[]): { end: number; isError: boolean } {
  const scanner = memcachedProtocol.createReplyScanner();
  // What a scanner saw before must not matter.
  scanner.begin(REPLY_VALUES);
  scanner.scan(bytes('VALUE left 0 9\r\nov'), 0, 18);
  scanner.begin(kind);
  let from = 0;
  for (const to of [...cuts, wire.length]) {
    const chunk = Buffer.concat([bytes('??'), wire.subarray(from, to), bytes('??')]);
    const end = scanner.scan(chunk, 2, chunk.length - 2);
    chunk.fill(0x21);
    if (end === MALFORMED) return { end, isError: scanner.isError };
    if (end !== INCOMPLETE) return { end: from + end - 2, isError: scanner.isError };
    from = to;
  }
  return { end: INCOMPLETE, isError: scanner.isError };
}

for (const [kind, reply, isError = false] of GOOD) {
  test(`finds the end of ${shorten(reply)} as kind ${kind}, split anywhere`, () => {
    atEverySplit(bytes(reply), (cuts, how) => {
      assert.deepEqual(scanPieces(kind, bytes(reply), cuts), { end: reply.length, isError }, how);
    });
    const wire = bytes(`${reply}STORED\r\n`);
    atEverySplit(bytes(reply), (cuts, how) => {
      assert.deepEqual(scanPieces(kind, wire, cuts), { end: reply.length, isError }, `${how}, with the next reply`);
    });
    for (let end = 0; end < reply.length; end += Math.max(1, reply.length >> 10)) {
      assert.equal(scanPieces(kind, bytes(reply).subarray(0, end), []).end, INCOMPLETE, `${end} bytes`);
    }
  });
}

const BAD: readonly (readonly [kind: number, reply: string])[] = [
  [REPLY_LINE, '\r\n'],
  [REPLY_LINE, 'OK\n'],
  [REPLY_LINE, 'OKAY\r\n'],
  [REPLY_LINE, 'garbage\r\n'],
  [REPLY_LINE, '12x\r\n'],
  [REPLY_LINE, '-1\r\n'],
  [REPLY_LINE, '+OK\r\n'],
  [REPLY_LINE, 'END\r\n'],
  [REPLY_LINE, 'VALUE a 0 1\r\nx\r\nEND\r\n'],
  [REPLY_LINE, 'STAT pid 1\r\n'],
  [REPLY_LINE, 'x'.repeat(5000)],
  [REPLY_STORED, 'DELETED\r\n'],
  [REPLY_STORED, 'OK\r\n'],
  [REPLY_STORED, '1\r\n'],
  // The server did not take the header: it will read the data as commands.
  [REPLY_STORED, 'ERROR\r\n'],
  [REPLY_STORED, 'CLIENT_ERROR bad command line format\r\n'],
  // Replies to earlier requests were lost with it.
  [REPLY_VALUES, 'SERVER_ERROR out of memory writing get response\r\n'],
  [REPLY_LINE, 'SERVER_ERROR out of memory writing get response\r\n'],
  [REPLY_STATS, 'SERVER_ERROR out of memory writing get response\r\n'],
  [REPLY_VALUES, 'STORED\r\n'],
  [REPLY_VALUES, 'VALUE a 0\r\n'],
  [REPLY_VALUES, 'VALUE a 0 x\r\n'],
  [REPLY_VALUES, 'VALUE a 0 -1\r\n'],
  [REPLY_VALUES, 'VALUE a x 1\r\n'],
  [REPLY_VALUES, 'VALUE  0 1\r\n'],
  [REPLY_VALUES, 'VALUE a 0 12345678901\r\n'],
  [REPLY_VALUES, 'VALUE a 0 1\r\nxyz'],
  [REPLY_VALUES, 'VALUE a 0 1\r\nx\rz'],
  [REPLY_VALUES, 'VALUE a 0 1\r\nx\r\nSTORED\r\n'],
  [REPLY_META, 'HDX\r\n'],
  [REPLY_META, 'END\r\n'],
  [REPLY_META, 'STORED\r\n'],
  [REPLY_META, 'MN\r\n'],
  [REPLY_META, 'VA\r\n'],
  [REPLY_META, 'VA x\r\n'],
  [REPLY_META, 'VA 1x\r\n'],
  [REPLY_META, 'VA 12345678901\r\n'],
  [REPLY_META, 'VA 1\r\nxyz'],
  [REPLY_META, 'VALUE a 0 1\r\nx\r\n'],
  [REPLY_META_STORED, 'VA 1\r\nx\r\n'],
  [REPLY_META_STORED, 'STORED\r\n'],
  [REPLY_META_STORED, 'ERROR\r\n'],
  [REPLY_META_STORED, 'CLIENT_ERROR bad command line format\r\n'],
  [REPLY_LINE, 'HD\r\n'],
  [REPLY_STORED, 'HD\r\n'],
  [REPLY_STATS, 'VALUE a 0 1\r\n'],
  [REPLY_STATS, 'STAT a 1\r\nRESET\r\n'],
  [REPLY_STATS, `STAT a ${'v'.repeat(5000)}`],
];

for (const [kind, reply] of BAD) {
  test(`refuses ${shorten(reply)} as kind ${kind}, split anywhere`, () => {
    atEverySplit(bytes(reply), (cuts, how) => assert.equal(scanPieces(kind, bytes(reply), cuts).end, MALFORMED, how));
  });
}

test('reads reply after reply from one stream, cut anywhere', () => {
  const stream = bytes(GOOD.map(([, reply]) => reply).join(''));
  for (let size = 1; size < 700; size = size * 2 + 1) {
    const scanner = memcachedProtocol.createReplyScanner();
    const errors: boolean[] = [];
    const ends: number[] = [];
    let at = 0;
    scanner.begin(GOOD[0]![0]);
    while (at < stream.length) {
      const to = Math.min(stream.length, at + size);
      const end = scanner.scan(stream, at, to);
      assert.notEqual(end, MALFORMED, `pieces of ${size}`);
      at = end === INCOMPLETE ? to : end;
      if (end === INCOMPLETE) continue;
      errors.push(scanner.isError);
      ends.push(end);
      scanner.begin(GOOD[errors.length]?.[0] ?? REPLY_LINE);
    }
    let sum = 0;
    assert.deepEqual(
      ends,
      GOOD.map(([, reply]) => {
        sum += reply.length;
        return sum;
      }),
      `pieces of ${size}`,
    );
    assert.deepEqual(
      errors,
      GOOD.map(([, , isError = false]) => isError),
    );
  }
});

test('the probe takes a version for health and says what else it got', () => {
  const { probe } = memcachedProtocol;
  assert.equal(probe.bytes.toString(), 'version\r\n');
  assert.equal(probe.check(bytes('VERSION 1.6.18\r\n')), null);
  assert.equal(probe.check(bytes('ERROR\r\n')), 'answered "ERROR" to version');
});

function shorten(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 40)}… ${text.length} bytes` : text);
}

test('a reply of statistics without end is no reply', () => {
  const line = bytes(`STAT name ${'1'.repeat(1000)}\r\n`);
  const scanner = memcachedProtocol.createReplyScanner();
  scanner.begin(REPLY_STATS);
  let read = 0;
  let end = INCOMPLETE;
  while (end === INCOMPLETE && read < 2 * MAX_STATS_REPLY_BYTES) {
    end = scanner.scan(line, 0, line.length);
    read += line.length;
  }
  assert.equal(end, MALFORMED);
  assert.ok(read <= MAX_STATS_REPLY_BYTES + line.length);
});

for (const [kind, reply, asked, found] of [
  [REPLY_VALUES, 'END\r\n', 1, 0],
  [REPLY_VALUES, 'VALUE a 0 3\r\nEND\r\nVALUE b 0 0 1\r\n\r\nEND\r\n', 3, 2],
  [REPLY_META, 'EN\r\n', 1, 0],
  [REPLY_META, 'HD f0\r\n', 1, 1],
  [REPLY_META, 'VA 2\r\nEN\r\n', 1, 1],
] as const) {
  test(`memcached reply: of ${JSON.stringify(reply)} it is told what is there, at any split`, () => {
    const scanner = memcachedProtocol.createReplyScanner();
    const whole = bytes(reply);
    for (let i = 0; i < whole.length; i++) {
      scanner.begin(kind);
      const stop = i === 0 ? INCOMPLETE : scanner.scan(whole, 0, i);
      assert.equal(stop, INCOMPLETE);
      assert.equal(scanner.scan(whole, i, whole.length), whole.length);
      assert.equal(scanner.found(asked), found, `at ${i}`);
    }
  });
}
