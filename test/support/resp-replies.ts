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
  reply('RESP3 null', '_\r\n'),
  reply('double', ',1.5\r\n'),
  reply('infinite double', ',-inf\r\n'),
  reply('double longer than the fast path looks', `,1.${'0'.repeat(100)}1\r\n`),
  reply('true', '#t\r\n'),
  reply('false', '#f\r\n'),
  reply('big number', '(-3492890328409238509324850943850943825024385\r\n'),
  reply('blob error', '!20\r\nSYNTAX invalid\r\n_\r\n,\r\n', true),
  reply('verbatim string', '=16\r\ntxt:Some\r\nstring\r\n'),
  reply('map', '%2\r\n+first\r\n:1\r\n$6\r\nsecond\r\n_\r\n'),
  reply('empty map', '%0\r\n'),
  reply('map of maps', '%1\r\n%1\r\n+a\r\n#f\r\n%2\r\n+b\r\n*1\r\n,3\r\n+c\r\n~1\r\n:1\r\n'),
  reply('set', '~3\r\n+orange\r\n:9\r\n#t\r\n'),
  reply('empty set', '~0\r\n'),
  reply('members with scores', '*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n'),
  reply('set that ends with an error', '~2\r\n:1\r\n-ERR no\r\n'),
  reply(
    'attribute and what it describes',
    '|1\r\n+popularity\r\n%2\r\n+a\r\n,0.19\r\n+b\r\n,0.01\r\n*2\r\n:1\r\n:2\r\n',
  ),
  reply('empty attribute', '|0\r\n+OK\r\n'),
  reply('attributes of attributes', '|1\r\n|1\r\n+a\r\n+b\r\n+c\r\n-no error\r\n|1\r\n+d\r\n+e\r\n:1\r\n'),
  reply('attribute of an element', '*3\r\n:1\r\n|1\r\n+ttl\r\n:3600\r\n:2\r\n:3\r\n'),
  reply('attribute of an error', '|1\r\n+a\r\n*2\r\n:1\r\n:2\r\n-ERR no\r\n', true),
  reply('attribute of an array with an error', '|1\r\n+a\r\n+b\r\n*1\r\n-ERR no\r\n'),
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
  ['a RESP3 null with something in it', '_x\r\n'],
  ['a truth that is neither', '#x\r\n'],
  ['a truth that goes on', '#tt\r\n'],
  ['a null map', '%-1\r\n'],
  ['a null set', '~-1\r\n'],
  ['a null verbatim string', '=-1\r\n'],
  ['a null blob error', '!-1\r\n'],
  ['a negative attribute', '|-1\r\n'],
  ['a map above the limit', '%2147483648\r\n'],
  ['a blob error without line end', '!2\r\nabc\r\n'],
  ['a push', '>2\r\n+message\r\n+x\r\n'],
  ['a push before the reply to something', '>1\r\n+invalidate\r\n+OK\r\n'],
  ['a push in an array', '*1\r\n>1\r\n+x\r\n'],
  ['a streamed string', '$?\r\n;4\r\nHell\r\n;0\r\n'],
  ['a streamed array', '*?\r\n:1\r\n.\r\n'],
  ['a streamed map', '%?\r\n+a\r\n:1\r\n.\r\n'],
];

/** A random reply of either version, nested up to `depth` deep. */
export function randomReply(random: SeededRandom, depth: number): Buffer {
  const kind = Math.floor(random.next() * (depth > 0 ? 15 : 9));
  const length = Math.floor(random.next() ** 3 * 200);
  const text = 'v'.repeat(length);
  switch (kind) {
    case 0:
      return Buffer.from(`${random.pick(['+', ',', '('])}${text}\r\n`);
    case 1:
      return Buffer.from(`-ERR ${text}\r\n`);
    case 2:
      return Buffer.from(`:${Math.floor((random.next() - 0.5) * 2e15)}\r\n`);
    case 3:
      return Buffer.from(random.pick(['$-1\r\n', '*-1\r\n', '_\r\n', '#t\r\n', '#f\r\n']));
    case 4:
    case 5:
    case 6:
    case 7:
    case 8: {
      const payload = Buffer.alloc(length, '\r\n$*-');
      const type = random.pick(['$', '$', '$', '=', '!']);
      return Buffer.concat([Buffer.from(`${type}${length}\r\n`), payload, Buffer.from('\r\n')]);
    }
    case 9: {
      const described = randomReply(random, depth - 1);
      return Buffer.concat([randomAggregate(random, '|', depth), described]);
    }
    default:
      return randomAggregate(random, random.pick(['*', '*', '~', '%']), depth);
  }
}

function randomAggregate(random: SeededRandom, type: string, depth: number): Buffer {
  const count = Math.floor(random.next() * 5);
  const values = type === '%' || type === '|' ? count * 2 : count;
  const items = Array.from({ length: values }, () => randomReply(random, depth - 1));
  return Buffer.concat([Buffer.from(`${type}${count}\r\n`), ...items]);
}
