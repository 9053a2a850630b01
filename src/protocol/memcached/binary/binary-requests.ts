import { INCOMPLETE } from '../../protocol.ts';
import { ROUTE_ELSEWHERE, ROUTE_KEY, ROUTE_SPLIT } from '../../routes.ts';
import { base64Length } from '../base64.ts';
import type { Credentials } from '../credentials.ts';
import { DELAYED_FLUSH_TEXT, FlushKeys } from '../key-prefix/flush-keys.ts';
import type { ParsedRequest } from '../parsed-request.ts';
import { isOfSomeKeys } from '../permissions.ts';
import { NO_REPLY } from '../replies.ts';
import { REPLY_LINE, REPLY_META, REPLY_META_STORED, REPLY_STATS, REPLY_VALUES } from '../reply-scanner.ts';
import { MAX_KEY_BYTES } from '../request-line.ts';
import type { MemcachedSession } from '../session.ts';
import { statsCoalescerNamed } from '../stats-command.ts';
import { AskedGets } from './asked-gets.ts';
import { FRAME_BROKEN, FRAME_GOOD, FRAME_INVALID, FRAME_UNKNOWN, frameKind } from './binary-frame.ts';
import {
  BINARY_HEADER_BYTES,
  BINARY_MAGIC,
  bodyBytesOf,
  errorResponse,
  extrasBytesOf,
  keyBytesOf,
  opaqueOf,
  opcodeOf,
  response,
  STATUS_AUTH_ERROR,
  STATUS_INVALID,
  STATUS_NOT_FOUND,
  STATUS_OK,
  STATUS_TOO_LARGE,
  STATUS_UNKNOWN_COMMAND,
} from './binary-header.ts';
import { writeCas, writeCount, writeExptime, writeStore } from './flag-words.ts';
import { LineReply } from './line-reply.ts';
import { metaNameOf } from './meta-names.ts';
import { MetaReply } from './meta-reply.ts';
import {
  findOpcode,
  OP_DECREMENT,
  OP_DELETE,
  OP_FLUSH,
  OP_GAT,
  OP_GET,
  OP_INCREMENT,
  OP_NOOP,
  OP_QUIT,
  OP_SASL_AUTH,
  OP_SASL_LIST,
  OP_SASL_STEP,
  OP_STAT,
  OP_TOUCH,
  OP_VERBOSITY,
  OP_VERSION,
  type Opcode,
} from './opcodes.ts';
import { fitsBase64, isTextKey, RequestText } from './request-text.ts';
import {
  BASE64,
  EXPTIME,
  FLUSH_ALL,
  GATS,
  GATS_COMMAND,
  GETS,
  GETS_COMMAND,
  SPACE,
  STATS,
  VERBOSITY,
  VERSION,
  WITH_FLAGS,
  WITH_ITEM,
} from './request-words.ts';
import { answerSasl, goesElsewhere, isBeforePassword } from './sasl.ts';
import { StatReply } from './stat-reply.ts';
import { ValuesReply } from './values-reply.ts';

/** Gets of a run, at most: their replies are held until all are there. */
const MAX_RUN = 128;
/** memcached's limit for a line that is not `get` or `gets`. */
const MAX_LINE_BYTES = 2048;
const SMALLEST_GET_BYTES = BINARY_HEADER_BYTES + 1;
/**
 * Reads binary requests and makes of each a request of text or a meta command, which is all that servers get to see:
 *
 *   GET, GAT of keys without odd bytes, one or a run of them     gets k1 k2 …, gats <exptime> k1 k2 …
 *   of other keys                                                mg <base64> b f c v
 *   TOUCH · SET, ADD, REPLACE, APPEND, PREPEND                   mg … T · ms … M<mode> C<cas>
 *   DELETE · INCREMENT, DECREMENT                                md · ma
 *   FLUSH, VERBOSITY, STAT, VERSION                              flush_all, verbosity, stats, version
 *   NOOP, QUIT, SASL                                             answered here, after all before them
 *
 * Nothing of a packet is copied to a line but keys without odd bytes: others travel as base64, and a value after its length.
 */
export class BinaryRequests {
  private readonly maxRequestBytes: number;
  private readonly credentials: Credentials | null;
  private readonly text = new RequestText();
  /** The key as servers have it. */
  private readonly key = Buffer.allocUnsafe(MAX_KEY_BYTES);

