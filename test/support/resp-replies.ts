// Replies of Redis servers for the scanner, whole and broken, and a maker of random ones.
import type { SeededRandom } from './seeded-random.ts';

export interface ReplyCase {
  readonly name: string;
  readonly wire: Buffer;
  readonly isError: boolean;
}

function reply(name: string, wire: string, isError = false): ReplyCase {
  return { name, wire: Buffer.from(wire, 'latin1'), isError };
}

export const REPLIES: readonly ReplyCase[] = [
  reply('status', '+OK\r\n'),
  reply('empty status', '+\r\n'),
  reply('long status', `+${'x'.repeat(300)}\r\n`),
  reply('error', '-ERR no\r\n', true),
  reply('integer', ':42\r\n'),
  reply('negative integer', ':-9223372036854775808\r\n'),
  reply('bulk string', '$5\r\nhello\r\n'),
  reply('empty bulk string', '$0\r\n\r\n'),
  reply('null bulk string', '$-1\r\n'),
  reply('bulk string full of line ends', '$8\r\n\r\n$-1\r\n*\r\n'),
  reply('bulk string longer than the fast path looks', `$300\r\n${'y'.repeat(300)}\r\n`),
  reply('empty array', '*0\r\n'),
  reply('null array', '*-1\r\n'),
  reply('array of all types', '*6\r\n+a\r\n-ERR b\r\n:3\r\n$1\r\nc\r\n$-1\r\n*-1\r\n'),
  reply('array whose last element is an error', '*2\r\n$1\r\na\r\n-ERR b\r\n'),
  reply('nested arrays', '*2\r\n*2\r\n*0\r\n*1\r\n:1\r\n*1\r\n*1\r\n*1\r\n$2\r\nzz\r\n'),
];

export const BROKEN_REPLIES: readonly (readonly [string, string])[] = [
  ['a type that does not exist', 'x\r\n'],
  ['a type that does not exist, in an array', '*2\r\n:1\r\nOK\r\n'],
  ['no length', '$\r\n'],
  ['a length that is no number', '$5x\r\nhello\r\n'],
  ['a length below -1', '$-2\r\n'],
  ['two signs', ':--1\r\n'],
  ['a sign after a digit', ':1-1\r\n'],
  ['an empty integer', ':\r\n'],
  ['an integer of twenty digits', `:${'1'.repeat(20)}\r\n`],
  ['a bulk string above the limit', '$2147483648\r\n'],
  ['an array above the limit', '*2147483648\r\n'],
  ['no LF after CR', '+OK\rx'],
  ['no LF after a length', '$1\rxa\r\n'],
  ['no CR after a payload', '$1\r\nab\r\n'],
  ['no LF after a payload', '$1\r\na\rb'],
  ['a carriage return in an integer', ':1\r2\r\n'],
];

/** A random reply, nested up to `depth` deep. */
export function randomReply(random: SeededRandom, depth: number): Buffer {
  const kind = Math.floor(random.next() * (depth > 0 ? 8 : 6));
  const length = Math.floor(random.next() ** 3 * 200);
  const text = 'v'.repeat(length);
  switch (kind) {
    case 0:
      return Buffer.from(`+${text}\r\n`);
    case 1:
      return Buffer.from(`-ERR ${text}\r\n`);
    case 2:
      return Buffer.from(`:${Math.floor((random.next() - 0.5) * 2e15)}\r\n`);
    case 3:
      return Buffer.from(random.next() < 0.5 ? '$-1\r\n' : '*-1\r\n');
    case 4:
    case 5: {
      const payload = Buffer.alloc(length, '\r\n$*-');
      return Buffer.concat([Buffer.from(`$${length}\r\n`), payload, Buffer.from('\r\n')]);
    }
    default: {
      const count = Math.floor(random.next() * 5);
      const items = Array.from({ length: count }, () => randomReply(random, depth - 1));
      return Buffer.concat([Buffer.from(`*${count}\r\n`), ...items]);
    }
  }
}
