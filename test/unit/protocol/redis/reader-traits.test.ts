import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplyReader } from '../../../../src/protocol/redis/reader-traits.ts';
import { ErrorReply } from '../../../../src/protocol/redis/reply-traits.ts';

const WIRE =
  '+OK\r\n-ERR no\r\n:42\r\n$-1\r\n$5\r\na\r\nbc\r\n*2\r\n$1\r\n0\r\n*3\r\n$1\r\nx\r\n$0\r\n\r\n:-1\r\n*-1\r\n*0\r\n';
const WANT = [
  ...[Buffer.from('OK'), new ErrorReply('ERR no'), 42, null, Buffer.from('a\r\nbc')],
  ...[[Buffer.from('0'), [Buffer.from('x'), Buffer.alloc(0), -1]], null, []],
];

test('replies are read at any split', () => {
  const bytes = Buffer.from(WIRE);
  for (let i = 0; i <= bytes.length; i++) {
    const reader = new ReplyReader();
    assert.deepEqual([...reader.read(bytes.subarray(0, i)), ...reader.read(bytes.subarray(i))], WANT, `at ${i}`);
  }
  const reader = new ReplyReader();
  assert.deepEqual(
    [...bytes].flatMap(byte => reader.read(Buffer.from([byte]))),
    WANT,
    'byte by byte',
  );
});

test('what is no reply is an error', () => {
  assert.throws(() => new ReplyReader().read(Buffer.from('HTTP/1.1 400\r\n')));
});
