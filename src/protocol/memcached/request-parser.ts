import type { Account } from '../../accounts/account.ts';
import type { ParserOptions } from '../parser-options.ts';
import { POOL_ELSEWHERE } from '../port-guest.ts';
import { type Fragment, type Fragmenter, INCOMPLETE, type RequestParser, type Session } from '../protocol.ts';
import { ROUTE_ANY, ROUTE_ELSEWHERE, ROUTE_KEY, ROUTE_LOCAL, ROUTE_PLACE, ROUTE_SPLIT } from '../routes.ts';
import { BINARY_MAGIC } from './binary/binary-header.ts';
import { BinaryRequests } from './binary/binary-requests.ts';
import {
  KIND_DELETE,
  KIND_FLUSH,
  KIND_GAT,
  KIND_GET,
  KIND_META_GET,
  KIND_NUMBER,
  KIND_QUIT,
  KIND_SHUTDOWN,
  KIND_STATS,
  KIND_STORE,
  KIND_VERBOSITY,
  KIND_VERSION,
} from './command-table.ts';
import { Credentials, userOfValue } from './credentials.ts';
import { firstLineCoalescer } from './first-line-coalescer.ts';
import { buildFragment } from './fragment.ts';
import { prefixText } from './key-prefix/prefixed-text.ts';
import { MetaRequests } from './meta/meta-requests.ts';
import { ParsedRequest, type SignInReplies } from './parsed-request.ts';
import { permit } from './permissions.ts';
import {
  BAD_DATA_CHUNK,
  BAD_DELETE,
  BAD_DELTA,
  BAD_EXPTIME,
  BAD_FORMAT,
  ERROR,
  LINE_TOO_LONG_REPLY,
  NO_REPLY,
  OBJECT_TOO_LARGE,
  REQUEST_TOO_LARGE,
  SHUTDOWN_DISABLED,
  STORED,
  TOO_MANY_CLIENTS,
  UNAUTHENTICATED,
  WRONG_PASSWORD,
} from './replies.ts';
import { REPLY_LINE, REPLY_STATS, REPLY_STORED, REPLY_VALUES } from './reply-scanner.ts';
import { checkAccount } from './request-check.ts';
import { beginsLongLine, endsInHttp, getLineLimit, MAX_KEY_BYTES } from './request-line.ts';
import { type MemcachedSession, WIRE_BINARY, WIRE_TEXT, WIRE_UNDECIDED } from './session.ts';
import { statsCoalescerFor } from './stats-command.ts';
import { isExptime, storageDataBytes } from './storage-header.ts';
import { ValuesCoalescer } from './values-coalescer.ts';

const SIGN_IN_REPLIES: SignInReplies = { done: STORED, wrong: WRONG_PASSWORD, full: TOO_MANY_CLIENTS };
const CR = 13;
const LF = 10;
const ZERO = 48;
/** Longer values are no user and password. */
const MAX_CREDENTIALS_BYTES = 1024;

/**
 * Reads memcached text requests. What it forwards is always a line that every memcached answers with exactly one
 * reply; what a server would refuse without reading the data block, or answer with silence, is answered here.
 *
 * noreply: memcached is silent to such a request whatever happens, but only where it gets as far as recognising the
 * word, and later versions are less silent. So the word is cut out, and the reply that then surely comes is dropped.
 */
export class MemcachedRequestParser extends ParsedRequest implements RequestParser {
  private readonly maxRequestBytes: number;
  private readonly maxGetLineBytes: number;

  private readonly meta: MetaRequests;
  private readonly binary: BinaryRequests;
  private readonly credentials: Credentials | null;
  /** Of clients without an account. */
  private readonly poolPrefix: Buffer;

  constructor(options: ParserOptions) {
    super(options.accounts ?? null);
    this.credentials = Credentials.of(options);
    if (this.accounts !== null) permit(this.accounts);
    this.meta = new MetaRequests(options.maxRequestBytes);
    this.binary = new BinaryRequests(options.maxRequestBytes, this.credentials);
    this.poolPrefix = Buffer.from(options.keyPrefix ?? '', 'latin1');
    this.maxRequestBytes = options.maxRequestBytes;
    this.maxGetLineBytes = getLineLimit(options.maxRequestBytes);
  }

  parse(session: Session, buf: Buffer, start: number, end: number): number {
    if (start === end) return INCOMPLETE;
    this.reset();
    const client = session as MemcachedSession;
    if (client.wire === WIRE_UNDECIDED) client.wire = buf[start] === BINARY_MAGIC ? WIRE_BINARY : WIRE_TEXT;
    const prefix = client.account === null ? this.poolPrefix : client.account.keyPrefix;
    this.prefix = prefix;
    if (client.wire === WIRE_BINARY) {
      const next = this.binary.parse(this, client, buf, start, end);
      if (client.account !== null) this.holdToRights(client, client.account, buf, start, next);
      return next;
    }
    const next = this.parseText(client, buf, start, end);
    if (client.account !== null) this.holdToRights(client, client.account, buf, start, next);
    if (prefix.length === 0) return next;
    const isRead = next !== INCOMPLETE && this.line.command !== null;
    if (isRead) prefixText(this, prefix, buf, start, next, this.maxGetLineBytes, this.meta.flags);
    return next;
  }

