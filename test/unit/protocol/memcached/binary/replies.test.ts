// What becomes of servers' replies to what binary requests have become.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memcachedProtocol } from '../../../../../src/protocol/memcached/memcached.ts';
import { failureReply } from '../../../../../src/protocol/memcached/replies.ts';
import type { RequestParser } from '../../../../../src/protocol/protocol.ts';
import type { ReplyTransform } from '../../../../../src/protocol/reply-transform.ts';
import {
  countExtras,
  describeResponses,
  exptimeExtras,
  type OpcodeName,
  packet,
  storeExtras,
} from '../../../../support/binary-packets.ts';
import { ReplyCollector } from '../../../../support/reply-collector.ts';
import { OPTIONS } from '../request-feed.ts';
import { transformed } from '../transformed.ts';

/** A parser that has read `requests` as one; their bytes are gone. */
function parse(...requests: Buffer[]): RequestParser {
  const parser = memcachedProtocol.createParser(OPTIONS);
  const bytes = Buffer.concat(requests);
  assert.equal(parser.parse(memcachedProtocol.createSession(1), bytes, 0, bytes.length), bytes.length);
  bytes.fill('!');
  return parser;
}

const lines = (text: string): string[] => describeResponses(Buffer.from(text, 'latin1'));
const get = (opcode: OpcodeName, key: string): Buffer => packet(opcode, { key, opaque: 1 });
const store = (opcode: OpcodeName): Buffer => packet(opcode, { key: 'a', opaque: 1, extras: storeExtras() });
const count = (opcode: OpcodeName): Buffer => packet(opcode, { key: 'a', opaque: 1, extras: countExtras(1n) });
const FLAGS = '"\\u0000\\u0000\\u0000\\u0007"';
const OK = 'status 0 opaque 1';

