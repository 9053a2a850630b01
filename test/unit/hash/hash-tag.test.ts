import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HashTag } from '../../../src/hash/hash-tag.ts';

const CASES: readonly { tag: string; key: string; hashed: string }[] = [
  { tag: '{}', key: '{user1}:a', hashed: 'user1' },
  { tag: '{}', key: 'a:{user1}', hashed: 'user1' },
  { tag: '{}', key: 'plain', hashed: 'plain' },
  { tag: '{}', key: '', hashed: '' },
  { tag: '{}', key: '{', hashed: '{' },
  { tag: '{}', key: '{}', hashed: '{}' },
  { tag: '{}', key: '{}{a}', hashed: '{}{a}' },
  { tag: '{}', key: '{open', hashed: '{open' },
  { tag: '{}', key: 'close}', hashed: 'close}' },
  { tag: '{}', key: '}a{b}c', hashed: 'b' },
  { tag: '{}', key: '{{a}}', hashed: '{a' },
  { tag: '{}', key: '{a}{b}', hashed: 'a' },
  { tag: '$$', key: 'x$u$y', hashed: 'u' },
  { tag: '$$', key: '$u', hashed: '$u' },
  { tag: '$$', key: '$$u$', hashed: '$$u$' },
];

for (const { tag, key, hashed } of CASES) {
  test(`hash tag ${tag}: of ${JSON.stringify(key)} it hashes ${JSON.stringify(hashed)}`, () => {
    const hashTag = new HashTag(tag.charCodeAt(0), tag.charCodeAt(1));
    // Tag bytes around the key belong to other keys of the chunk.
    for (const [before, after] of [
      ['', ''],
      [tag, tag],
      [tag[0], tag[1]],
      [tag[1], tag[0]],
    ]) {
      const chunk = Buffer.from(`${before}${key}${after}`);
      hashTag.locate(chunk, before!.length, before!.length + key.length);
      assert.equal(chunk.toString('latin1', hashTag.start, hashTag.end), hashed);
      assert.ok(hashTag.start >= before!.length && hashTag.end <= before!.length + key.length);
    }
  });
}

test('hash tag: bytes above 0x7f are found as bytes', () => {
  const hashTag = new HashTag(0xc3, 0xa9);
  const key = Buffer.from([0x61, 0xc3, 0xff, 0xa9, 0x62]);
  hashTag.locate(key, 0, key.length);
  assert.deepEqual([hashTag.start, hashTag.end], [2, 3]);
});

test('hash tag: each call answers for its own key', () => {
  const hashTag = new HashTag(0x7b, 0x7d);
  hashTag.locate(Buffer.from('xx{a}'), 0, 5);
  hashTag.locate(Buffer.from('plain'), 1, 4);
  assert.deepEqual([hashTag.start, hashTag.end], [1, 4]);
});
