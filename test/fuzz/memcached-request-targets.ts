// The memcached request parser and its framer, held against each other and against a second reading of the same bytes.
import { memcachedProtocol } from '../../src/protocol/memcached/memcached.ts';
import type { ParserOptions } from '../../src/protocol/parser-options.ts';
import type { RequestParser } from '../../src/protocol/protocol.ts';
import { ROUTE_KEY, ROUTE_LOCAL, ROUTE_SPLIT } from '../../src/protocol/routes.ts';
import { fragmentOf } from '../support/fragments.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { expectSame, type FeedResult, feedClient, type ReadRequest } from './client-feed.ts';
import { everyCut, expect, type FuzzTarget, quoted, randomCuts, randomOf } from './fuzz-target.ts';
import { MEMCACHED_TOKENS, memcachedRequests } from './memcached-grammar.ts';
import { type ReferenceRequest, readRequest } from './reference-memcached.ts';

const OPTIONS: ParserOptions = { poolName: 'p', version: '1.2.3', maxRequestBytes: 513 << 20, password: null };

export const MEMCACHED_REQUEST_TARGETS: readonly FuzzTarget[] = [
  requestTarget('memcached requests', OPTIONS),
  requestTarget('memcached requests, small limit', { ...OPTIONS, maxRequestBytes: 1024 }),
];

function requestTarget(name: string, options: ParserOptions): FuzzTarget {
  // One for all clients of a pool, as in a worker: what it keeps from one request must not matter to the next.
  const parser = memcachedProtocol.createParser(options);
  return {
    name,
    sources: ['/src/protocol/memcached/'],
    tokens: MEMCACHED_TOKENS,
    generate: memcachedRequests,
    check(input) {
      const text = input.toString('latin1');
      const random = randomOf(input);
      let at = 0;
      const feed = (cuts: readonly number[]) => feedClient(memcachedProtocol, options, parser, input, cuts);
      const whole = feedClient(memcachedProtocol, options, parser, input, [], undefined, (request, _parser, bytes) => {
        const reference = readRequest(text, at, options.maxRequestBytes);
        if (reference.kind === 'request') {
          checkRequest(request, reference.words, reference.data);
          if (request.route === ROUTE_SPLIT) checkFragments(bytes, parser, reference.words, random);
          at = reference.end;
        } else if (reference.kind === 'binary') {
          checkBinary(request, reference, text.slice(at));
          at = reference.end;
          // The gets of a run are one request.
          for (const key of request.route === ROUTE_SPLIT ? request.keys.slice(1) : []) {
            const next = readRequest(text, at, options.maxRequestBytes);
            expect(
              next.kind === 'binary' && next.fate === 'good' && next.key === key,
              () => `${quoted(key)} is not next`,
            );
            if (next.kind === 'binary') at = next.end;
          }
          if (request.route === ROUTE_SPLIT)
            checkFragments(bytes, parser, request.forwarded.trimEnd().split(' '), random);
        } else {
          const isRefused = request.closesClient && /^(?:CLIENT_ERROR .*\r\n)?$/.test(request.reply);
          expect(isRefused, () => `${quoted(text.slice(at))} is ${reference.kind}, but was read as ${show(request)}`);
        }
      });
      if (whole.leftBytes !== 0) {
        // Bytes of a partial request, or bytes that are still to be skipped.
        expect(
          whole.leftBytes === at - text.length,
          () => `${whole.leftBytes} bytes are left, not ${at - text.length}`,
        );
        const isCut = at > text.length || readRequest(text, at, options.maxRequestBytes).kind === 'incomplete';
        expect(isCut, () => `${quoted(text.slice(at))} is no incomplete request`);
      }
      const flat = withoutRuns(whole);
      expectSame(flat, withoutRuns(feed(everyCut(input.length))), 'byte by byte');
      const cuts = randomCuts(random, input.length);
      expectSame(flat, withoutRuns(feed(cuts)), `cut at ${cuts}`);
    },
  };
}

type BinaryReference = Extract<ReferenceRequest, { readonly kind: 'binary' }>;

function checkBinary(request: ReadRequest, { fate, opcode, key, value }: BinaryReference, text: string): void {
  const isLocal = request.route === ROUTE_LOCAL;
  const says = (): string => `${fate} ${quoted(text.slice(0, 300))} became ${show(request)}`;
  if (isLocal) {
    const isQuit = opcode === 0x07 || opcode === 0x17;
    expect(request.closesClient === (fate !== 'refused' && (fate !== 'good' || isQuit)), says);
    const isSilent = fate === 'closed' || (fate === 'good' && opcode === 0x17);
    const { reply } = request;
    expect(isSilent ? reply === '' : reply[0] === '\x81' && reply.charCodeAt(1) === opcode, says);
    expect(isSilent || reply.slice(12, 16) === text.slice(12, 16), says);
    return;
  }
  expect(fate === 'good' && !request.closesClient && !request.isNoreply, says);
  // Nothing of the packet is a line of its own.
  const again = readRequest(request.forwarded, 0, Number.POSITIVE_INFINITY);
  expect(again.kind === 'request' && again.end === request.forwarded.length, says);
  if (again.kind !== 'request') return;
  expect((again.data ?? '\r\n') === `${value}\r\n`, says);
  if (request.keys.length > 0) expect(request.keys[0] === key, says);
  else expect(/^(?:flush_all|verbosity|version|stats)$/.test(again.words[0]!), says);
  // What a server would read: the same key.
  const [name = ''] = again.words;
  if (request.route === ROUTE_KEY)
    expect((META.test(name) ? metaKey(again.words) : keysOf(again.words)[0]) === key, says);
}

