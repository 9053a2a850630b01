// The memcached reply scanner against a second reading of the same bytes, and the coalescers of what it lets through.
import { firstLineCoalescer } from '../../src/protocol/memcached/first-line-coalescer.ts';
import { memcachedProtocol } from '../../src/protocol/memcached/memcached.ts';
import {
  REPLY_LINE,
  REPLY_META,
  REPLY_META_STORED,
  REPLY_STATS,
  REPLY_STORED,
  REPLY_VALUES,
  REPLY_VERSION,
} from '../../src/protocol/memcached/reply-scanner.ts';
import { linesCoalescer, settingsCoalescer, statsCoalescer } from '../../src/protocol/memcached/stats-coalescer.ts';
import { ValuesCoalescer } from '../../src/protocol/memcached/values-coalescer.ts';
import type { Coalescer } from '../../src/protocol/protocol.ts';
import { ReplyCollector } from '../support/reply-collector.ts';
import { everyCut, expect, type FuzzTarget, quoted, randomCuts, randomOf, tokens } from './fuzz-target.ts';
import { memcachedReply, valueBlock } from './memcached-grammar.ts';
import { type ReplyKind, readReply } from './reference-memcached.ts';
import { expectSameScan, type ScanResult, scanReplies } from './scan-replies.ts';

/** An input begins with a letter for what the request was. */
const KINDS: Readonly<Record<string, readonly [ReplyKind, number]>> = {
  l: ['line', REPLY_LINE],
  s: ['stored', REPLY_STORED],
  v: ['values', REPLY_VALUES],
  t: ['stats', REPLY_STATS],
  n: ['version', REPLY_VERSION],
  m: ['meta', REPLY_META],
  d: ['meta stored', REPLY_META_STORED],
};
const LETTERS = Object.keys(KINDS);

const TOKENS = tokens(
  '\r\n',
  '\n',
  '\r',
  ' ',
  'END\r\n',
  'ERROR\r\n',
  'SERVER_ERROR x\r\n',
  'SERVER_ERROR out of memory writing get response\r\n',
  'CLIENT_ERROR bad command line format\r\n',
  'STORED\r\n',
  'NOT_FOUND\r\n',
  'DELETED\r\n',
  'VALUE a 0 1\r\nx\r\n',
  'VALUE b 0 0 9\r\n\r\n',
  'STAT a 1\r\n',
  'HD\r\n',
  'HD c1 ka\r\n',
  'EN\r\n',
  'VA 1 ka\r\nx\r\n',
  'VERSION 1.6.18\r\n',
  'ITEM a [1 b; 0 s]\r\n',
  'OK\r\n',
  '12\r\n',
  'x'.repeat(2000),
);

const scanner = memcachedProtocol.createReplyScanner();

const replies: FuzzTarget = {
  name: 'memcached replies',
  sources: ['/src/protocol/memcached/reply-'],
  tokens: TOKENS,
  generate(random) {
    const letter = random.pick(LETTERS);
    const list = Array.from({ length: random.between(1, 3) }, () => memcachedReply(random, KINDS[letter]![0]));
    return Buffer.from(letter + list.join(''), 'latin1');
  },
  check(input) {
    const kind = KINDS[String.fromCharCode(input[0] ?? 0)];
    if (kind === undefined) return;
    const [name, number] = kind;
    const body = input.subarray(1);
    const want = referenceScan(body, name);
    expectSameScan(
      want,
      scanReplies(scanner, body, [], () => number),
      'in one piece',
    );
    expectSameScan(
      want,
      scanReplies(scanner, body, everyCut(body.length), () => number),
      'byte by byte',
    );
    const cuts = randomCuts(randomOf(input), body.length);
    expectSameScan(
      want,
      scanReplies(scanner, body, cuts, () => number),
      `cut at ${cuts}`,
    );
  },
};

function referenceScan(body: Buffer, kind: ReplyKind): ScanResult {
  const text = body.toString('latin1');
  const ends: number[] = [];
  const areErrors: boolean[] = [];
  for (let at = 0; at < text.length; ) {
    const reply = readReply(text, at, kind);
    if (reply.kind !== 'reply') return { ends, areErrors, rest: reply.kind };
    areErrors.push(reply.isError);
    ends.push(reply.end);
    at = reply.end;
  }
  return { ends, areErrors, rest: 'nothing' };
}

const LINE_COALESCERS: Readonly<Record<string, readonly [Coalescer, ReplyKind, number]>> = {
  f: [firstLineCoalescer, 'line', REPLY_LINE],
  s: [statsCoalescer, 'stats', REPLY_STATS],
  t: [settingsCoalescer, 'stats', REPLY_STATS],
  l: [linesCoalescer, 'stats', REPLY_STATS],
};

/**
 * What a merge is made of: a letter; for values the keys, each with its owner as a digit before it (`v0a 1b`); a line
 * end; then the replies of the parts, one after the other. What does not fit together is no case.
 */