  constructor(maxRequestBytes: number, credentials: Credentials | null) {
    this.maxRequestBytes = maxRequestBytes;
    this.credentials = credentials;
  }

  parse(out: ParsedRequest, session: MemcachedSession, buf: Buffer, start: number, end: number): number {
    out.command = 'unknown';
    if (buf[start] !== BINARY_MAGIC) return out.refuse(NO_REPLY, end);
    if (end - start < BINARY_HEADER_BYTES) return INCOMPLETE;
    const code = opcodeOf(buf, start);
    const opaque = opaqueOf(buf, start);
    const next = start + BINARY_HEADER_BYTES + bodyBytesOf(buf, start);
    const kind = frameKind(buf, start, this.maxRequestBytes);
    if (kind === FRAME_BROKEN) return out.refuse(errorResponse(code, opaque, STATUS_UNKNOWN_COMMAND), end);
    if (kind === FRAME_UNKNOWN) return out.answer(errorResponse(code, opaque, STATUS_UNKNOWN_COMMAND), next);
    const opcode = findOpcode(code) as Opcode;
    out.command = opcode.name;
    out.flags = opcode.effects;
    if (kind === FRAME_INVALID) return out.refuse(errorResponse(code, opaque, STATUS_INVALID), end);
    if (this.credentials !== null && !session.isAuthenticated && !isBeforePassword(opcode.kind)) {
      return out.refuse(errorResponse(code, opaque, STATUS_AUTH_ERROR), end);
    }
    if (kind !== FRAME_GOOD) return out.answer(errorResponse(code, opaque, STATUS_TOO_LARGE), next);
    if (next > end) return INCOMPLETE;
    return this.take(out, session, opcode, buf, start, next, end);
  }

  private take(
    out: ParsedRequest,
    session: MemcachedSession,
    opcode: Opcode,
    buf: Buffer,
    start: number,
    next: number,
    end: number,
  ): number {
    const code = opcodeOf(buf, start);
    const opaque = opaqueOf(buf, start);
    switch (opcode.kind) {
      case OP_NOOP:
        return out.answer(response(code, opaque, STATUS_OK), next);
      case OP_QUIT:
        return out.refuse(opcode.isQuiet ? NO_REPLY : response(code, opaque, STATUS_OK), next);
      case OP_SASL_LIST:
      case OP_SASL_AUTH:
      case OP_SASL_STEP:
        if (goesElsewhere(session, opcode.kind, buf, start, next))
          return out.forward(ROUTE_ELSEWHERE, REPLY_LINE, next);
        return answerSasl(out, this.credentials, session, opcode.kind, buf, start, next);
      case OP_FLUSH:
        this.takeLine(out, opcode, buf, start, next);
        return out.prefix.length > 0 ? sweepKeys(out, buf, start, next) : next;
      case OP_VERBOSITY:
        // As a memcached with -F does with a flush.
        if (out.prefix.length > 0) return out.answer(errorResponse(code, opaque, STATUS_AUTH_ERROR), next);
        return this.takeLine(out, opcode, buf, start, next);
      case OP_VERSION:
        return this.takeLine(out, opcode, buf, start, next);
      case OP_STAT:
        return this.takeStat(out, buf, start, next);
      case OP_GET:
      case OP_GAT:
        return this.takeGets(out, opcode, buf, start, next, isOfSomeKeys(session.account) ? next : end);
      default:
        return this.takeKeyed(out, opcode, buf, start, next);
    }
  }

  private takeLine(out: ParsedRequest, opcode: Opcode, buf: Buffer, start: number, next: number): number {
    const { text } = this;
    const reply = new LineReply(opcodeOf(buf, start), opaqueOf(buf, start), opcode.isQuiet);
    out.transform = reply;
    text.begin(0);
    if (opcode.kind === OP_VERSION) {
      text.word(VERSION);
    } else if (opcode.kind === OP_VERBOSITY) {
      text.word(VERBOSITY);
      text.number(buf.readUInt32BE(start + BINARY_HEADER_BYTES));
    } else {
      text.word(FLUSH_ALL);
      if (extrasBytesOf(buf, start) > 0) {
        text.byte(SPACE);
        writeExptime(text, buf, start + BINARY_HEADER_BYTES);
      }
    }
    text.lineEnd();
    this.send(out);
    if (opcode.kind === OP_VERSION) return out.forwardToAny(REPLY_LINE, next);
    return out.forwardToAll(REPLY_LINE, reply, next);
  }

