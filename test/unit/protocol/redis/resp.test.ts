import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ARRAY_HEADER_MAX_BYTES,
  arrayHeaderBytes,
  numberAfterType,
  writeArrayHeader,
} from '../../../../src/protocol/redis/resp.ts';

test('the header of an array is what its number says', () => {
  const out = Buffer.alloc(ARRAY_HEADER_MAX_BYTES + 1);
  for (const count of [0, 1, 9, 10, 11, 99, 100, 4096, 99_999, 1_000_000, 2 ** 31 - 1]) {
    const text = `*${count}\r\n`;
    assert.equal(arrayHeaderBytes(count), text.length);
    assert.equal(writeArrayHeader(out, 1, count), 1 + text.length);
    assert.equal(out.toString('latin1', 1, 1 + text.length), text);
  }
});

test('the number behind a type ends with its digits, wherever they end', () => {
  for (const [reply, number] of [
    ['*3\r\n', 3],
    ['$-1\r\n', -1],
    [':9007199254740991\r\n', Number.MAX_SAFE_INTEGER],
    [':-42\r\n', -42],
    ['$0\r\n', 0],
    ['$12', 12],
    ['*', 0],
  ] as const) {
    assert.equal(numberAfterType(Buffer.from(`x${reply}`), 1), number, reply);
  }
});
