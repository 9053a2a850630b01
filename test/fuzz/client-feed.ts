// Reads a client's bytes as a client connection does, for any protocol: requests are parsed where they lie, what arrives
// in pieces goes through framer and partial request, what a local answer leaves to be skipped is skipped.

import type { ParserOptions } from '../../src/protocol/parser-options.ts';
import { INCOMPLETE, type Protocol, type RequestParser, type Session } from '../../src/protocol/protocol.ts';
import { ROUTE_LOCAL } from '../../src/protocol/routes.ts';
import { PartialRequest } from '../../src/proxy/client/partial-request.ts';
import { expect, Fault, quoted } from './fuzz-target.ts';

/** What the parser made of one request; texts are latin1. */
export interface ReadRequest {
  readonly route: number;
  readonly command: string;
  readonly replyKind: number;
  readonly keys: readonly string[];
  readonly isNoreply: boolean;
  /** ROUTE_LOCAL only. */
  readonly reply: string;
  readonly closesClient: boolean;
  /** As it goes to a server; empty for ROUTE_LOCAL. */
  readonly forwarded: string;
}

/** Sees each request while the parser still describes it. `bytes` is what key ranges are positions in. */
export type RequestWatcher = (
  request: ReadRequest,
  parser: RequestParser,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

/** Over all that was fed: the requests, and how many bytes at the end are no whole request. */
export interface FeedResult {
  readonly requests: readonly ReadRequest[];
  readonly leftBytes: number;
}

const PLACEHOLDER = 0x2a;
const GAP_BYTES = 8;

/** Feeds `input`, cut at `cuts`, to a new client of `parser`. `watch` is for a feed in one piece. */
export function feedClient(
  protocol: Protocol,
  options: ParserOptions,
  parser: RequestParser,
  input: Buffer,
  cuts: readonly number[],
  session: Session = protocol.createSession(1),
  watch?: RequestWatcher,
): FeedResult {
  const framer = protocol.createFramer(options, session);
  const requests: ReadRequest[] = [];
  let partial: PartialRequest | null = null;
  let partialBytes = 0;
  let skipBytes = 0;

  /** Parses once; the position after the request, or INCOMPLETE. */
  function take(buf: Buffer, start: number, end: number): number {
    const stop = parser.parse(session, buf, start, end);
    if (stop === INCOMPLETE) return stop;
    expect(stop > start, () => `parse returned ${stop} for ${start}–${end}`);
    const isLocal = parser.route === ROUTE_LOCAL;
    expect(stop <= end || isLocal, () => `a request that is forwarded ends at ${stop}, after ${end}`);
    const request = describe(parser, buf, start, Math.min(stop, end));
    watch?.(request, parser, parser.rewritten ?? buf, start, Math.min(stop, end));
    requests.push(request);
    return stop;
  }

  function tooLarge(): FeedResult {
    requests.push({
      ...NOTHING,
      command: 'unknown',
      reply: protocol.tooLargeReply.toString('latin1'),
      closesClient: true,
    });
    return { requests, leftBytes: 0 };
  }

  // Pieces lie apart, with something between them that must not be read.
  const chunk = Buffer.alloc(input.length + (cuts.length + 1) * GAP_BYTES, PLACEHOLDER);
  let from = 0;
  let at = 0;
  for (let i = 0; i <= cuts.length; i++) {
    const to = i === cuts.length ? input.length : cuts[i]!;
    const begin = from + i * GAP_BYTES;
    input.copy(chunk, begin, from, to);
    const end = begin + to - from;
    from = to;
    at = begin;
    while (at < end) {
      if (skipBytes > 0) {
        const skipped = Math.min(skipBytes, end - at);
        skipBytes -= skipped;
        at += skipped;
        continue;
      }
      if (partial !== null) {
        const stop = framer.scan(chunk, at, end);
        expect(stop === INCOMPLETE || (stop > at && stop <= end), () => `the framer returned ${stop} for ${at}–${end}`);
        if (!partial.append(chunk, at, stop === INCOMPLETE ? end : stop, framer.missingBytes)) return tooLarge();
        partialBytes += (stop === INCOMPLETE ? end : stop) - at;
        if (stop === INCOMPLETE) break;
        const frame: Buffer = partial.bytes.subarray(0, partial.length);
        partial = null;
        const parsed = take(frame, 0, frame.length);
        expect(parsed !== INCOMPLETE, () => `a complete frame is incomplete for the parser: ${quoted(frame)}`);
        expect(parsed >= frame.length, () => `the parser ends at ${parsed} of the frame ${quoted(frame)}`);
        skipBytes = parsed - frame.length;
        at = stop;
      } else {
        const stop = take(chunk, at, end);
        if (stop === INCOMPLETE) {
          framer.reset();
          const framed = framer.scan(chunk, at, end);
          expect(framed === INCOMPLETE, () => `incomplete for the parser, but the framer returned ${framed}`);
          partial = new PartialRequest(options.maxRequestBytes);
          partialBytes = end - at;
          if (!partial.append(chunk, at, end, framer.missingBytes)) return tooLarge();
          break;
        }
        skipBytes = Math.max(0, stop - end);
        at = Math.min(stop, end);
      }
      if (parser.closesClient) return { requests, leftBytes: 0 };
    }
    // Nobody may rely on it later.
    chunk.fill(PLACEHOLDER, begin, end);
  }
  return { requests, leftBytes: partial === null ? skipBytes : -partialBytes };
}

const NOTHING: ReadRequest = {
  route: ROUTE_LOCAL,
  command: '',
  replyKind: 0,
  keys: [],
  isNoreply: false,
  reply: '',
  closesClient: false,
  forwarded: '',
};

function describe(parser: RequestParser, buf: Buffer, start: number, end: number): ReadRequest {
  const { route, command, replyKind, closesClient, isNoreply, cutStart, cutEnd } = parser;
  if (route === ROUTE_LOCAL) {
    return { ...NOTHING, command, isNoreply, closesClient, reply: parser.reply.toString('latin1') };
  }
  const bytes = parser.rewritten ?? buf;
  const first = parser.rewritten === null ? start : 0;
  const last = parser.rewritten === null ? end : parser.rewrittenEnd;
  const { keyBuf } = parser;
  const keys: string[] = [];
  for (let i = 0; i < parser.keyCount; i++) {
    const keyStart = parser.keyStarts[i]!;
    const keyEnd = parser.keyEnds[i]!;
    const isInside = keyBuf === null ? first <= keyStart && keyEnd <= last : keyStart >= 0 && keyEnd <= keyBuf.length;
    expect(isInside && keyStart <= keyEnd, () => `key ${i} is at ${keyStart}–${keyEnd}`);
    keys.push((keyBuf ?? bytes).toString('latin1', keyStart, keyEnd));
  }
  expect(cutStart === cutEnd || (first <= cutStart && cutStart < cutEnd && cutEnd <= last), 'the cut is outside');
  const forwarded =
    cutStart === cutEnd
      ? bytes.toString('latin1', first, last)
      : bytes.toString('latin1', first, cutStart) + bytes.toString('latin1', cutEnd, last);
  return { route, command, replyKind, keys, isNoreply, reply: '', closesClient, forwarded };
}

/** Throws where two feeds of the same bytes were read differently. */
export function expectSame(whole: FeedResult, other: FeedResult, how: string): void {
  for (let i = 0; i < Math.max(whole.requests.length, other.requests.length); i++) {
    const a = textOf(whole.requests[i]);
    const b = textOf(other.requests[i]);
    if (a !== b && !(isTooLarge(a) && isRefusal(b)) && !(isRefusal(a) && isTooLarge(b)))
      throw new Fault(`request ${i} differs ${how}:\n  whole ${quoted(a)}\n  split ${quoted(b)}`);
  }
  if (whole.leftBytes !== other.leftBytes) {
    throw new Fault(`${whole.leftBytes} bytes are left of the whole, ${other.leftBytes} ${how}`);
  }
}

/*
 * A line that is bad and over the limit for a whole request: which of the two is found first depends on the pieces, and
 * the client is refused either way.
 */
function isTooLarge(text: string): boolean {
  return /true\|\|(?:-ERR Protocol error: request is larger|CLIENT_ERROR request too large)/.test(text);
}

function isRefusal(text: string): boolean {
  return /true\|\|(?:-ERR Protocol error: |CLIENT_ERROR )/.test(text);
}

/** Those whose answer tells the time or what happened before. */
const VARYING = new Set(['time', 'info', 'client|info', 'client|list']);
/** ACL GENPASS: another password each time. */
const PASSWORD = /(?<=\r\n)[0-9a-f]+(?=\r\n$)/;

function textOf(request: ReadRequest | undefined): string {
  if (request === undefined) return 'none';
  const { route, command, replyKind, keys, isNoreply, closesClient, forwarded } = request;
  return `${route} ${command} ${replyKind} ${isNoreply} ${closesClient}|${keys.join('|')}|${replyOf(request)}|${forwarded}`;
}

function replyOf({ command, reply }: ReadRequest): string {
  if (command === 'acl|genpass') return reply.replace(PASSWORD, '#');
  return VARYING.has(command) ? reply.replace(/\d+/g, '#') : reply;
}
