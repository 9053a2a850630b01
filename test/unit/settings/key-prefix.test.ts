import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyPrefix } from '../../../src/settings/key-prefix.ts';

const { read } = keyPrefix();

test('a key prefix is short, begins with a letter or digit, and has nothing that means something in a pattern', () => {
  for (const good of ['a', 'app:', '7/', 'A.b_c-d@e#f=g~h+', 'x'.repeat(100)]) assert.equal(read(good), good);
  for (const bad of [
    '',
    ':',
    '_',
    '__key',
    'a{',
    'a}',
    'a*',
    'a?',
    'a[',
    'a\\',
    "a'",
    'a b',
    'a\n',
    'é',
    'x'.repeat(101),
  ]) {
    assert.throws(() => read(bad), /must be 1 to 100 letters/, JSON.stringify(bad));
  }
});
