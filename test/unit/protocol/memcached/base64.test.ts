import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64Length, decodeBase64, encodeBase64 } from '../../../../src/protocol/memcached/base64.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';

function decode(text: string): Buffer | null {
  const out = Buffer.alloc(text.length + 2, 0xee);
  const buf = Buffer.from(`<${text}>`, 'latin1');
  const end = decodeBase64(buf, 1, buf.length - 1, out, 1);
  return end < 0 ? null : out.subarray(1, end);
}

test('bytes become the text that Node makes of them, and come back', () => {
  const random = new SeededRandom(7);
  for (let size = 0; size < 260; size++) {
    const bytes = Buffer.from(Array.from({ length: size }, () => random.between(0, 255)));
    const out = Buffer.alloc(base64Length(size) + 2, 0xee);
    const end = encodeBase64(bytes, 0, size, out, 1);
    assert.equal(end - 1, base64Length(size));
    assert.equal(out.toString('latin1', 1, end), bytes.toString('base64'));
    if (size > 0) assert.deepEqual(decode(bytes.toString('base64')), bytes);
  }
});

test('text that memcached refuses is none', () => {
  for (const text of [
    '',
    'Zm9',
    'Zm9v=',
    'Zm9v====',
    '====',
    'Zm=v',
    'Z===',
    '=m9v',
    'Zm9!',
    'Zm9v Zm9',
    'Zg==Zg==',
    'Zm-_',
  ]) {
    assert.equal(decode(text), null, text);
  }
});
