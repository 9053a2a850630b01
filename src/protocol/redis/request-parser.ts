// Reads a request in one pass over its headers, jumping over the payloads:
//
//   *3\r\n $3\r\nSET\r\n $5\r\nhello\r\n $5\r\nworld\r\n
//   └count └─────── offsets of the arguments ────────┘   → command table → arity, AUTH → route and key ranges
//
// It takes what Redis takes and refuses what Redis refuses, in its words (networking.c, server.c); like Redis it does not
// look at the two bytes after a payload. One request at a time: all fields are overwritten by the next.

import { createHash } from 'node:crypto';
import type { Block } from '../../memory/block.ts';
import {
  type Coalescer,
  FLAG_BLOCKS,
  type Fragment,
  INCOMPLETE,
  type ParserOptions,
  type ReplyTransform,
  type RequestParser,
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_KEY,
  ROUTE_LOCAL,
  ROUTE_SAME_SERVER,
  ROUTE_SPLIT,
  type Route,
  type Session,
} from '../protocol.ts';
import { coalescerFor } from './coalescers.ts';
import type { Command } from './command.ts';
import { REFUSED_BLOCK, refusalText } from './command-policy.ts';
import { rowsOfReply } from './command-reply.ts';
import { KEYLESS_REFUSAL, PoolCommands } from './command-rules.ts';
import { COMMANDS, UNKNOWN_COMMAND_NAME } from './command-table.ts';
import { buildFragment } from './fragment.ts';
import { rewriteInline } from './inline-request.ts';
import { findKeys, KEYS_BLOCK, KEYS_FOUND, KEYS_UNCLEAR } from './key-finder.ts';
import { LocalCommands } from './local-commands.ts';
import { KeyRanges, RequestArgs } from './request-args.ts';
import * as errors from './request-errors.ts';
import {
  CR,
  DOLLAR,
  EMPTY,
  errorReply,
  LF,
  MAX_ARGUMENTS,
  MAX_ARGUMENTS_BEFORE_AUTH,
  MAX_BULK_BYTES,
  MAX_BULK_BYTES_BEFORE_AUTH,
  MAX_LINE_BYTES,
  MAX_LOCAL_ARGUMENTS,
  MAX_LOCAL_BYTES,
  MINUS,
  STAR,
  ZERO,
} from './resp.ts';
import type { RedisSession } from './session.ts';

export class RedisRequestParser implements RequestParser {
  route: Route = ROUTE_LOCAL;
  command = UNKNOWN_COMMAND_NAME;
  flags = 0;
  readonly replyKind = 0;
  readonly transform: ReplyTransform | null = null;
  readonly cutStart = 0;
  readonly cutEnd = 0;
  readonly isNoreply = false;
  reply: Buffer = EMPTY;
  closesClient = false;
  coalescer: Coalescer = coalescerFor('same');
  readonly keyBuf: Buffer | null = null;
  rewritten: Buffer | null = null;
  rewrittenEnd = 0;
  readonly rewrittenBlock: Block | null = null;
  private readonly args = new RequestArgs();
  private readonly keys = new KeyRanges();
  private found: Command = COMMANDS[0]!;
  private readonly commands: PoolCommands;
  /** Of the last reply to COMMAND that was learned from; empty: none was. */
  private learnedDigest = '';
  private readonly local: LocalCommands;
  private readonly maxRequestBytes: number;
  private readonly hasPassword: boolean;

  constructor(options: ParserOptions) {
    this.commands = new PoolCommands(options.rules);
    this.local = new LocalCommands(options, this.commands);
    this.maxRequestBytes = options.maxRequestBytes;
    this.hasPassword = options.password !== null;
  }

  get keyCount(): number {
    return this.keys.count;
  }

  get keyStarts(): Int32Array {
    return this.keys.starts;
  }

  get keyEnds(): Int32Array {
    return this.keys.ends;
  }

  /**
   * Takes over what a server says of its commands: its reply to COMMANDS_REQUEST. False: it is no such reply, and nothing was
   * learned. Takes some milliseconds, but for a reply that is the same as the last: servers of one pool are mostly alike.
   */
  learn(reply: Buffer): boolean {
    const digest = createHash('sha256').update(reply).digest('latin1');
    if (digest === this.learnedDigest) return true;
    const rows = rowsOfReply(reply);
    if (rows === null) return false;
    this.learnedDigest = digest;
    this.commands.learn(rows);
    return true;
  }

