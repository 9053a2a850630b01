// Reads a client's bytes as a client connection does: parse in place, frame what arrives in pieces, skip what a local
// answer says is to be skipped. For tests of the parser and the framer together.
import assert from 'node:assert/strict';
import { memcachedProtocol } from '../../../../src/protocol/memcached/memcached.ts';
import type { ParserOptions } from '../../../../src/protocol/parser-options.ts';
import { INCOMPLETE } from '../../../../src/protocol/protocol.ts';
import type { ReplyTransform } from '../../../../src/protocol/reply-transform.ts';
import { ROUTE_LOCAL } from '../../../../src/protocol/routes.ts';

export const OPTIONS: ParserOptions = {
  poolName: 'alpha',
  version: '1.6.18',
  maxRequestBytes: 1 << 20,
  password: null,
};

/** What the parser said of one request, copied; bytes as latin1 text. */
export interface ReadRequest {
  readonly route: number;
  readonly command: string;
  readonly replyKind: number;
  readonly keys: readonly string[];
  /** What goes to the server: the request without what is cut. Empty when it is answered by the proxy. */
  readonly forwarded: string;
  readonly isNoreply: boolean;
  readonly transform: ReplyTransform | null;
  /** ROUTE_LOCAL only. */
  readonly reply: string;
  readonly closesClient: boolean;
}

/** The requests read so far, in order; `left` says how many bytes wait for more. */
export class RequestFeed {
  readonly requests: ReadRequest[] = [];
  isClosed = false;
  private readonly parser;
  private readonly framer;
  private readonly session = memcachedProtocol.createSession(1);
  private held: Buffer | null = null;
  private skip = 0;

  constructor(options: ParserOptions = OPTIONS) {
    this.parser = memcachedProtocol.createParser(options);
    this.framer = memcachedProtocol.createFramer(options, this.session);
  }

  get heldBytes(): number {
    return this.held?.length ?? 0;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.isClosed) {
      if (this.skip > 0) {
        const taken = Math.min(this.skip, chunk.length - at);
        this.skip -= taken;
        at += taken;
        continue;
      }
      if (this.held !== null) {
        const next = this.framer.scan(chunk, at, chunk.length);
        assert.ok(next === INCOMPLETE || (next > at && next <= chunk.length), `framer returned ${next}`);
        this.held = Buffer.concat([this.held, chunk.subarray(at, next === INCOMPLETE ? chunk.length : next)]);
        if (next === INCOMPLETE) return;
        const frame = this.held;
        this.held = null;
        at = next;
        this.take(frame, 0, frame.length);
        continue;
      }
      const next = this.take(chunk, at, chunk.length);
      if (next !== INCOMPLETE) {
        at = next;
        continue;
      }
      this.framer.reset();
      const framed = this.framer.scan(chunk, at, chunk.length);
      assert.equal(framed, INCOMPLETE, 'what the parser finds incomplete is incomplete for the framer');
      this.held = Buffer.from(chunk.subarray(at));
      return;
    }
  }

  private take(buf: Buffer, start: number, end: number): number {
    const { parser } = this;
    const next = parser.parse(this.session, buf, start, end);
    if (next === INCOMPLETE) {
      assert.notEqual(this.isFrame(start, end, buf), true, 'a frame is never incomplete');
      return INCOMPLETE;
    }
    assert.ok(next > start, `parse returned ${next}`);
    const isLocal = parser.route === ROUTE_LOCAL;
    if (!isLocal) assert.ok(next <= end, 'only local answers may end later');
    this.skip = Math.max(0, next - end);
    const keys: string[] = [];
    const sent = parser.rewritten ?? buf;
    const sentStart = parser.rewritten === null ? start : 0;
    const sentEnd = parser.rewritten === null ? next : parser.rewrittenEnd;
    for (let i = 0; i < parser.keyCount; i++) {
      keys.push((parser.keyBuf ?? sent).toString('latin1', parser.keyStarts[i]!, parser.keyEnds[i]!));
    }
    const { cutStart, cutEnd } = parser;
    this.requests.push({
      route: parser.route,
      command: parser.command,
      replyKind: parser.replyKind,
      keys: isLocal ? [] : keys,
      forwarded: isLocal
        ? ''
        : cutStart === cutEnd
          ? sent.toString('latin1', sentStart, sentEnd)
          : sent.toString('latin1', sentStart, cutStart) + sent.toString('latin1', cutEnd, sentEnd),
      isNoreply: parser.isNoreply,
      transform: isLocal ? null : parser.transform,
      reply: isLocal ? parser.reply.toString('latin1') : '',
      closesClient: parser.closesClient,
    });
    if (parser.closesClient) this.isClosed = true;
    return Math.min(next, end);
  }

  private isFrame(start: number, end: number, buf: Buffer): boolean {
    if (start !== 0 || end !== buf.length) return false;
    this.framer.reset();
    return this.framer.scan(buf, start, end) === end;
  }
}

/** All requests in `bytes`, handed over in pieces that end at the given positions. */
export function readRequests(bytes: Buffer, cuts: readonly number[] = [], options = OPTIONS): ReadRequest[] {
  const feed = new RequestFeed(options);
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    // A copy: nothing may be kept of a chunk that is reused.
    const chunk = Buffer.from(bytes.subarray(from, to));
    if (chunk.length > 0) feed.push(chunk);
    chunk.fill(0x21);
    from = to;
  }
  assert.equal(feed.isClosed ? 0 : feed.heldBytes, 0, 'nothing is left over');
  return feed.requests;
}

/** `read` of every way to cut `bytes` into two pieces, and of single bytes; long ones are cut at a sample of places. */
export function atEverySplit(bytes: Buffer, check: (cuts: readonly number[], how: string) => void): void {
  check([], 'whole');
  const step = Math.max(1, Math.floor(bytes.length / 2500));
  for (let i = 1; i < bytes.length; i += step) check([i], `split at ${i}`);
  if (bytes.length <= 20_000) {
    check(
      Array.from({ length: bytes.length - 1 }, (_, i) => i + 1),
      'byte by byte',
    );
  }
}
