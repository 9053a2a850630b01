import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coalescerFor, type SharedMergeKind } from '../../../../src/protocol/redis/coalescers.ts';
import { ReplyCollector } from '../../../support/reply-collector.ts';

/** Merges parts given as text; what came out, and which pieces came out without a copy. */
function merge(
  kind: SharedMergeKind,
  parts: readonly string[],
  owners: readonly number[] = [],
): { all: string; owned: Buffer[] } {
  const out = new ReplyCollector();
  coalescerFor(kind).merge(
    parts.map(part => Buffer.from(part)),
    new Int32Array(owners),
    out,
  );
  return { all: out.bytes.toString(), owned: out.owned };
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const array = (...items: readonly string[]): string => `*${items.length}\r\n${items.join('')}`;
const NULL = '$-1\r\n';
const MISFIT = '-ERR servers answered the parts of this command in ways that do not fit together\r\n';

test('MGET: elements come back in the order of the keys', () => {
  const parts = [array(bulk('a'), NULL, bulk('')), array(bulk('b')), array(bulk('c\r\n$1'), bulk('d'))];
  const { all } = merge('values', parts, [2, 0, 0, 1, 2, 0]);
  assert.equal(all, array(bulk('c\r\n$1'), bulk('a'), NULL, bulk('b'), bulk('d'), bulk('')));
});

test('MGET: a large element is passed on without a copy', () => {
  const big = 'x'.repeat(16 * 1024);
  const { all, owned } = merge('values', [array(bulk(big), bulk('s')), array(bulk('b'))], [0, 1, 0]);
  assert.equal(all, array(bulk(big), bulk('b'), bulk('s')));
  assert.deepEqual(
    owned.map(bytes => bytes.length),
    [bulk(big).length],
  );
});

test('MGET: 10,000 keys over 7 servers', () => {
  const owners = Array.from({ length: 10_000 }, (_, i) => (i * i) % 7);
  const values = owners.map((owner, i) => (i % 5 === 0 ? NULL : bulk(`v${i}-${owner}`)));
  const parts = Array.from({ length: 7 }, (_, p) => array(...values.filter((_value, i) => owners[i] === p)));
  assert.equal(merge('values', parts, owners).all, array(...values));
});

test('MGET: nulls of RESP3', () => {
  const parts = [array('_\r\n', bulk('a'), '_\r\n'), array('_\r\n')];
  assert.equal(merge('values', parts, [0, 1, 0, 0]).all, array('_\r\n', '_\r\n', bulk('a'), '_\r\n'));
});

test('MGET: the first part that is an error is the answer', () => {
  const parts = [array(bulk('a')), '-LOADING x\r\n', '-ERR y\r\n'];
  assert.equal(merge('values', parts, [0, 1, 2]).all, '-LOADING x\r\n');
});

for (const [what, parts] of [
  ['too few elements', [array(bulk('a')), array(bulk('b'))]],
  ['too many elements', [array(bulk('a'), bulk('c'), bulk('d')), array(bulk('b'))]],
  ['no array', [':1\r\n', array(bulk('b'))]],
  ['a null array', ['*-1\r\n', array(bulk('b'))]],
  ['a set', [array(bulk('a'), bulk('c')), '~1\r\n$1\r\nb\r\n']],
  ['elements that are no bulk strings', [array(bulk('a'), ':1\r\n'), array(bulk('b'))]],
] as const) {
  test(`MGET: a part with ${what} makes an error and nothing else`, () => {
    assert.equal(merge('values', parts, [0, 1, 0]).all, MISFIT);
  });
}

test('counts are added up', () => {
  assert.equal(merge('sum', [':0\r\n', ':12\r\n', ':9007199254740000\r\n']).all, ':9007199254740012\r\n');
  assert.equal(merge('sum', [':1\r\n', '-ERR no\r\n']).all, '-ERR no\r\n');
  assert.equal(merge('sum', [':1\r\n', '+OK\r\n']).all, MISFIT);
  assert.equal(merge('sum', [':1\r\n', '!6\r\nERR no\r\n']).all, '!6\r\nERR no\r\n');
});

test('replies that must be the same are one, or an error', () => {
  assert.equal(merge('same', ['+OK\r\n', '+OK\r\n']).all, '+OK\r\n');
  assert.equal(merge('same', ['+OK\r\n', '-OOM x\r\n', '+OK\r\n']).all, '-OOM x\r\n');
  assert.equal(merge('same', [bulk('a'), bulk('b')]).all, '-ERR servers answered this command differently\r\n');
});

test('SCRIPT EXISTS: a script is there when all servers have it', () => {
  const part = (...flags: readonly number[]): string => array(...flags.map(flag => `:${flag}\r\n`));
  const ten = [1, 1, 0, 1, 1, 1, 1, 1, 1, 1];
  assert.equal(merge('all_true', [part(1, 0, 1), part(1, 1, 0)]).all, part(1, 0, 0));
  assert.equal(merge('all_true', [part(...ten), part(...ten)]).all, part(...ten));
  assert.equal(merge('all_true', [part(1), part(1, 1)]).all, MISFIT);
  assert.equal(merge('all_true', [part(1), '-ERR no\r\n']).all, '-ERR no\r\n');
});

test('sums that are no longer exact are an error', () => {
  assert.equal(merge('sum', [':9007199254740991\r\n']).all, ':9007199254740991\r\n');
  assert.equal(merge('sum', [':9007199254740991\r\n', ':1\r\n']).all, MISFIT);
  assert.equal(
    merge(
      'sum',
      Array.from({ length: 200 }, () => ':9223372036854775807\r\n'),
    ).all,
    MISFIT,
  );
});

test('SCRIPT EXISTS: what is no array of 0 and 1 is an error', () => {
  for (const odd of [
    '*1\r\n:2\r\n',
    '*1\r\n+0\r\n',
    '*2\r\n$1\r\n0\r\n:0\r\n',
    '$4\r\n*0\r\n\r\n',
    '*-1\r\n',
    '*1\r\n$-1\r\n',
  ]) {
    assert.equal(merge('all_true', [odd]).all, MISFIT, odd);
    assert.equal(merge('all_true', [array(':1\r\n'), odd]).all, MISFIT, odd);
  }
  assert.equal(merge('all_true', ['*0\r\n', '*0\r\n']).all, '*0\r\n');
  // Headers that differ only in their digits.
  const ten = array(...Array.from({ length: 10 }, () => ':1\r\n'));
  assert.equal(merge('all_true', [ten, ten]).all, ten);
});

test('KEYS: the elements of all arrays; RANDOMKEY: one that there is', () => {
  assert.equal(
    merge('keys', [array(bulk('a')), array(), array(bulk('b'), bulk(''))]).all,
    array(bulk('a'), bulk('b'), bulk('')),
  );
  assert.equal(merge('keys', [array(bulk('a')), ':1\r\n']).all, MISFIT);
  assert.equal(merge('one_of', [':0\r\n', ':9\r\n', ':1\r\n', NULL, bulk('a'), '_\r\n']).all, bulk('a'));
  assert.equal(merge('one_of', [':0\r\n', ':0\r\n', NULL, NULL]).all, NULL);
  assert.equal(merge('one_of', [':0\r\n', ':0\r\n', NULL, bulk('new')]).all, bulk('new'));
});

test('RANDOMKEY takes the key of a server as often as that has keys', t => {
  const parts = [':1\r\n', ':0\r\n', ':3\r\n', bulk('a'), NULL, bulk('c')];
  const chosen = [0, 0.24, 0.25, 0.5, 0.99].map(chance => {
    t.mock.method(Math, 'random', () => chance);
    return merge('one_of', parts).all;
  });
  assert.deepEqual(chosen, [bulk('a'), bulk('a'), bulk('c'), bulk('c'), bulk('c')]);
});
