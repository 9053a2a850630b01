import { chained } from '../chained-transform.ts';
import type { ParserOptions } from '../parser-options.ts';
import type { RequestParser } from '../protocol.ts';
import type { ReplyTransform } from '../reply-transform.ts';
import {
  HOLD_OPEN,
  HOLD_QUEUE,
  HOLD_RUN,
  ROUTE_LOCAL,
  ROUTE_PRIVATE,
  ROUTE_SUBSCRIPTION,
  ROUTE_SWEEP,
} from '../routes.ts';
import { NO_TOPICS } from '../topics.ts';
import { AllServersRequest } from './all-servers/all-servers-request.ts';
import type { Command } from './commands/command.ts';
import { refusalText } from './commands/command-policy.ts';
import { findKeys, KEYS_UNCLEAR } from './commands/key-finder.ts';
import { NOT_TO_BE_HAD, prefixPlace } from './key-prefix/event-scope.ts';
import type { KeyPrefix } from './key-prefix/key-prefix.ts';
import { KeyPrefixes } from './key-prefix/key-prefixes.ts';
import { NameStripper } from './key-prefix/name-stripper.ts';
import { ALL_KEYS } from './key-prefix/prefix-policy.ts';
import { PrefixedArguments } from './key-prefix/prefixed-arguments.ts';
import { type ReplyShape, SHAPE_ERROR, SHAPE_PLAIN, SHAPE_RUN } from './key-prefix/reply-shape.ts';
import { sweepOf } from './key-prefix/sweeps/sweeps.ts';
import { KeyRanges } from './request-args.ts';
import { SYNTAX_ERROR } from './request-errors.ts';
import { errorReply } from './resp.ts';
import type { RedisSession } from './session.ts';
import { topicKindOf } from './subscriptions/subscriptions.ts';

/** Requests of one transaction, whose replies are kept in mind. */
const MAX_QUEUED = 1024 * 1024;
const TOO_LARGE = errorReply('ERR with the key_prefix the request is larger than the pool accepts');
const TOO_MANY_QUEUED = errorReply(`ERR under a key_prefix a transaction has ${MAX_QUEUED} commands at most`);
const NOT_AN_INTEGER = errorReply('ERR value is not an integer or out of range');
const EVENTS_OF_ALL = errorReply(
  'ERR under a key_prefix a pattern for key events must say __keyspace@…__: and a key, or __keyevent@…, or stand for all keys',
);
const INFO_INSIDE = errorReply(
  refusalText('info', 'inside a transaction it would tell of keys without the key_prefix'),
);
const OTHER_NAMES = errorReply(
  'ERR who has subscribed or watches keys cannot become a user with another key_prefix; the connection is closed',
);
const MATCH = Buffer.from('MATCH');
const STAR = Buffer.from('*');
/** A number as some old servers read it, and we do not. */
const LOOSE_INTEGER = /^\s*[+-]?\d+\s*$/;

/**
 * Requests of clients whose names begin with a prefix on the servers. Once the arguments are known, the request is written anew
 * with it, and from there on goes the way of any other; of the reply it is taken off again.
 */
export abstract class PrefixedRequest extends AllServersRequest {
  /** The names of some clients have one. */
  protected readonly hasPrefixes: boolean;
  /** That of the client whose request is read; null: none. */
  protected keyPrefix: KeyPrefix | null = null;
  private readonly prefixes: KeyPrefixes;
  private readonly names = new PrefixedArguments();
  private readonly namedKeys = new KeyRanges();
  private shape: ReplyShape = SHAPE_PLAIN;

  constructor(options: ParserOptions, before?: RequestParser) {
    super(options, before);
    this.prefixes = new KeyPrefixes(options.keyPrefix ?? null, options.accounts ?? null);
    this.hasPrefixes = this.prefixes.hasAny;
  }

  protected abstract choose(session: RedisSession, buf: Buffer): void;

  /** As `choose`, and sees to the reply. */
  protected chooseUnderPrefix(session: RedisSession, buf: Buffer): void {
    const { queuedShapes } = session;
    const keyPrefix = this.prefixes.of(session.account);
    this.keyPrefix = keyPrefix;
    this.shape = SHAPE_PLAIN;
    this.topicScope = null;
    this.hidesAllKeys = false;
    this.choose(session, buf);
    if (this.prefixes.of(session.account) !== keyPrefix) this.afterChange(session);
    if (keyPrefix === null) return;
    const { route, hold, shape } = this;
    if (route === ROUTE_LOCAL) return;
    if (route === ROUTE_SUBSCRIPTION) this.topicScope = keyPrefix.scope;
    else if (route !== ROUTE_PRIVATE) this.strip(shape);
    else if (hold === HOLD_OPEN) session.queuedShapes = [];
    else if (hold === HOLD_QUEUE) session.queuedShapes.push(shape);
    else if (hold !== HOLD_RUN) this.strip(shape);
    else if (queuedShapes.some(each => each !== SHAPE_PLAIN)) this.strip(SHAPE_RUN, queuedShapes);
  }

  /** Who signs in as another keeps nothing by names of before. */
  private afterChange({ topics, isWatching }: RedisSession): void {
    if (topics === NO_TOPICS && !isWatching) return;
    this.answer(this.command, OTHER_NAMES);
    this.closesClient = true;
  }

  private strip(shape: ReplyShape, ofRun?: readonly ReplyShape[]): void {
    if (shape === SHAPE_PLAIN) return;
    const stripper: ReplyTransform = new NameStripper((this.keyPrefix as KeyPrefix).bytes, shape, ofRun);
    this.transform = chained(this.transform, stripper);
  }