/** Gets of a run one by one, as they are when they do not come together. */
function withoutRuns(result: FeedResult): FeedResult {
  const requests = result.requests.flatMap(request => {
    if (!/^(?:getk?q?|gatk?q?)$/.test(request.command) || !/^ga?e?ts /.test(request.forwarded)) return [request];
    const [name, ...words] = request.forwarded.trimEnd().split(' ');
    if (words.length === request.keys.length + 2) return [request];
    const start = [name, ...words.slice(0, words.length - request.keys.length)].join(' ');
    return request.keys.map(key => ({
      ...request,
      route: ROUTE_KEY,
      command: 'get',
      keys: [key],
      forwarded: `${start} ${key}`,
    }));
  });
  return { ...result, requests };
}

const TAKES_NOREPLY = /^(?:set|add|replace|append|prepend|cas|incr|decr|touch|delete|flush_all|verbosity)$/;

/** `words`, `data`: what the second reading made of the same bytes. */
function checkRequest(request: ReadRequest, words: readonly string[], data: string | null): void {
  const name = words[0] ?? '';
  if (request.route === ROUTE_LOCAL) {
    const isAnswer = /^[A-Z][^\r\n]*\r\n$/.test(request.reply);
    const isSilent = name === 'quit' || (request.isNoreply && words.at(-1) === 'noreply');
    expect(isAnswer || (request.reply === '' && isSilent), () => `answered ${quoted(request.reply)} to ${words}`);
    return;
  }
  const { forwarded } = request;
  const again = readRequest(forwarded, 0, Number.POSITIVE_INFINITY);
  const isOne = again.kind === 'request' && again.end === forwarded.length && !request.closesClient;
  expect(isOne, () => `not one request: ${quoted(forwarded)}`);
  expect(again.data === data, () => `data ${quoted(data ?? '')} became ${quoted(again.data ?? '')}`);
  expect(data === null || data.endsWith('\r\n'), () => `bad data is forwarded: ${quoted(forwarded)}`);
  // A server that sees noreply is silent, and the next reply would be taken for the one that is awaited.
  const couldSilence = TAKES_NOREPLY.test(name) && !(name === 'delete' && again.words.length === 2);
  expect(!couldSilence || again.words.at(-1) !== 'noreply', () => `the server would be silent: ${quoted(forwarded)}`);
  const isAsked = TAKES_NOREPLY.test(name) && words.at(-1) === 'noreply' && !(name === 'delete' && words.length === 2);
  expect(request.isNoreply === isAsked, () => `isNoreply is ${request.isNoreply} for ${quoted(words.join(' '))}`);
  // With the word that is cut out goes what stands between it and a line end of LF alone.
  if (META.test(name)) {
    const left = words.filter((word, i) => i < (name === 'ms' ? 3 : 2) || !word.startsWith('q') || name === 'me');
    const isAllButQuiet = left.join(' ') === again.words.join(' ');
    expect(isAllButQuiet, () => `${quoted(words.join(' '))} became ${quoted(again.words.join(' '))}`);
    const [key = ''] = request.keys;
    const wanted = metaKey(words);
    expect(key === wanted, () => `the key of ${quoted(words.join(' '))} is ${quoted(key)}, not ${quoted(wanted)}`);
    return;
  }
  const isPrefix = again.words.every((word, i) => word === words[i]) && words.length - again.words.length <= 1;
  expect(isPrefix, () => `${quoted(words.join(' '))} became ${quoted(again.words.join(' '))}`);
  const keys = keysOf(words);
  const isSame = keys.length === request.keys.length && keys.every((key, i) => key === request.keys[i]);
  expect(isSame, () => `the keys of ${quoted(words.join(' '))} are ${quoted(request.keys.join(' '))}`);
}

const META = /^m[gsdae]$/;

/** The bytes that its key stands for; of one that stands for none, those that it has. */
function metaKey(words: readonly string[]): string {
  const [name, key = ''] = words;
  if (!words.slice(name === 'ms' ? 3 : 2).some(word => word.startsWith('b'))) return key;
  const isBase64 = key.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(key);
  return isBase64 ? Buffer.from(key, 'base64').toString('latin1') : key;
}

function keysOf(words: readonly string[]): readonly string[] {
  const [name = ''] = words;
  if (/^gets?$/.test(name)) return words.slice(1);
  if (/^gats?$/.test(name)) return words.slice(2);
  return /^(?:stats|flush_all|verbosity|version)$/.test(name) ? [] : words.slice(1, 2);
}

/** The fragment of a random choice of keys is the same command with those keys. */
function checkFragments(bytes: Buffer, parser: RequestParser, words: readonly string[], random: SeededRandom): void {
  const keys = keysOf(words);
  const members = keys.map((_, i) => i).filter(() => random.chance(0.5));
  if (members.length === 0) members.push(0);
  const fragment = fragmentOf(parser, bytes, 0, bytes.length, members);
  const want = [...words.slice(0, words.length - keys.length), ...members.map(i => keys[i]!)].join(' ');
  const text = fragment.toString('latin1');
  expect(text === `${want}\r\n`, () => `the fragment of ${members} is ${quoted(text)}`);
}

function show({ command, reply, forwarded }: ReadRequest): string {
  return `${command} ${quoted(reply || forwarded)}`;
}