  parse(session: Session, buf: Buffer, start: number, end: number): number {
    this.rewritten = null;
    this.closesClient = false;
    this.keys.count = 0;
    if (start >= end) return INCOMPLETE;
    if (buf[start] !== STAR) return this.parseInline(session as RedisSession, buf, start, end);

    let at = start + 1;
    let count = 0;
    for (; ; at++) {
      if (at >= end) return this.partialLine(start, end, errors.COUNT_LINE_TOO_LONG);
      const digit = buf[at]! - ZERO;
      if (digit >= 0 && digit <= 9 && count <= MAX_ARGUMENTS) count = count * 10 + digit;
      else break;
    }
    if (
      buf[at] !== CR ||
      count === 0 ||
      count > MAX_ARGUMENTS ||
      (count < 10 ? at !== start + 2 : buf[start + 1] === ZERO)
    ) {
      return this.oddCount(buf, start, end);
    }
    at += 2;
    if (at > end) return INCOMPLETE;
    const isLocked = this.hasPassword && !(session as RedisSession).isAuthenticated;
    if (isLocked && count > MAX_ARGUMENTS_BEFORE_AUTH) return this.refuse(errors.COUNT_BEFORE_AUTH, end);

    const { args } = this;
    args.firstHeader = at;
    let { starts, ends } = args;
    const limit = start + this.maxRequestBytes;
    const stop = limit < end ? limit : end;
    for (let i = 0; i < count; i++) {
      if (at >= end) return INCOMPLETE;
      const line = at;
      if (buf[line] !== DOLLAR) return this.badLength(buf, line, end);
      let length = 0;
      for (at++; ; at++) {
        if (at >= end) return this.partialLine(line, end, errors.LENGTH_LINE_TOO_LONG);
        const digit = buf[at]! - ZERO;
        if (digit >= 0 && digit <= 9 && length <= MAX_BULK_BYTES) length = length * 10 + digit;
        else break;
      }
      if (buf[at] !== CR || length > MAX_BULK_BYTES || (length < 10 ? at !== line + 2 : buf[line + 1] === ZERO)) {
        return this.badLength(buf, line, end);
      }
      at += 2;
      if (at > end) return INCOMPLETE;
      if (isLocked && length > MAX_BULK_BYTES_BEFORE_AUTH) return this.refuse(errors.LENGTH_BEFORE_AUTH, end);
      if (i === starts.length) {
        args.grow();
        starts = args.starts;
        ends = args.ends;
      }
      starts[i] = at;
      at += length;
      ends[i] = at;
      at += 2;
      if (at > stop) return at > limit ? this.refuse(errors.TOO_LARGE, end) : INCOMPLETE;
    }
    args.buf = buf;
    args.count = count;
    this.dispatch(session as RedisSession, buf);
    return at;
  }

  fragment(buf: Buffer, _start: number, _end: number, members: Int32Array, count: number): Fragment {
    const { firstKey, keyStep } = this.found;
    return buildFragment(this.args, buf, members, count, firstKey, keyStep);
  }

  /** The request is complete and its arguments are known: finds the command and what is to be done. */
  private dispatch(session: RedisSession, buf: Buffer): void {
    const { args } = this;
    const command = this.lookUp(buf);
    if (command === null) return;
    this.command = command.name;
    this.flags = command.effects;
    const arity = command.acceptedArity;
    const route = this.commands.routes[command.id]!;
    if (arity > 0 ? args.count !== arity : args.count < -arity) this.answer(command.name, command.wrongArity);
    else if (this.hasPassword && !session.isAuthenticated && !command.isAllowedBeforeAuth) {
      this.answer(command.name, errors.NOT_AUTHENTICATED);
    } else if (route === ROUTE_KEY) {
      this.route = ROUTE_KEY;
      const { firstKey } = command;
      const { keys } = this;
      keys.starts[0] = args.starts[firstKey]!;
      keys.ends[0] = args.ends[firstKey]!;
      keys.count = 1;
    } else if (route !== ROUTE_LOCAL) this.findKeys(command, route);
    else this.answerItself(command, session);
  }

