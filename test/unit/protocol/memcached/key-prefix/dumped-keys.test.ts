import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DumpedKeys } from '../../../../../src/protocol/memcached/key-prefix/dumped-keys.ts';

const REST = 'exp=-1 la=1795718486 cas=1 fetch=no cls=1 size=65\n';
// As memcached 1.6.18 answers after `set app:1`, `set app:2` with an expiry, `set b:\xff%+&`, and `ms` of app:\x01\x02 in base64.
const REAL =
  'key=app%3A1 exp=-1 la=1795718486 cas=1 fetch=no cls=1 size=65\n' +
  'key=b%3A%FF%25%2B%26 exp=-1 la=1795718486 cas=3 fetch=no cls=1 size=66\n' +
  'key=app%3A2 exp=1795718586 la=1795718486 cas=2 fetch=yes cls=1 size=65\n' +
  'key=app%3A%01%02 exp=-1 la=1795718486 cas=4 fetch=no cls=1 size=66\nEND\r\n';

function read(dump: string, prefix = 'app:', cuts: readonly number[] = []) {
  const keys: string[] = [];
  const reader = new DumpedKeys(Buffer.from(prefix), key => keys.push(key));
  const bytes = Buffer.from(dump, 'latin1');
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    reader.read(bytes, from, to);
    from = to;
  }
  return { keys, isBroken: reader.isBroken, ending: reader.ending };
}

test('the keys with the prefix, at any split', () => {
  const whole = { keys: ['app:1', 'app:2', 'app:\x01\x02'], isBroken: false, ending: 'END' };
  for (let i = 0; i <= REAL.length; i++) {
    assert.deepEqual(read(REAL, 'app:', [i]), whole, `cut at ${i}`);
    assert.deepEqual(read(REAL, 'app:', [i, Math.min(REAL.length, i + 7)]), whole, `cut at ${i} and 7 later`);
  }
});

test('no key of another whose name is like it', () => {
  const names = ['app%3A', 'app', 'ap', 'app%3B1', 'App%3A1', 'xapp%3A1', 'app%253A1'];
  assert.deepEqual(read(`${names.map(name => `key=${name} ${REST}`).join('')}END\r\n`).keys, ['app:']);
});

test('each character that a prefix may have', () => {
  const prefix = 'aZ09:._/@#=~+-';
  const named = 'key=aZ09%3A._%2F%40%23%3D~%2B-';
  assert.deepEqual(read(`${named} ${REST}${named}k ${REST}END\r\n`, prefix).keys, [prefix, `${prefix}k`]);
});

test('a line in the middle of another is seen, wherever it was broken', () => {
  const line = `key=other ${REST}`;
  const next = `key=app%3A1 ${REST}`;
  for (let i = 1; i < line.length - 1; i++) {
    assert.equal(read(`${line.slice(0, i)}${next}END\r\n`).isBroken, true, `at ${i}`);
  }
  for (const odd of ['key=app%3A1\n', `key=app%3A1  ${REST}`, 'key=app%3A1 exp=x la=1 cas=1 fetch=no cls=1 size=1\n']) {
    assert.equal(read(`${odd}END\r\n`).isBroken, true, odd);
  }
});

test('what is said in place of keys', () => {
  assert.equal(
    read('BUSY currently processing crawler request\r\n').ending,
    'BUSY currently processing crawler request',
  );
  assert.equal(read('BADCLASS invalid class id\r\n', 'app:', [3, 9]).ending, 'BADCLASS invalid class id');
});