  /** The request of `command`, with the prefix where its names are. False: it is answered, or known where it goes. */
  protected putPrefix(command: Command, session: RedisSession): boolean {
    const { args, names, commands } = this;
    const { prefixRule } = command;
    // Refused in its own words.
    if (commands.refusals[command.id] !== null) return true;
    if (prefixRule.why !== null && !(prefixRule.isScript && commands.hasPrefixedScripts)) {
      return this.answered(command, errorReply(refusalText(command.name, prefixRule.why)));
    }
    if (session.isInTransaction && session.queuedShapes.length >= MAX_QUEUED) {
      return this.answered(command, TOO_MANY_QUEUED);
    }
    if (prefixRule.names === 'sweep') return this.sweepKeys(command, session);
    names.begin(args.count);
    const refusal = this.markNames(command, session);
    if (refusal !== null) return this.answered(command, refusal);
    return names.areNone || this.write(command);
  }

  private answered(command: Command, reply: Buffer): false {
    this.answer(command.name, reply);
    return false;
  }

  private sweepKeys(command: Command, session: RedisSession): false {
    const { args, options, keyPrefix } = this;
    if (session.isInTransaction) return this.answered(command, errorReply(refusalText(command.name, ALL_KEYS)));
    const maxBytes = options.rules?.keysLimitBytes ?? Number.POSITIVE_INFINITY;
    const sweep = sweepOf(command, args, (keyPrefix as KeyPrefix).bytes, maxBytes, session.respVersion);
    if (Buffer.isBuffer(sweep)) return this.answered(command, sweep);
    this.route = ROUTE_SWEEP;
    this.sweep = sweep;
    if (command.name === 'flushall') this.variants = this.variantsOfAll(session);
    return false;
  }

  /** What the client reads instead; null: all names are marked. */
  private markNames(command: Command, { isInTransaction }: RedisSession): Buffer | null {
    const { args, names } = this;
    switch (command.prefixRule.names) {
      case 'sort':
        this.markPatternsOfSort();
        return this.markKeys(command);
      case 'keys':
        return this.markKeys(command);
      case 'channels':
        for (let i = command.name.includes('|') ? 2 : 1; i < args.count; i++) names.mark(i);
        return null;
      case 'topics':
        return this.markTopics(command);
      case 'pattern':
        this.markPattern(command.name.includes('|') ? 2 : 1);
        return null;
      case 'scan':
        return this.markMatch();
      case 'info':
        this.hidesAllKeys = true;
        return isInTransaction ? INFO_INSIDE : null;
      default:
        return null;
    }
  }

  private markKeys(command: Command): Buffer | null {
    const { args, names, namedKeys } = this;
    namedKeys.count = 0;
    const result = findKeys(command, args, namedKeys);
    if (result === KEYS_UNCLEAR && this.hasLooseInteger()) return NOT_AN_INTEGER;
    names.markRanges(args, args.count, namedKeys);
    return null;
  }

  /** Old servers take more for a number than the one that we do as they do: they would find keys that we have not found. */
  private hasLooseInteger(): boolean {
    const { args } = this;
    for (let i = 1; i < args.count; i++) {
      if (args.lengthOf(i) <= MAX_INTEGER_BYTES && Number.isNaN(args.integer(i)) && LOOSE_INTEGER.test(args.text(i))) {
        return true;
      }
    }
    return false;
  }

  /** `[BY pattern] [GET pattern …]`; `GET #` is the element itself. */
  private markPatternsOfSort(): void {
    const { args, names } = this;
    for (let at = 2; at < args.count; at++) {
      if (args.isWord(at, 'limit')) at += 2;
      else if (args.isWord(at, 'store')) at++;
      else if (args.isWord(at, 'by') || args.isWord(at, 'get')) {
        at++;
        if (at < args.count && !args.isWord(at, '#')) names.mark(at);
      }
    }
  }

  private markTopics(command: Command): Buffer | null {
    const { args, names } = this;
    const kind = topicKindOf(command);
    for (let i = 1; i < args.count; i++) {
      const place = prefixPlace(kind, args.text(i));
      if (place === NOT_TO_BE_HAD) return EVENTS_OF_ALL;
      if (place >= 0) names.mark(i, place);
    }
    return null;
  }

  private markPattern(index: number): void {
    const { args, names, keyPrefix } = this;
    if (index < args.count) names.mark(index);
    else names.append(Buffer.concat([(keyPrefix as KeyPrefix).bytes, STAR]));
  }

  /** `cursor [MATCH pattern] [COUNT count] [TYPE type]`; the last MATCH counts. */
  private markMatch(): Buffer | null {
    const { args, names, keyPrefix } = this;
    let hasMatch = false;
    if (args.count % 2 !== 0) return SYNTAX_ERROR;
    for (let at = 2; at < args.count; at += 2) {
      if (args.isWord(at, 'match')) {
        names.mark(at + 1);
        hasMatch = true;
      } else if (!args.isWord(at, 'count') && !args.isWord(at, 'type')) return SYNTAX_ERROR;
    }
    if (!hasMatch) names.append(MATCH, Buffer.concat([(keyPrefix as KeyPrefix).bytes, STAR]));
    return null;
  }

  private write(command: Command): boolean {
    const { args, names } = this;
    const { bytes } = this.keyPrefix as KeyPrefix;
    const size = names.sizeWith(bytes, args);
    if (size > this.options.maxRequestBytes) return this.answered(command, TOO_LARGE);
    const block = names.write(bytes, args, size);
    this.forgetRewritten();
    this.rewritten = block.bytes;
    this.rewrittenEnd = size;
    this.rewrittenBlock = block;
    const { reply } = command.prefixRule;
    // A server that is older does not know it, and says of what.
    this.shape = reply === SHAPE_PLAIN && command.origin !== 'base' ? SHAPE_ERROR : reply;
    return true;
  }
}

const MAX_INTEGER_BYTES = 64;
