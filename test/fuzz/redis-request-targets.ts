// The Redis request parser and its framer, held against each other and against a second reading of the same bytes.
import type { ParserOptions } from '../../src/protocol/parser-options.ts';
import { redisProtocol } from '../../src/protocol/redis/redis.ts';
import type { RedisSession } from '../../src/protocol/redis/session.ts';
import { ROUTE_LOCAL, ROUTE_SPLIT } from '../../src/protocol/routes.ts';
import { fragmentOf } from '../support/fragments.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { expectSame, feedClient, type ReadRequest } from './client-feed.ts';
import { everyCut, expect, type FuzzTarget, quoted, randomCuts, randomOf } from './fuzz-target.ts';
import { REDIS_TOKENS, redisRequests } from './redis-grammar.ts';
import { readReply, readRequest } from './reference-redis.ts';

const OPTIONS: ParserOptions = { poolName: 'p', version: '1.2.3', maxRequestBytes: 513 << 20, password: null };

export const REDIS_REQUEST_TARGETS: readonly FuzzTarget[] = [
  requestTarget('redis requests', OPTIONS),
  requestTarget('redis requests, small limit', { ...OPTIONS, maxRequestBytes: 1024 }),
  requestTarget('redis requests, password', { ...OPTIONS, password: 'pw' }),
];

function requestTarget(name: string, options: ParserOptions): FuzzTarget {
  // One for all clients of a pool, as in a worker: what it keeps from one request must not matter to the next.
  const parser = redisProtocol.createParser(options);
  return {
    name,
    sources: ['/src/protocol/redis/', '/src/proxy/client/partial-request.ts'],
    tokens: REDIS_TOKENS,
    generate: redisRequests,
    check(input) {
      const text = input.toString('latin1');
      const random = randomOf(input);
      const session = redisProtocol.createSession(1) as RedisSession;
      const limits = { maxRequestBytes: options.maxRequestBytes, isLocked: options.password !== null };
      let at = 0;
      const whole = feedClient(redisProtocol, options, parser, input, [], session, (request, _parser, bytes) => {
        const reference = readRequest(text, at, limits);
        if (reference.kind === 'request') {
          checkRequest(request, reference.args, limits);
          if (request.route === ROUTE_SPLIT) checkFragments(bytes, parser, reference.args, random);
          at = reference.end;
        } else {
          const isRefused = request.closesClient && /^-ERR Protocol error: .*\r\n$/.test(request.reply);
          expect(isRefused, () => `${quoted(text.slice(at))} is ${reference.kind}, but was read as ${show(request)}`);
        }
        limits.isLocked = options.password !== null && !session.isAuthenticated;
      });
      if (whole.leftBytes !== 0) {
        const reference = readRequest(text, at, limits);
        expect(reference.kind === 'incomplete', () => `${quoted(text.slice(at))} is no incomplete request`);
        expect(whole.leftBytes === at - text.length, () => `${whole.leftBytes} bytes are left`);
      }
      expectSame(whole, feedClient(redisProtocol, options, parser, input, everyCut(input.length)), 'byte by byte');
      const cuts = randomCuts(random, input.length);
      expectSame(whole, feedClient(redisProtocol, options, parser, input, cuts), `cut at ${cuts}`);
    },
  };
}

/** What servers read in other words than clients write. */
const REWORDED: readonly string[] = ['flushall', 'hello', 'info', 'scan', 'select'];

/** `args`: what the second reading made of the same bytes. */
function checkRequest(request: ReadRequest, args: readonly string[], limits: { isLocked: boolean }): void {
  if (request.route === ROUTE_LOCAL) {
    const { reply } = request;
    if (args.length === 0) {
      expect(reply === '' && !request.closesClient, () => `nothing was asked, and answered ${quoted(reply)}`);
      return;
    }
    const isProtocolError = reply.startsWith('-ERR Protocol error');
    expect(!isProtocolError, () => `a whole request of ${quoted(args.join(' '))} was refused: ${quoted(reply)}`);
    const parsed = readReply(reply, 0);
    const isReply = parsed.kind === 'reply' && parsed.end === reply.length;
    expect(isReply || (reply === '' && request.closesClient), () => `the answer is no reply: ${quoted(reply)}`);
    return;
  }
  expect(!limits.isLocked, () => `forwarded without a password: ${show(request)}`);
  const { forwarded } = request;
  const again = readRequest(forwarded, 0, { maxRequestBytes: Number.POSITIVE_INFINITY, isLocked: false });
  expect(again.kind === 'request' && again.end === forwarded.length, () => `not one request: ${quoted(forwarded)}`);
  expect(forwarded[0] === '*', () => `not an array: ${quoted(forwarded)}`);
  const isReworded = REWORDED.includes(args[0]!.toLowerCase());
  expect(
    isReworded || isSameList(again.args, args),
    () => `${quoted(args.join('|'))} became ${quoted(again.args.join('|'))}`,
  );
  for (const key of request.keys)
    expect(args.includes(key), () => `key ${quoted(key)} is no argument of ${show(request)}`);
}

/** Fragments of a random division of the keys: each is one request with its keys, and what belongs to them. */
function checkFragments(
  bytes: Buffer,
  parser: ReturnType<typeof redisProtocol.createParser>,
  args: readonly string[],
  random: SeededRandom,
): void {
  const { keyCount } = parser;
  const isMset = args[0]!.toLowerCase() === 'mset';
  const step = isMset ? 2 : 1;
  const members: number[] = [];
  for (let i = 0; i < keyCount; i++) if (random.chance(0.5)) members.push(i);
  if (members.length === 0) members.push(random.between(0, keyCount - 1));
  const fragment = fragmentOf(parser, bytes, 0, bytes.length, members);
  const text = fragment.toString('latin1');
  const read = readRequest(text, 0, { maxRequestBytes: Number.POSITIVE_INFINITY, isLocked: false });
  expect(read.kind === 'request' && read.end === text.length, () => `a fragment is not one request: ${quoted(text)}`);
  const want = [args[0]!, ...members.flatMap(i => args.slice(1 + i * step, 1 + (i + 1) * step))];
  expect(isSameList(read.args, want), () => `the fragment of ${members} is ${quoted(text)}`);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}

function show({ command, reply, forwarded }: ReadRequest): string {
  return `${command} ${quoted(reply || forwarded)}`;
}