/** Requests, the server's reply to what they became, and the responses. */
const CASES: readonly (readonly [requests: readonly Buffer[], reply: string, responses: readonly string[]])[] = [
  [[get('get', 'a')], 'VALUE a 7 3 12\r\nabc\r\nEND\r\n', [`get ${OK} cas 12 ${FLAGS} "" "abc"`]],
  [
    [get('getk', 'a')],
    'VALUE a 7 0 18446744073709551615\r\n\r\nEND\r\n',
    [`getk ${OK} cas 18446744073709551615 ${FLAGS} "a" ""`],
  ],
  [
    [get('getkq', 'a')],
    'VALUE a 7 7 9007199254740993\r\n\r\nEND\r\n\r\nEND\r\n',
    [`getkq ${OK} cas 9007199254740993 ${FLAGS} "a" "\\r\\nEND\\r\\n"`],
  ],
  [[get('get', 'a')], 'END\r\n', ['get status 1 opaque 1 cas 0 "" "" "Not found"']],
  [[get('getk', 'a')], 'END\r\n', ['getk status 1 opaque 1 cas 0 "" "a" ""']],
  [[get('getq', 'a')], 'END\r\n', []],
  [[get('getq', 'a')], 'SERVER_ERROR out of memory x\r\n', ['getq status 130 opaque 1 cas 0 "" "" "Out of memory"']],
  [[get('get', 'a')], 'ERROR\r\n', ['get status 129 opaque 1 cas 0 "" "" "Unknown command"']],
  [
    [get('get', 'a')],
    'VALUE b 7 3 12\r\nabc\r\nEND\r\n',
    ['get status 132 opaque 1 cas 0 "" "" "a server answered with a key that it was not asked for"'],
  ],
  [
    [get('getkq', 'a'), get('getkq', 'b'), get('getk', 'c'), get('getq', 'a'), get('get', 'd')],
    'VALUE a 7 1 5\r\nx\r\nVALUE a 7 1 5\r\nx\r\nEND\r\n',
    [
      `getkq ${OK} cas 5 ${FLAGS} "a" "x"`,
      'getk status 1 opaque 1 cas 0 "" "c" ""',
      `getq ${OK} cas 5 ${FLAGS} "" "x"`,
      'get status 1 opaque 1 cas 0 "" "" "Not found"',
    ],
  ],
  [
    [get('getkq', 'a'), get('getkq', 'b')],
    'VALUE a 7 1 5\r\nx\r\nSERVER_ERROR busy\r\n',
    [`getkq ${OK} cas 5 ${FLAGS} "a" "x"`, 'getkq status 134 opaque 1 cas 0 "" "" "busy"'],
  ],
  [[get('get', 'a b')], 'VA 3 f7 c12\r\nabc\r\n', [`get ${OK} cas 12 ${FLAGS} "" "abc"`]],
  [[get('getkq', 'a b')], 'VA 0 f7 c12\r\n\r\n', [`getkq ${OK} cas 12 ${FLAGS} "a b" ""`]],
  [[get('getk', 'a b')], 'EN\r\n', ['getk status 1 opaque 1 cas 0 "" "a b" ""']],
  [[get('getq', 'a b')], 'EN\r\n', []],
  [
    [packet('touch', { key: 'a', opaque: 1, extras: exptimeExtras(1) })],
    'HD f7 c9\r\n',
    [`touch ${OK} cas 9 ${FLAGS} "" ""`],
  ],
  [
    [packet('touch', { key: 'a', opaque: 1, extras: exptimeExtras(1) })],
    'EN\r\n',
    ['touch status 1 opaque 1 cas 0 "" "" "Not found"'],
  ],
  [[store('set')], 'HD c3\r\n', [`set ${OK} cas 3 "" "" ""`]],
  [[store('setq')], 'HD c3\r\n', []],
  [[store('setq')], 'EX\r\n', ['setq status 2 opaque 1 cas 0 "" "" "Data exists for key."']],
  [[store('set')], 'NF\r\n', ['set status 1 opaque 1 cas 0 "" "" "Not found"']],
  [[store('addq')], 'NS\r\n', ['addq status 2 opaque 1 cas 0 "" "" "Data exists for key."']],
  [[store('replace')], 'NS\r\n', ['replace status 1 opaque 1 cas 0 "" "" "Not found"']],
  [[packet('append', { key: 'a', opaque: 1 })], 'NS\r\n', ['append status 5 opaque 1 cas 0 "" "" "Not stored."']],
  [[store('set')], 'SERVER_ERROR object too large for cache\r\n', ['set status 3 opaque 1 cas 0 "" "" "Too large."']],
  [[packet('delete', { key: 'a', opaque: 1 })], 'HD\r\n', [`delete ${OK} cas 0 "" "" ""`]],
  [[packet('deleteq', { key: 'a', opaque: 1 })], 'HD\r\n', []],
  [[packet('deleteq', { key: 'a', opaque: 1 })], 'NF\r\n', ['deleteq status 1 opaque 1 cas 0 "" "" "Not found"']],
  [[count('increment')], 'VA 20 c77\r\n18446744073709551615\r\n', [`increment ${OK} cas 77 "" "" "ÿÿÿÿÿÿÿÿ"`]],
  [[count('decrementq')], 'VA 1 c77\r\n5\r\n', []],
  [[count('increment')], 'NF\r\n', ['increment status 1 opaque 1 cas 0 "" "" "Not found"']],
  [
    [count('increment')],
    'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n',
    ['increment status 6 opaque 1 cas 0 "" "" "Non-numeric server-side value for incr or decr"'],
  ],
  [[packet('version', { opaque: 1 })], 'VERSION 1.6.18\r\n', [`version ${OK} cas 0 "" "" "1.6.18"`]],
];

for (const [requests, reply, want] of CASES) {
  test(`${JSON.stringify(reply.slice(0, 50))} becomes ${want[0]?.slice(0, 60) ?? 'nothing'}, cut anywhere`, () => {
    const parser = () => parse(...requests).transform as ReplyTransform;
    const bytes = Buffer.from(reply, 'latin1');
    for (let cut = 0; cut <= bytes.length; cut++) {
      for (let second = cut; second <= bytes.length; second++) {
        assert.deepEqual(lines(transformed(parser(), bytes, [cut, second])), want, `at ${cut}, ${second}`);
      }
    }
    const all = Array.from({ length: bytes.length }, (_, i) => i + 1);
    assert.deepEqual(lines(transformed(parser(), bytes, all)), want, 'byte by byte');
  });
}

function merge(requests: readonly Buffer[], parts: readonly string[], owners: readonly number[]): string[] {
  const { coalescer } = parse(...requests);
  const out = new ReplyCollector();
  const buffers = parts.map(part => Buffer.from(part, 'latin1'));
  coalescer.merge(buffers, Int32Array.from(owners), out);
  return lines(out.text());
}