  private holdToRights(client: MemcachedSession, account: Account, buf: Buffer, start: number, next: number): void {
    const { route } = this;
    const isAnswered = route === ROUTE_LOCAL || route === ROUTE_ELSEWHERE || route === ROUTE_PLACE;
    if (next !== INCOMPLETE && !isAnswered) checkAccount(this, client, account, buf, start, next);
  }

  private parseText(client: MemcachedSession, buf: Buffer, start: number, end: number): number {
    const line = this.line;
    const next = line.read(buf, start, end, this.maxGetLineBytes);
    if (next === INCOMPLETE) return INCOMPLETE;
    if (next - start > this.maxRequestBytes) return this.refuse(REQUEST_TOO_LARGE, end);
    if (next < 0) return this.refuse(beginsLongLine(buf, start, end) ? REQUEST_TOO_LARGE : LINE_TOO_LONG_REPLY, end);
    const command = line.command;
    if (this.credentials !== null && !client.isAuthenticated && command !== null) {
      return this.authenticate(client, this.credentials, buf, next, end);
    }
    if (command === null) {
      this.command = 'unknown';
      if (endsInHttp(buf, start, next)) return this.refuse(NO_REPLY, end);
      return this.answer(this.credentials === null || client.isAuthenticated ? ERROR : UNAUTHENTICATED, next);
    }
    this.command = command.name;
    this.flags = command.effects;
    const { argCount } = line;
    if (argCount > command.maxArgs) return this.answer(ERROR, next);
    if (argCount < command.minArgs && (command.kind !== KIND_GAT || line.exptimeEnd === 0)) {
      return this.answer(ERROR, next);
    }
    if (command.kind === KIND_STORE) return this.parseStore(buf, start, next, end);
    if (command.kind >= KIND_META_GET) return this.meta.parse(this, buf, start, next, end);
    if (line.hasNul) return this.answer(BAD_FORMAT, next);

    switch (command.kind) {
      case KIND_GET:
      case KIND_GAT:
        return this.parseGet(buf, next);
      case KIND_NUMBER:
        return this.parseNumber(buf, next);
      case KIND_DELETE:
        return this.parseDelete(buf, next);
      case KIND_FLUSH:
      case KIND_VERBOSITY:
        return this.parseForAll(buf, next, command.kind === KIND_FLUSH ? BAD_EXPTIME : BAD_FORMAT);
      case KIND_STATS: {
        const coalescer = statsCoalescerFor(line, buf);
        return coalescer === null ? this.answer(ERROR, next) : this.forwardToAll(REPLY_STATS, coalescer, next);
      }
      case KIND_VERSION:
        return this.forward(ROUTE_ANY, REPLY_LINE, next);
      case KIND_QUIT:
        return this.refuse(NO_REPLY, next);
      case KIND_SHUTDOWN:
        return this.answer(SHUTDOWN_DISABLED, next);
      default:
        return this.answer(ERROR, next);
    }
  }

  isOpenTo(session: Session): boolean {
    return this.credentials === null || (session as MemcachedSession).isAuthenticated;
  }

  hasPasswordOf(other: RequestParser): boolean {
    const { credentials } = this;
    return credentials === null || (other instanceof MemcachedRequestParser && credentials.isAlike(other.credentials));
  }

  fragment(buf: Buffer, _start: number, _end: number, members: Int32Array, count: number): Fragment {
    return buildFragment(this.line, buf, members, count);
  }

  fragmenter(shift: number): Fragmenter {
    const line = this.line.shifted(shift);
    return { fragment: (buf, members, count) => buildFragment(line, buf, members, count) };
  }

  /** As memcached's `-Y` has it: the first request is a `set` of any key whose value is user and password. */
  private authenticate(
    client: MemcachedSession,
    credentials: Credentials,
    buf: Buffer,
    lineEnd: number,
    end: number,
  ): number {
    const { line } = this;
    const command = line.command!;
    this.command = command.name;
    const dataBytes = storageDataBytes(line, buf);
    if (dataBytes < 0) return this.answer(UNAUTHENTICATED, lineEnd);
    const next = lineEnd + dataBytes + 2;
    if (command.name !== 'set' || dataBytes > MAX_CREDENTIALS_BYTES) return this.answer(UNAUTHENTICATED, next);
    if (next > end) return INCOMPLETE;
    if (buf[next - 2] !== CR || buf[next - 1] !== LF) return this.answer(BAD_DATA_CHUNK, next);
    const { port } = client;
    if (port !== null && port.poolBy === 'user') {
      const user = userOfValue(buf.subarray(lineEnd, next - 2));
      if (port.whereIs(user) === POOL_ELSEWHERE) {
        port.goTo(user);
        return this.forward(ROUTE_ELSEWHERE, REPLY_STORED, next);
      }
    }
    return this.answerSignIn(credentials.admit(client, buf.subarray(lineEnd, next - 2)), SIGN_IN_REPLIES, next);
  }

