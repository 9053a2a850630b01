// The Redis reply scanner against a second reading of the same bytes, and the coalescers of what it lets through.
import { coalescerFor, type SharedMergeKind } from '../../src/protocol/redis/coalescers.ts';
import { redisProtocol } from '../../src/protocol/redis/redis.ts';
import { ReplyCollector } from '../support/reply-collector.ts';
import { randomReply } from '../support/resp-replies.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { everyCut, expect, type FuzzTarget, quoted, randomCuts, randomOf, tokens } from './fuzz-target.ts';
import { readReply } from './reference-redis.ts';
import { expectSameScan, type ScanResult, scanReplies } from './scan-replies.ts';

const TOKENS = tokens(
  '\r\n',
  '\r',
  '\n',
  '+OK\r\n',
  '-ERR x\r\n',
  ':1\r\n',
  ':-1\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '$0\r\n\r\n',
  '*0\r\n',
  '*2\r\n',
  '*1\r\n',
  '$3\r\nabc\r\n',
  '$2147483647\r\n',
  '*2147483647\r\n',
  '-',
  '_\r\n',
  '#t\r\n',
  ',1.5\r\n',
  '!5\r\nERR x\r\n',
  '=7\r\ntxt:abc\r\n',
  '%1\r\n+a\r\n:1\r\n',
  '~1\r\n:1\r\n',
  '|1\r\n+a\r\n+b\r\n',
);

const scanner = redisProtocol.createReplyScanner();

const replies: FuzzTarget = {
  name: 'redis replies',
  sources: ['/src/protocol/redis/reply-scanner.ts'],
  tokens: TOKENS,
  generate(random) {
    return Buffer.concat(Array.from({ length: random.between(1, 4) }, () => randomReply(random, 3)));
  },
  check(input) {
    const want = referenceScan(input);
    expectSameScan(
      want,
      scanReplies(scanner, input, [], () => 0),
      'in one piece',
    );
    expectSameScan(
      want,
      scanReplies(scanner, input, everyCut(input.length), () => 0),
      'byte by byte',
    );
    const cuts = randomCuts(randomOf(input), input.length);
    expectSameScan(
      want,
      scanReplies(scanner, input, cuts, () => 0),
      `cut at ${cuts}`,
    );
  },
};

function referenceScan(input: Buffer): ScanResult {
  const text = input.toString('latin1');
  const ends: number[] = [];
  const areErrors: boolean[] = [];
  for (let at = 0; at < text.length; ) {
    const reply = readReply(text, at);
    if (reply.kind !== 'reply') return { ends, areErrors, rest: reply.kind };
    areErrors.push(reply.isError);
    ends.push(reply.end);
    at = reply.end;
  }
  return { ends, areErrors, rest: 'nothing' };
}

/**
 * What the coalescers are given: an input is a kind's letter, the owner of each key as a digit, a line end, then the
 * replies of the parts, one after the other. Inputs of which the scanner takes less or more than the parts are no case.
 */
const KINDS: Readonly<Record<string, SharedMergeKind>> = { v: 'values', s: 'sum', e: 'same', t: 'all_true', k: 'keys' };

const coalescers: FuzzTarget = {
  name: 'redis coalescers',
  sources: ['/src/protocol/redis/coalescers.ts'],
  tokens: [...TOKENS, ...tokens('*2\r\n:1\r\n:0\r\n', '*2\r\n$1\r\na\r\n$-1\r\n', ':9007199254740993\r\n')],
  generate(random) {
    const letter = random.pick(Object.keys(KINDS));
    const partCount = random.between(1, 4);
    const owners = Array.from({ length: random.between(1, 7) }, () => random.between(0, partCount - 1));
    // Parts are numbered as their keys come.
    const seen = [...new Set(owners)];
    const ids = owners.map(owner => seen.indexOf(owner));
    const length = random.between(0, 3);
    const parts = seen.map((_, part) => rightPart(random, letter, ids.filter(id => id === part).length, length));
    if (random.chance(0.2)) parts[random.between(0, parts.length - 1)] = randomReply(random, 2);
    return Buffer.concat([Buffer.from(`${letter}${ids.join('')}\n`), ...parts]);
  },
  check(input) {
    const head = /^([vsetk])([0-7]*)\n/.exec(input.toString('latin1', 0, 64));
    if (head === null) return;
    const kind = KINDS[head[1]!]!;
    const owners = Array.from(head[2]!, Number);
    const body = input.subarray(head[0].length);
    const scan = scanReplies(scanner, body, [], () => 0);
    const parts = scan.ends.map((end, i) => body.subarray(i === 0 ? 0 : scan.ends[i - 1]!, end));
    // Every part has keys: without, it would not have been asked.
    const isCase = scan.rest === 'nothing' && parts.length > 0 && parts.every((_, i) => owners.includes(i));
    // What may be written in two ways is not compared as text.
    const hasOddNumber = parts.some(part => /^[*:]-?0\d/.test(part.toString('latin1', 0, 4)));
    if (!isCase || hasOddNumber || owners.some(owner => owner >= parts.length)) return;
    const out = new ReplyCollector();
    coalescerFor(kind).merge(parts, new Int32Array(owners), out);
    const text = out.text();
    const read = readReply(text, 0);
    expect(read.kind === 'reply' && read.end === text.length, () => `merged to ${quoted(text)}, no reply`);
    const want = merged(kind, parts, owners);
    if (want === null) expect(text[0] === '-', () => `parts do not fit, and are merged to ${quoted(text)}`);
    else expect(text === want, () => `merged to ${quoted(text)}, not ${quoted(want)}`);
  },
};

