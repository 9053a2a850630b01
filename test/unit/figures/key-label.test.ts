import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hiddenKey, keyLabel, keyText, labelText } from '../../../src/figures/key-label.ts';

const text = (bytes: string) => keyText(Buffer.from(bytes, 'latin1'), 0, bytes.length);
const label = (bytes: string) => labelText(keyLabel(Buffer.from(bytes, 'latin1'), 0, bytes.length));

test('a key is shown in printable ASCII, and each in another way', () => {
  assert.equal(text('user:{1} ~'), 'user:{1} ~');
  assert.equal(text('\0\r\n\x7f\xff"'), '\\x00\\x0d\\x0a\\x7f\\xff"');
  assert.equal(text('\\x00'), '\\\\x00');
  for (const key of ['user:1', '\0\xff', '\\']) assert.equal(label(key), text(key));
});

test('a long key is told by its beginning and from those that begin the same', () => {
  assert.equal(label('k'.repeat(128)), 'k'.repeat(128));
  const [one, other] = [label(`${'k'.repeat(200)}1`), label(`${'k'.repeat(200)}2`)];
  assert.match(one, /^k{128}… \(201 bytes, [0-9a-f]{16}\)$/);
  assert.notEqual(one, other);
  assert.equal(one, label(`${'k'.repeat(200)}1`));
});

test('a hidden key is the same for the same key, and shows nothing of it', () => {
  assert.equal(hiddenKey('user:1'), hiddenKey('user:1'));
  assert.notEqual(hiddenKey('user:1'), hiddenKey('user:2'));
  assert.match(hiddenKey('user:1'), /^key#[0-9a-f]{16}$/);
});