const coalescers: FuzzTarget = {
  name: 'memcached coalescers',
  sources: ['/src/protocol/memcached/'],
  tokens: TOKENS,
  generate(random) {
    const count = random.between(1, 4);
    if (random.chance(0.4)) {
      const letter = random.pick(Object.keys(LINE_COALESCERS));
      const kind = LINE_COALESCERS[letter]![1];
      const list = Array.from({ length: count }, () => memcachedReply(random, kind));
      return Buffer.from(`${letter}\n${list.join('')}`, 'latin1');
    }
    const keys = Array.from({ length: random.between(1, 6) }, () => random.pick(['a', 'b', 'c', 'dd']));
    const owners = keys.map(key => key.charCodeAt(0) % count);
    const seen = [...new Set(owners)];
    const named = keys.map((key, i) => `${seen.indexOf(owners[i]!)}${key}`);
    const parts = seen.map(owner => {
      if (random.chance(0.05)) return memcachedReply(random, 'values');
      const mine = keys.filter((_, i) => owners[i] === owner && random.chance(0.8));
      return `${mine.map(key => valueBlock(random, key)).join('')}END\r\n`;
    });
    return Buffer.from(`v${named.join(' ')}\n${parts.join('')}`, 'latin1');
  },
  check(input) {
    const newline = input.indexOf(10);
    if (newline < 1) return;
    const head = input.toString('latin1', 0, newline);
    const body = input.subarray(newline + 1);
    if (head[0] === 'v') checkValues(head.slice(1).split(' '), body);
    else if (head.length === 1) checkLines(head, body);
  },
};

export const MEMCACHED_REPLY_TARGETS: readonly FuzzTarget[] = [replies, coalescers];

/** The whole replies that `body` consists of; null when something else is in it. */
function partsOf(body: Buffer, kind: number): Buffer[] | null {
  const { ends, rest } = scanReplies(scanner, body, [], () => kind);
  if (rest !== 'nothing' || ends.length === 0) return null;
  return ends.map((end, i) => body.subarray(i === 0 ? 0 : ends[i - 1]!, end));
}

function mergedText(coalescer: Coalescer, parts: readonly Buffer[], owners: readonly number[]): string {
  const out = new ReplyCollector();
  coalescer.merge(parts, new Int32Array(owners), out);
  return out.text();
}

const ERROR_LINE = /^(?:SERVER_ERROR|CLIENT_ERROR|ERROR)[^\n]*\r\n$/;

function checkValues(named: readonly string[], body: Buffer): void {
  const parts = partsOf(body, REPLY_VALUES);
  if (parts === null || !named.every(each => /^\d[^\0-\x20]+$/.test(each))) return;
  const owners = named.map(each => Number(each[0]));
  const keys = named.map(each => each.slice(1));
  if (owners.some(owner => owner >= parts.length) || parts.some((_, i) => !owners.includes(i))) return;
  const line = Buffer.from(keys.join(' '), 'latin1');
  const text = mergedText(new ValuesCoalescer(line, 0, line.length), parts, owners);
  const want = mergedValues(keys, owners, parts);
  if (want === null) expect(ERROR_LINE.test(text), () => `the parts do not fit, and are merged to ${quoted(text)}`);
  else expect(text === want, () => `merged to ${quoted(text)}, not ${quoted(want)}`);
}

/** By a plain reading: each part's blocks are those of some of its keys, in their order. Null: an error. */
function mergedValues(keys: readonly string[], owners: readonly number[], parts: readonly Buffer[]): string | null {
  const blocks = parts.map(part => blocksOf(part.toString('latin1')));
  if (blocks.includes(null)) return null;
  let text = '';
  for (const [i, key] of keys.entries()) {
    const next = blocks[owners[i]!]![0];
    if (next === undefined || !next.startsWith(`VALUE ${key} `)) continue;
    text += next;
    blocks[owners[i]!]!.shift();
  }
  // Something that was not asked for.
  return blocks.some(left => left!.length > 0) ? null : `${text}END\r\n`;
}

/** The VALUE blocks of a reply; null when it ends in an error. */
function blocksOf(text: string): string[] | null {
  const blocks: string[] = [];
  for (let at = 0; ; ) {
    const head = /^VALUE [^ ]+ \d+ (\d+)[^\n]*\n/.exec(text.slice(at));
    if (head === null) return text.slice(at) === 'END\r\n' ? blocks : null;
    const end = at + head[0].length + Number(head[1]) + 2;
    blocks.push(text.slice(at, end));
    at = end;
  }
}

function checkLines(letter: string, body: Buffer): void {
  const [coalescer, kind, number] = LINE_COALESCERS[letter] ?? [];
  const parts = number === undefined ? null : partsOf(body, number);
  if (coalescer === undefined || kind === undefined || parts === null) return;
  const text = mergedText(coalescer, parts, []);
  const read = readReply(text, 0, kind);
  expect(read.kind === 'reply' && read.end === text.length, () => `merged to ${quoted(text)}, no reply`);
  const hasError = parts.some(part =>
    /(?:^|\n)(?:SERVER_ERROR|CLIENT_ERROR|ERROR)[^\n]*\n$/.test(part.toString('latin1')),
  );
  expect(read.isError || !hasError, () => `one part is an error, and they are merged to ${quoted(text)}`);
}