  private answerItself(command: Command, session: RedisSession): void {
    const { args } = this;
    const refusal = this.commands.refusals[command.id]!;
    if (refusal !== null) this.answer(command.name, refusal);
    else if (args.count > MAX_LOCAL_ARGUMENTS || args.byteCount > MAX_LOCAL_BYTES) this.leaveToServer(command);
    else {
      this.answer(command.name, this.local.answer(command, args, session));
      this.closesClient = command.closesClient;
    }
  }

  /** Too large for us to answer. What any server answers alike goes to one, under the limits of all that is forwarded. */
  private leaveToServer(command: Command): void {
    if (command.isAnsweredAlike) this.route = ROUTE_ANY;
    else this.answer(command.name, errors.localTooLarge(command.name));
  }

  /** The command or subcommand that the arguments name; null, with the answer set, when there is none. */
  private lookUp(buf: Buffer): Command | null {
    const { args } = this;
    const command = this.commands.find(buf, args.starts[0]!, args.ends[0]!);
    if (command === null) this.answerUnknown();
    if (command === null || command.subcommands === null || args.count === 1) return command;
    const subcommand = command.subcommands.find(buf, args.starts[1]!, args.ends[1]!);
    if (subcommand === null) this.answer(command.name, errors.unknownSubcommand(args, command.name));
    return subcommand;
  }

  /** Sets the key ranges and how they decide the route, for a command with none or several. */
  private findKeys(command: Command, route: Route): void {
    const { keys } = this;
    this.found = command;
    this.route = route;
    const result = findKeys(command, this.args, keys);
    // XREAD and XREADGROUP wait only with BLOCK.
    if (command.finder === 'streams' && result !== KEYS_BLOCK) this.flags &= ~FLAG_BLOCKS;
    if (command.merge !== null) this.coalescer = coalescerFor(command.merge);
    if (result >= KEYS_BLOCK) this.refuseKeys(command, result);
    else if (command.isChoosingDatabase && this.commands.copyRefusal !== null) this.refuseOtherDatabase(command);
    else if (route === ROUTE_SAME_SERVER || route === ROUTE_SPLIT) {
      if (keys.count === 0) this.routeWithoutKeys(command, result);
      else if (keys.count === 1 || result === KEYS_UNCLEAR) this.route = ROUTE_KEY;
    }
  }

  private routeWithoutKeys(command: Command, result: number): void {
    if (command.isScript && result === KEYS_FOUND) {
      this.route = this.commands.keylessRoute;
      if (this.route === ROUTE_LOCAL) this.answer(command.name, KEYLESS_REFUSAL.get(command)!);
      else if (this.route === ROUTE_ALL) this.coalescer = coalescerFor('first');
    } else if (command.isUnlisted && !this.commands.hasOneServer) {
      this.answer(command.name, errorReply(refusalText(command.name, UNKNOWN_KEYS)));
    } else this.route = ROUTE_ANY;
  }

  private refuseKeys(command: Command, result: number): void {
    this.keys.count = 0;
    if (result === KEYS_BLOCK) this.answer(command.name, errorReply(refusalText(command.name, REFUSED_BLOCK)));
    else if (command.isUnlisted) this.answer(command.name, errorReply(refusalText(command.name, UNKNOWN_KEYS)));
    else this.answer(command.name, errors.SYNTAX_ERROR);
  }

  /** COPY source destination [DB database] [REPLACE]. */
  private refuseOtherDatabase(command: Command): void {
    for (let i = 3; i < this.args.count; i++) {
      if (!this.args.isWord(i, 'db')) continue;
      this.keys.count = 0;
      this.answer(command.name, this.commands.copyRefusal!);
      return;
    }
    if (this.keys.count === 1) this.route = ROUTE_KEY;
  }

  private parseInline(session: RedisSession, buf: Buffer, start: number, end: number): number {
    const limit = start + MAX_LINE_BYTES;
    const found = buf.indexOf(LF, start);
    const newline = found < 0 || found >= end ? -1 : found;
    if (newline < 0 ? end > limit : newline > limit) return this.refuse(errors.INLINE_TOO_LONG, end);
    if ((newline < 0 ? end : newline + 1) - start > this.maxRequestBytes) return this.refuse(errors.TOO_LARGE, end);
    if (newline < 0) return INCOMPLETE;
    const lineEnd = newline > start && buf[newline - 1] === CR ? newline - 1 : newline;
    const rewritten = rewriteInline(buf, start, lineEnd);
    if (rewritten === null) return this.refuse(errors.UNBALANCED_QUOTES, end);
    if (rewritten.length === 0) {
      this.answer(UNKNOWN_COMMAND_NAME, EMPTY);
      return newline + 1;
    }
    this.locateArguments(rewritten);
    this.dispatch(session, rewritten);
    if (this.closesClient && this.reply === EMPTY) return end;
    this.rewritten = rewritten;
    this.rewrittenEnd = rewritten.length;
    return newline + 1;
  }