const RUN = ['a', 'b', 'c', 'd', 'e'].map((key, i) => packet(i === 3 ? 'getk' : 'getkq', { key, opaque: i }));
const hit = (key: string, opaque: number): string =>
  `getkq status 0 opaque ${opaque} cas 1 ${FLAGS} "${key}" "v${key}"`;
const block = (key: string): string => `VALUE ${key} 7 2 1\r\nv${key}\r\n`;

test('a run over several servers is answered in the order of its keys, misses silently', () => {
  assert.deepEqual(merge(RUN, [`${block('a')}${block('e')}END\r\n`, `${block('b')}END\r\n`], [0, 1, 1, 0, 0]), [
    hit('a', 0),
    hit('b', 1),
    'getk status 1 opaque 3 cas 0 "" "d" ""',
    hit('e', 4),
  ]);
});

test('in a run over several servers one that fails fails the gets of its keys alone', () => {
  const { coalescer } = parse(...RUN);
  const failed = coalescer.failedPart?.('timed_out');
  assert.equal(failed, failureReply('timed_out'));
  const words = 'status 134 opaque 1 cas 0 "" "" "Connection timed out"';
  assert.deepEqual(merge(RUN, [`${block('a')}END\r\n`, String(failed)], [0, 1, 0, 1, 0]), [
    hit('a', 0),
    `getkq ${words}`,
    `getk ${words.replace('opaque 1', 'opaque 3')}`,
  ]);
});

test('a server that answers with another key fails the run', () => {
  const answers = merge(RUN, [`${block('x')}END\r\n`, 'END\r\n'], [0, 1, 0, 1, 0]);
  assert.equal(answers.length, 5);
  for (const answer of answers) assert.match(answer, / status 132 /);
});

test('large values of a run stay whole', () => {
  const value = 'x'.repeat(100_000);
  const part = `VALUE a 0 100000 1\r\n${value}\r\nVALUE b 0 5000 1\r\n${value.slice(0, 5000)}\r\nEND\r\n`;
  const answers = merge([get('getq', 'a'), get('getq', 'b')], [part], [0, 0]);
  assert.deepEqual(
    answers.map(answer => answer.length),
    [100_000, 5000].map(size => answers[0]!.length - 100_000 + size),
  );
});

test('flush, verbosity and statistics of several servers become one', () => {
  assert.deepEqual(merge([packet('flush', { opaque: 1 })], ['OK\r\n', 'OK\r\n'], []), [`flush ${OK} cas 0 "" "" ""`]);
  assert.deepEqual(merge([packet('flushq', { opaque: 1 })], ['OK\r\n', 'OK\r\n'], []), []);
  assert.deepEqual(merge([packet('flushq', { opaque: 1 })], ['OK\r\n', 'CLIENT_ERROR x\r\n'], []), [
    'flushq status 4 opaque 1 cas 0 "" "" "Invalid arguments"',
  ]);
  assert.deepEqual(
    merge([packet('stat', { opaque: 1 })], ['STAT pid 5\r\nSTAT bytes 2\r\nEND\r\n', 'STAT bytes 3\r\nEND\r\n'], []),
    [`stat ${OK} cas 0 "" "pid" "5"`, `stat ${OK} cas 0 "" "bytes" "5"`, `stat ${OK} cas 0 "" "" ""`],
  );
  assert.deepEqual(merge([packet('stat', { opaque: 1 })], ['STAT a 5\r\nEND\r\n', 'SERVER_ERROR busy\r\n'], []), [
    'stat status 134 opaque 1 cas 0 "" "" "busy"',
  ]);
});

test('a failure is told in binary, for each request of a run, also of a quiet one', () => {
  const words = (...requests: Buffer[]): string[] =>
    lines(String((parse(...requests).transform as ReplyTransform).failure('timed_out')?.toString('latin1')));
  assert.deepEqual(words(store('setq')), ['setq status 134 opaque 1 cas 0 "" "" "Connection timed out"']);
  assert.equal(words(...RUN).length, 5);
  assert.match(words(packet('flushq'))[0]!, /^flushq status 134/);
  const old = (parse(store('set')).transform as ReplyTransform).failure('server_version');
  assert.match(lines(String(old?.toString('latin1')))[0]!, /^set status 131 /);
});