  private takeStat(out: ParsedRequest, buf: Buffer, start: number, next: number): number {
    const { text } = this;
    const code = opcodeOf(buf, start);
    const opaque = opaqueOf(buf, start);
    const name = buf.toString('latin1', start + BINARY_HEADER_BYTES, next);
    const isOfAll = out.prefix.length > 0 && name !== '' && name !== 'settings';
    const merged = isOfAll ? null : statsCoalescerNamed(name);
    if (merged === null) return out.answer(errorResponse(code, opaque, STATUS_NOT_FOUND), next);
    const reply = new StatReply(code, opaque, merged);
    out.transform = reply;
    text.begin(name.length);
    text.word(STATS);
    if (name.length > 0) {
      text.byte(SPACE);
      text.copy(buf, start + BINARY_HEADER_BYTES, next);
    }
    text.lineEnd();
    this.send(out);
    return out.forwardToAll(REPLY_STATS, reply, next);
  }

  /** A get, and those that follow it in what has come: they go to each server as one. */
  private takeGets(out: ParsedRequest, opcode: Opcode, buf: Buffer, start: number, next: number, end: number): number {
    const keyStart = start + BINARY_HEADER_BYTES + extrasBytesOf(buf, start);
    if (!isTextKey(buf, keyStart, next) || next - keyStart + out.prefix.length > MAX_KEY_BYTES)
      return this.takeKeyed(out, opcode, buf, start, next);
    let count = 1;
    let stop = next;
    const { prefix } = out;
    const limit = opcode.kind === OP_GET ? Number.POSITIVE_INFINITY : MAX_LINE_BYTES;
    while (count < MAX_RUN && end - stop >= SMALLEST_GET_BYTES) {
      const after = this.afterLikeGet(opcode.kind, buf, start, stop, end, prefix.length);
      if (after < 0 || after - start + (count + 1) * prefix.length > limit) break;
      stop = after;
      count++;
    }
    this.writeGets(out, opcode, buf, start, stop, count);
    out.keyCount = count;
    return out.forward(count === 1 ? ROUTE_KEY : ROUTE_SPLIT, REPLY_VALUES, stop);
  }

  /** Position after the get at `buf[start]`, if it is whole and can be sent along with the one at `first`; else -1. */
  private afterLikeGet(
    kind: number,
    buf: Buffer,
    first: number,
    start: number,
    end: number,
    prefixBytes: number,
  ): number {
    if (buf[start] !== BINARY_MAGIC) return -1;
    const opcode = findOpcode(opcodeOf(buf, start));
    if (opcode === null || opcode.kind !== kind || frameKind(buf, start, this.maxRequestBytes) !== FRAME_GOOD)
      return -1;
    const next = start + BINARY_HEADER_BYTES + bodyBytesOf(buf, start);
    if (next > end) return -1;
    const extrasAt = start + BINARY_HEADER_BYTES;
    if (kind === OP_GAT && buf.readUInt32BE(extrasAt) !== buf.readUInt32BE(first + BINARY_HEADER_BYTES)) return -1;
    const keyAt = extrasAt + extrasBytesOf(buf, start);
    return next - keyAt + prefixBytes <= MAX_KEY_BYTES && isTextKey(buf, keyAt, next) ? next : -1;
  }