  /** Fills `args` from an array of bulk strings that Ringmaster has written. */
  private locateArguments(buf: Buffer): void {
    const { args } = this;
    let at = buf.indexOf(LF) + 1;
    args.firstHeader = at;
    args.buf = buf;
    args.count = 0;
    while (at < buf.length) {
      const payload = buf.indexOf(LF, at) + 1;
      const length = Number(buf.toString('latin1', at + 1, payload - 2));
      if (args.count === args.starts.length) args.grow();
      args.starts[args.count] = payload;
      args.ends[args.count] = payload + length;
      args.count++;
      at = payload + length + 2;
    }
  }

  private answerUnknown(): void {
    const { args } = this;
    // What a browser sends when a web page makes it talk to this port; Redis closes without a word.
    if (args.isWord(0, 'post') || args.isWord(0, 'host:')) {
      this.answer(UNKNOWN_COMMAND_NAME, EMPTY);
      this.closesClient = true;
    } else this.answer(UNKNOWN_COMMAND_NAME, errors.unknownCommand(args));
  }

  private answer(command: string, reply: Buffer): void {
    this.command = command;
    this.route = ROUTE_LOCAL;
    this.reply = reply;
  }

  /** The client cannot be understood any further: nothing of what it sent after this is read. */
  private refuse(reply: Buffer, end: number): number {
    this.answer(UNKNOWN_COMMAND_NAME, reply);
    this.closesClient = true;
    return end;
  }

  /** The line that begins at `line` has no end yet. */
  private partialLine(line: number, end: number, tooLong: Buffer): number {
    return end - line > MAX_LINE_BYTES ? this.refuse(tooLong, end) : INCOMPLETE;
  }

  /** A count that is not between 1 and the limit: `*0` and `*-1` are requests without reply, all else is an error. */
  private oddCount(buf: Buffer, start: number, end: number): number {
    const cr = lineEnd(buf, start, end);
    if (cr - start > MAX_LINE_BYTES) return this.refuse(errors.COUNT_LINE_TOO_LONG, end);
    if (cr + 1 >= end) return INCOMPLETE;
    const isNegative = buf[start + 1] === MINUS;
    const digits = start + (isNegative ? 2 : 1);
    if (!isNothing(buf, digits, cr, isNegative)) return this.refuse(errors.INVALID_COUNT, end);
    this.answer(UNKNOWN_COMMAND_NAME, EMPTY);
    return cr + 2;
  }

  private badLength(buf: Buffer, line: number, end: number): number {
    const cr = lineEnd(buf, line, end);
    if (cr - line > MAX_LINE_BYTES) return this.refuse(errors.LENGTH_LINE_TOO_LONG, end);
    if (cr + 1 >= end) return INCOMPLETE;
    return this.refuse(buf[line] === DOLLAR ? errors.INVALID_LENGTH : errors.expectedDollar(buf[line]!), end);
  }
}

/** Where the line's CR is; `end` when it is still to come. */
function lineEnd(buf: Buffer, line: number, end: number): number {
  const cr = buf.indexOf(CR, line);
  return cr < 0 || cr > end ? end : cr;
}

/** `buf[at, end)` is the 0 of `*0` or the digits of `*-1`, spelt as Redis's string2ll wants them. */
function isNothing(buf: Buffer, at: number, end: number, isNegative: boolean): boolean {
  if (!isNegative) return end - at === 1 && buf[at] === ZERO;
  if (at === end || end - at > MAX_LONG_DIGITS || buf[at] === ZERO) return false;
  for (let i = at; i < end; i++) if (buf[i]! < ZERO || buf[i]! > ZERO + 9) return false;
  return true;
}

const UNKNOWN_KEYS = 'where its keys are is not known';
const MAX_LONG_DIGITS = 18;
