import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NameStripper } from '../../../../../src/protocol/redis/key-prefix/name-stripper.ts';
import {
  type ReplyShape,
  SHAPE_ERROR,
  SHAPE_FIRST,
  SHAPE_NAME,
  SHAPE_NAMES,
  SHAPE_PAIRS,
  SHAPE_PLAIN,
  SHAPE_RUN,
  SHAPE_SCAN,
  SHAPE_STREAMS,
} from '../../../../../src/protocol/redis/key-prefix/reply-shape.ts';

const PREFIX = Buffer.from('app:');

/** The reply as it is read in pieces that end at these places. */
function stripped(
  reply: string,
  shape: ReplyShape,
  cuts: readonly number[],
  ofRun: readonly ReplyShape[] = [],
): string {
  const stripper = new NameStripper(PREFIX, shape, ofRun);
  const bytes = Buffer.from(reply, 'latin1');
  const read: string[] = [];
  const out = {
    append: (buf: Buffer, start: number, end: number) => void read.push(buf.toString('latin1', start, end)),
  };
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    const around = Buffer.concat([Buffer.from('xx'), bytes.subarray(from, cut), Buffer.from('yy')]);
    stripper.piece(around, 2, 2 + cut - from, cut === bytes.length, out);
    around.fill(0);
    from = cut;
  }
  return read.join('');
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const list = (...items: readonly string[]) => `*${items.length}\r\n${items.join('')}`;
const map = (...items: readonly string[]) => `%${items.length / 2}\r\n${items.join('')}`;

interface Case {
  readonly name: string;
  readonly shape: ReplyShape;
  readonly reply: string;
  readonly read: string;
  readonly ofRun?: readonly ReplyShape[];
}

