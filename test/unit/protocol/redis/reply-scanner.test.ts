import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INCOMPLETE, MALFORMED } from '../../../../src/protocol/protocol.ts';
import { RedisReplyScanner } from '../../../../src/protocol/redis/reply-scanner.ts';
import { BROKEN_REPLIES, REPLIES, randomReply } from '../../../support/resp-replies.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';

/** Scans pieces; the position in the whole after the reply, or what else `scan` returned. */
function scanAll(scanner: RedisReplyScanner, pieces: readonly Buffer[]): number {
  let before = 0;
  for (const piece of pieces) {
    const stop = scanner.scan(piece, 0, piece.length);
    if (stop !== INCOMPLETE) return stop === MALFORMED ? MALFORMED : before + stop;
    before += piece.length;
  }
  return INCOMPLETE;
}

const NEXT = Buffer.from('+next\r\n');

for (const { name, wire, isError } of REPLIES) {
  test(`redis reply: ${name}, at any split and followed by another`, () => {
    const scanner = new RedisReplyScanner();
    const two = Buffer.concat([wire, NEXT]);
    for (let i = 0; i < two.length; i++) {
      scanner.begin(0);
      assert.equal(scanAll(scanner, [two.subarray(0, i), two.subarray(i)]), wire.length, `at ${i}`);
      assert.equal(scanner.isError, isError, `at ${i}`);
    }
  });

  test(`redis reply: ${name}, byte by byte and never too early`, () => {
    const scanner = new RedisReplyScanner();
    scanner.begin(0);
    assert.equal(
      scanAll(
        scanner,
        Array.from(wire, byte => Buffer.from([byte])),
      ),
      wire.length,
    );
    assert.equal(scanner.isError, isError);
    for (let i = 0; i < wire.length; i++) {
      scanner.begin(0);
      // The bytes after `end` are there, but are not the reply's yet.
      assert.equal(scanner.scan(wire, 0, i), INCOMPLETE, `up to ${i}`);
      assert.equal(scanner.scan(wire, i, wire.length), wire.length, `from ${i}`);
    }
  });
}

for (const [name, text] of BROKEN_REPLIES) {
  test(`redis reply: ${name} is malformed, at any split`, () => {
    const wire = Buffer.from(text, 'latin1');
    const scanner = new RedisReplyScanner();
    for (let i = 0; i < wire.length; i++) {
      scanner.begin(0);
      assert.equal(scanAll(scanner, [wire.subarray(0, i), wire.subarray(i)]), MALFORMED, `at ${i}`);
    }
  });
}

test('redis reply: a scanner that met nonsense reads the next reply', () => {
  const scanner = new RedisReplyScanner();
  scanner.begin(0);
  assert.equal(scanner.scan(Buffer.from('*3\r\n-x\r\n?'), 0, 9), MALFORMED);
  scanner.begin(0);
  assert.equal(scanner.scan(NEXT, 0, NEXT.length), NEXT.length);
  assert.equal(scanner.isError, false);
});

test('redis reply: random nested replies, in random pieces', () => {
  const random = new SeededRandom(20260101);
  const scanner = new RedisReplyScanner();
  for (let round = 0; round < 500; round++) {
    const wires = Array.from({ length: 5 }, () => randomReply(random, 4));
    const stream = Buffer.concat(wires);
    let at = 0;
    let pieceEnd = 0;
    for (const wire of wires) {
      scanner.begin(0);
      const want = at + wire.length;
      for (let stop = INCOMPLETE; stop === INCOMPLETE; ) {
        if (at === pieceEnd) pieceEnd = Math.min(stream.length, at + 1 + Math.floor(random.next() ** 2 * 300));
        stop = scanner.scan(stream, at, pieceEnd);
        assert.notEqual(stop, MALFORMED, `round ${round}`);
        at = stop === INCOMPLETE ? pieceEnd : stop;
      }
      assert.equal(at, want, `round ${round}`);
      if (wire[0] !== 0x7c) assert.equal(scanner.isError, wire[0] === 0x2d || wire[0] === 0x21, `round ${round}`);
    }
  }
});

test('redis reply: errors by which a server says that it is out of service are known, at any split', () => {
  const scanner = new RedisReplyScanner();
  const isOutOfService = (wire: Buffer, i: number) => {
    scanner.begin(0);
    assert.equal(scanAll(scanner, [wire.subarray(0, i), wire.subarray(i)]), wire.length);
    return scanner.isOutOfService;
  };
  for (const [text, expected] of [
    ["-READONLY You can't write against a read only replica.", true],
    ["-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", true],
    ['-LOADING Redis is loading the dataset in memory', true],
    ['-LOADING', true],
    ['-READONLYISH no', false],
    ['-ERR READONLY', false],
    ['+READONLY You can', false],
    ['*1\r\n-READONLY in a part', false],
  ] as const) {
    const wire = Buffer.from(`${text}\r\n`);
    for (let i = 0; i < wire.length; i++) assert.equal(isOutOfService(wire, i), expected, `${text} at ${i}`);
  }
});

for (const [wire, asked, found] of [
  ['$-1\r\n', 1, 0],
  ['_\r\n', 1, 0],
  ['$0\r\n\r\n', 1, 1],
  ['*4\r\n$1\r\na\r\n$-1\r\n_\r\n$2\r\n-1\r\n', 4, 2],
  ['$5\r\n$-1\r\n\r\n', 1, 1],
] as const) {
  test(`redis reply: of ${JSON.stringify(wire)} it is told what is there, at any split`, () => {
    const scanner = new RedisReplyScanner();
    const bytes = Buffer.from(wire);
    for (let i = 0; i < bytes.length; i++) {
      scanner.begin(0);
      assert.equal(scanAll(scanner, [bytes.subarray(0, i), bytes.subarray(i)]), bytes.length);
      assert.equal(scanner.found(asked), found, `at ${i}`);
    }
  });
}