  /** `gets` or `gats` of the gets `buf[start, end)`, which are `gets`. */
  private writeGets(out: ParsedRequest, { kind }: Opcode, buf: Buffer, start: number, end: number, gets: number): void {
    const { text } = this;
    const { line, prefix } = out;
    text.begin(end - start + gets * prefix.length);
    line.exptimeStart = line.exptimeEnd = 0;
    if (kind === OP_GET) {
      text.word(GETS);
      line.command = GETS_COMMAND;
    } else {
      text.word(GATS);
      line.exptimeStart = text.length;
      writeExptime(text, buf, start + BINARY_HEADER_BYTES);
      line.exptimeEnd = text.length;
      line.command = GATS_COMMAND;
    }
    const asked = new AskedGets(end - start);
    let count = 0;
    for (let at = start; at < end; ) {
      const opcode = findOpcode(opcodeOf(buf, at)) as Opcode;
      const keyEnd = at + BINARY_HEADER_BYTES + bodyBytesOf(buf, at);
      const keyStart = keyEnd - keyBytesOf(buf, at);
      asked.add(opcodeOf(buf, at), opcode.isQuiet, opcode.returnsKey, opaqueOf(buf, at), buf, keyStart, keyEnd);
      text.byte(SPACE);
      line.setArg(count++, text.length, text.length + prefix.length + keyEnd - keyStart);
      text.word(prefix);
      text.copy(buf, keyStart, keyEnd);
      at = keyEnd;
    }
    text.lineEnd();
    this.send(out);
    const reply = new ValuesReply(asked, prefix);
    out.transform = reply;
    out.coalescer = reply;
  }

  /** What becomes a meta command: all that changes items, and gets of keys with odd bytes. */
  private takeKeyed(out: ParsedRequest, opcode: Opcode, buf: Buffer, start: number, next: number): number {
    const { text } = this;
    const { kind } = opcode;
    const code = opcodeOf(buf, start);
    const extrasAt = start + BINARY_HEADER_BYTES;
    const keyStart = extrasAt + extrasBytesOf(buf, start);
    const keyEnd = keyStart + keyBytesOf(buf, start);
    const isText = isTextKey(buf, keyStart, keyEnd);
    const { prefix } = out;
    const keyBytes = prefix.length + keyEnd - keyStart;
    if (isText ? keyBytes > MAX_KEY_BYTES : !fitsBase64(keyBytes)) {
      return out.answer(errorResponse(code, opaqueOf(buf, start), STATUS_INVALID), next);
    }
    text.begin(base64Length(keyBytes) + next - keyEnd);
    text.word(metaNameOf(kind));
    const key = this.key;
    const keyLength = prefix.copy(key, 0) + buf.copy(key, prefix.length, keyStart, keyEnd);
    if (isText) text.copy(key, 0, keyLength);
    else text.base64(key, 0, keyLength);
    const isStored = opcode.hasValue;
    if (isStored) {
      text.byte(SPACE);
      text.number(next - keyEnd);
    }
    if (!isText) text.word(BASE64);
    switch (kind) {
      case OP_GET:
        text.word(WITH_ITEM);
        break;
      case OP_GAT:
      case OP_TOUCH:
        text.word(kind === OP_GAT ? WITH_ITEM : WITH_FLAGS);
        text.word(EXPTIME);
        writeExptime(text, buf, extrasAt);
        break;
      case OP_DELETE:
        writeCas(text, buf, start);
        break;
      case OP_INCREMENT:
      case OP_DECREMENT:
        writeCount(text, kind, buf, start);
        break;
      default:
        writeStore(text, kind, buf, start);
    }
    text.lineEnd();
    if (isStored) {
      text.copy(buf, keyEnd, next);
      text.lineEnd();
    }
    this.send(out);
    out.setKey(key, 0, keyLength);
    const returned = opcode.returnsKey ? Buffer.from(buf.subarray(keyStart, keyEnd)) : null;
    out.transform = new MetaReply(code, opcode, opaqueOf(buf, start), returned);
    return out.forward(ROUTE_KEY, isStored ? REPLY_META_STORED : REPLY_META, next);
  }

  private send(out: ParsedRequest): void {
    const { text } = this;
    out.rewrite(text.block!, text.length);
    text.block = null;
  }
}

/** A flush of the keys with the prefix, of which the line was read. */
function sweepKeys(out: ParsedRequest, buf: Buffer, start: number, next: number): number {
  const isDelayed = extrasBytesOf(buf, start) > 0 && buf.readUInt32BE(start + BINARY_HEADER_BYTES) !== 0;
  if (!isDelayed) return out.sweepKeys(new FlushKeys(out.prefix), next);
  out.transform = null;
  return out.answer(response(opcodeOf(buf, start), opaqueOf(buf, start), STATUS_INVALID, DELAYED_FLUSH_TEXT), next);
}