const entries = list(list(bulk('1-1'), list(bulk('app:field'), bulk('app:value'))));
const CASES: readonly Case[] = [
  { name: 'a name', shape: SHAPE_NAME, reply: bulk('app:k'), read: bulk('k') },
  { name: 'an empty name', shape: SHAPE_NAME, reply: bulk('app:'), read: bulk('') },
  { name: 'no name', shape: SHAPE_NAME, reply: '$-1\r\n', read: '$-1\r\n' },
  { name: 'no name in RESP3', shape: SHAPE_NAME, reply: '_\r\n', read: '_\r\n' },
  {
    name: 'names, of which one is long and one has line ends',
    shape: SHAPE_NAMES,
    reply: list(bulk('app:a'), bulk(`app:${'k'.repeat(120)}`), bulk('app:\r\n$3\r\n')),
    read: list(bulk('a'), bulk('k'.repeat(120)), bulk('\r\n$3\r\n')),
  },
  { name: 'no names', shape: SHAPE_NAMES, reply: '*0\r\n', read: '*0\r\n' },
  {
    name: 'names that are not the client’s',
    shape: SHAPE_NAMES,
    reply: list(bulk('other:a'), bulk(''), bulk('app'), bulk('app:a')),
    read: list('$-1\r\n', '$-1\r\n', '$-1\r\n', bulk('a')),
  },
  {
    name: 'a name and a value like it',
    shape: SHAPE_FIRST,
    reply: list(bulk('app:k'), bulk('app:v')),
    read: list(bulk('k'), bulk('app:v')),
  },
  {
    name: 'a name and nested values',
    shape: SHAPE_FIRST,
    reply: list(bulk('app:k'), list(list(bulk('app:v'), ',1.5\r\n'), list())),
    read: list(bulk('k'), list(list(bulk('app:v'), ',1.5\r\n'), list())),
  },
  { name: 'a null array', shape: SHAPE_FIRST, reply: '*-1\r\n', read: '*-1\r\n' },
  {
    name: 'names and counts',
    shape: SHAPE_PAIRS,
    reply: list(bulk('app:a'), ':1\r\n', bulk('app:b'), ':0\r\n'),
    read: list(bulk('a'), ':1\r\n', bulk('b'), ':0\r\n'),
  },
  {
    name: 'a scan',
    shape: SHAPE_SCAN,
    reply: list(bulk('17'), list(bulk('app:a'), bulk('app:b'))),
    read: list(bulk('17'), list(bulk('a'), bulk('b'))),
  },
  {
    name: 'streams',
    shape: SHAPE_STREAMS,
    reply: list(list(bulk('app:s'), entries), list(bulk('app:t'), list())),
    read: list(list(bulk('s'), entries), list(bulk('t'), list())),
  },
  {
    name: 'streams in RESP3',
    shape: SHAPE_STREAMS,
    reply: map(bulk('app:s'), entries, bulk('app:t'), list()),
    read: map(bulk('s'), entries, bulk('t'), list()),
  },
  {
    name: 'an attribute before a name',
    shape: SHAPE_NAMES,
    reply: `*2\r\n|1\r\n${bulk('app:x')}:1\r\n${bulk('app:a')}${bulk('app:b')}`,
    read: `*2\r\n|1\r\n${bulk('app:x')}:1\r\n${bulk('a')}${bulk('b')}`,
  },
  {
    name: 'what a transaction answers',
    shape: SHAPE_RUN,
    ofRun: [SHAPE_PLAIN, SHAPE_FIRST, SHAPE_NAMES, SHAPE_STREAMS, SHAPE_PLAIN, SHAPE_NAME],
    reply: list(
      bulk('app:v'),
      list(bulk('app:k'), bulk('app:v')),
      list(bulk('app:a')),
      map(bulk('app:s'), entries),
      list(bulk('app:v'), '=7\r\ntxt:app\r\n', '#t\r\n', '(123\r\n', '~1\r\n+app:\r\n'),
      bulk('app:b'),
    ),
    read: list(
      bulk('app:v'),
      list(bulk('k'), bulk('app:v')),
      list(bulk('a')),
      map(bulk('s'), entries),
      list(bulk('app:v'), '=7\r\ntxt:app\r\n', '#t\r\n', '(123\r\n', '~1\r\n+app:\r\n'),
      bulk('b'),
    ),
  },
  {
    name: 'an error that begins with the key',
    shape: SHAPE_ERROR,
    reply: "-NOGROUP No such key 'app:k' or consumer group 'app:g' in XREADGROUP with GROUP option\r\n",
    read: "-NOGROUP No such key 'k' or consumer group 'app:g' in XREADGROUP with GROUP option\r\n",
  },
  {
    name: 'an error that ends with the key, in a transaction',
    shape: SHAPE_RUN,
    ofRun: [SHAPE_ERROR, SHAPE_PLAIN],
    reply: list("-NOGROUP No such consumer group 'app:g' for key name 'app:k'\r\n", bulk('app:v')),
    read: list("-NOGROUP No such consumer group 'app:g' for key name 'k'\r\n", bulk('app:v')),
  },
  {
    name: 'an unknown command',
    shape: SHAPE_ERROR,
    reply: "-ERR unknown command 'x', with args beginning with: 'app:k' 'v' \r\n",
    read: "-ERR unknown command 'x', with args beginning with: 'k' 'v' \r\n",
  },
  { name: 'another error', shape: SHAPE_NAME, reply: "-ERR 'app:k'\r\n", read: "-ERR 'app:k'\r\n" },
  { name: 'what is no error', shape: SHAPE_ERROR, reply: list(bulk('app:k')), read: list(bulk('app:k')) },
];

for (const { name, shape, reply, read, ofRun } of CASES) {
  test(`${name}: the prefix is taken off wherever the reply is cut`, () => {
    assert.equal(stripped(reply, shape, [], ofRun), read);
    for (let i = 0; i <= reply.length; i++) {
      assert.equal(stripped(reply, shape, [i], ofRun), read, `cut at ${i}`);
      const later = Math.min(reply.length, i + 3);
      assert.equal(stripped(reply, shape, [i, later], ofRun), read, `cut at ${i} and ${later}`);
    }
    const all = Array.from({ length: reply.length }, (_, i) => i);
    assert.equal(stripped(reply, shape, all, ofRun), read, 'byte by byte');
  });
}
