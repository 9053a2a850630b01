import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ARRAY_HEADER_MAX_BYTES, arrayHeaderBytes, writeArrayHeader } from '../../../../src/protocol/redis/resp.ts';

test('the header of an array is what its number says', () => {
  const out = Buffer.alloc(ARRAY_HEADER_MAX_BYTES + 1);
  for (const count of [0, 1, 9, 10, 11, 99, 100, 4096, 99_999, 1_000_000, 2 ** 31 - 1]) {
    const text = `*${count}\r\n`;
    assert.equal(arrayHeaderBytes(count), text.length);
    assert.equal(writeArrayHeader(out, 1, count), 1 + text.length);
    assert.equal(out.toString('latin1', 1, 1 + text.length), text);
  }
});
