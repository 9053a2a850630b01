import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyText } from '../../../src/cli/key-text.ts';

const CASES: readonly [bytes: string | Buffer, text: string][] = [
  ['user:{42}:é', 'user:{42}:é'],
  ['', '""'],
  ['a b', '"a b"'],
  ['say "hi"\\', '"say \\"hi\\"\\\\"'],
  ['a\x1b[31m\r\n', '"a\\x1b[31m\\x0d\\x0a"'],
  [Buffer.from([0xff, 0x41]), '"\\xffA"'],
  // Invisible, and it turns the text after it around.
  ['a\u202eb', '"a\\xe2\\x80\\xaeb"'],
];
for (const [bytes, text] of CASES) {
  test(`a key is shown as ${text}`, () => assert.equal(keyText(Buffer.from(bytes as string)), text));
}