  private parseStore(buf: Buffer, start: number, lineEnd: number, end: number): number {
    const { line } = this;
    const dataBytes = storageDataBytes(line, buf);
    this.isNoreply = line.isNoreply(buf, line.argCount - 1);
    if (dataBytes < 0) return this.answerUnlessNoreply(BAD_FORMAT, lineEnd);
    const next = lineEnd + dataBytes + 2;
    if (next - start > this.maxRequestBytes) return this.answerUnlessNoreply(OBJECT_TOO_LARGE, next);
    if (next > end) return INCOMPLETE;
    if (buf[next - 2] !== CR || buf[next - 1] !== LF) return this.answerUnlessNoreply(BAD_DATA_CHUNK, next);
    this.keyCount = 1;
    this.cutAfter(buf, line.command!.minArgs);
    return this.forward(ROUTE_KEY, REPLY_STORED, next);
  }

  private parseGet(buf: Buffer, next: number): number {
    const { line } = this;
    const { argCount } = line;
    if (line.longestArgBytes > MAX_KEY_BYTES) {
      const hasBadExptime = line.exptimeEnd > line.exptimeStart && !isExptime(buf, line.exptimeStart, line.exptimeEnd);
      return this.answer(hasBadExptime ? BAD_EXPTIME : BAD_FORMAT, next);
    }
    this.keyCount = argCount;
    // gat with an expiry time alone: END or an error, whoever is asked.
    if (argCount === 0) return this.forward(ROUTE_ANY, REPLY_VALUES, next);
    if (argCount === 1) return this.forward(ROUTE_KEY, REPLY_VALUES, next);
    this.coalescer = new ValuesCoalescer(buf, line.argStarts[0]!, line.argEnds[argCount - 1]!);
    return this.forward(ROUTE_SPLIT, REPLY_VALUES, next);
  }

  /** incr, decr, touch: a key and a number, whose check is left to the server. */
  private parseNumber(buf: Buffer, next: number): number {
    const { line } = this;
    this.isNoreply = line.isNoreply(buf, line.argCount - 1);
    if (line.argEnds[0]! - line.argStarts[0]! > MAX_KEY_BYTES) return this.answerUnlessNoreply(BAD_FORMAT, next);
    if (line.isNoreply(buf, 1)) {
      // In the number's place: a bad number, and for the server a reason to be silent.
      return this.answerUnlessNoreply(this.command === 'touch' ? BAD_EXPTIME : BAD_DELTA, next);
    }
    this.keyCount = 1;
    this.cutAfter(buf, 2);
    return this.forward(ROUTE_KEY, REPLY_LINE, next);
  }

  private parseDelete(buf: Buffer, next: number): number {
    const { line } = this;
    const { argCount } = line;
    if (argCount > 1) {
      const hasZero = line.argEnds[1]! - line.argStarts[1]! === 1 && buf[line.argStarts[1]!] === ZERO;
      this.isNoreply = line.isNoreply(buf, argCount - 1);
      const isValid = argCount === 2 ? hasZero || this.isNoreply : hasZero && this.isNoreply;
      if (!isValid) return this.answerUnlessNoreply(BAD_DELETE, next);
    }
    if (line.argEnds[0]! - line.argStarts[0]! > MAX_KEY_BYTES) return this.answerUnlessNoreply(BAD_FORMAT, next);
    this.keyCount = 1;
    if (this.isNoreply) this.cutAfter(buf, argCount - 1);
    return this.forward(ROUTE_KEY, REPLY_LINE, next);
  }

  /** flush_all and verbosity: perhaps a number, perhaps noreply. */
  private parseForAll(buf: Buffer, next: number, badNumber: Buffer): number {
    const { line } = this;
    const { argCount } = line;
    this.isNoreply = line.isNoreply(buf, argCount - 1);
    const isBareFlush = argCount === 1 && line.command!.kind === KIND_FLUSH;
    if (line.isNoreply(buf, 0) && !isBareFlush) return this.answerUnlessNoreply(badNumber, next);
    this.cutAfter(buf, this.isNoreply ? argCount - 1 : 1);
    return this.forwardToAll(REPLY_LINE, firstLineCoalescer, next);
  }

  /** Leaves out of the forwarded request the one argument after the first `count`, if it is there. */
  private cutAfter(buf: Buffer, count: number): void {
    const { line } = this;
    if (line.argCount <= count) return;
    this.cutStart = count === 0 ? line.nameEnd : line.argEnds[count - 1]!;
    this.cutEnd = line.argEnds[line.argCount - 1]!;
    // A word that ends in a CR would lose it to the bare LF behind the cut: the space between them stays.
    if (buf[this.cutStart - 1] === CR && buf[this.cutEnd] === LF) this.cutStart++;
  }
}