export const REDIS_REPLY_TARGETS: readonly FuzzTarget[] = [replies, coalescers];

function rightPart(random: SeededRandom, letter: string, keys: number, length: number): Buffer {
  switch (letter) {
    case 'v': {
      const values = Array.from({ length: keys }, () =>
        random.pick(['$-1\r\n', '_\r\n', '$0\r\n\r\n', '$2\r\nab\r\n', '$1\r\n*\r\n']),
      );
      return Buffer.from(`*${keys}\r\n${values.join('')}`);
    }
    case 's':
      return Buffer.from(`:${random.pick([0, 1, 2, 1234567])}\r\n`);
    case 'k': {
      const names = Array.from({ length }, () => random.pick(['$0\r\n\r\n', '$2\r\nab\r\n', '$1\r\n*\r\n']));
      return Buffer.from(`*${length}\r\n${names.join('')}`);
    }
    case 'e':
      return Buffer.from(random.chance(0.9) ? '+OK\r\n' : '$2\r\nab\r\n');
    default:
      return Buffer.from(`*${length}\r\n${Array.from({ length }, () => random.pick([':0\r\n', ':1\r\n'])).join('')}`);
  }
}

/** What the merged reply must be, by a plain reading of the parts; null: an error. */
function merged(kind: SharedMergeKind, parts: readonly Buffer[], owners: readonly number[]): string | null {
  const texts = parts.map(part => part.toString('latin1'));
  const failed = texts.find(text => /^[-!]/.test(text));
  if (failed !== undefined) return failed;
  switch (kind) {
    case 'first':
      return texts[0]!;
    case 'one_of':
      throw new Error('chosen by chance');
    case 'keys': {
      if (!texts.every(text => /^\*\d/.test(text))) return null;
      const count = texts.reduce((total, text) => total + Number(/^\*(\d+)/.exec(text)![1]), 0);
      return `*${count}\r\n${texts.map(text => text.slice(text.indexOf('\n') + 1)).join('')}`;
    }
    case 'same':
      return texts.every(text => text === texts[0]) ? texts[0]! : null;
    case 'sum': {
      if (!texts.every(text => text[0] === ':')) return null;
      const sum = texts.reduce((total, text) => total + BigInt(text.slice(1, -2)), 0n);
      return sum >= -MAX_SUM && sum <= MAX_SUM ? `:${sum}\r\n` : null;
    }
    case 'all_true': {
      const lists = texts.map(bitsOf);
      if (!lists.every(list => list !== null && list.length === lists[0]?.length)) return null;
      const bits = lists[0]!.map((_, i) => `:${lists.every(list => list![i] === 1) ? 1 : 0}\r\n`);
      return `*${bits.length}\r\n${bits.join('')}`;
    }
    case 'values': {
      const lists = texts.map((text, part) => valuesOf(text, owners.filter(owner => owner === part).length));
      if (lists.includes(null)) return null;
      return `*${owners.length}\r\n${owners.map(owner => lists[owner]!.shift()).join('')}`;
    }
  }
}

/** Larger sums are no counts, and no longer exact. */
const MAX_SUM = BigInt(Number.MAX_SAFE_INTEGER);

function bitsOf(text: string): number[] | null {
  const found = /^\*(\d+)\r\n((?::[01]\r\n)*)$/.exec(text);
  if (found === null) return null;
  const bits = found[2]!.match(/[01]/g)?.map(Number) ?? [];
  return Number(found[1]) === bits.length ? bits : null;
}

/** The elements of an array of `count` bulk strings and nulls, as they are written; null when it is none. */
function valuesOf(text: string, count: number): string[] | null {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null || Number(head[1]) !== count) return null;
  const values: string[] = [];
  for (let at = head[0].length; values.length < count; ) {
    const found = /^(?:_\r\n|\$-\d+\r\n|\$(\d+)\r\n)/.exec(text.slice(at, at + 30));
    if (found === null) return null;
    const end = at + found[0].length + (found[1] === undefined ? 0 : Number(found[1]) + 2);
    values.push(text.slice(at, end));
    at = end;
  }
  return values;
}
