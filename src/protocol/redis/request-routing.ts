// What becomes of a request whose arguments are known: command table → arity, AUTH, transaction → route and key ranges, or
// the answer.

import { SIGN_IN_AWAITED, SIGN_IN_FULL, SIGN_IN_WRONG } from '../../accounts/sign-in-places.ts';
import { SLOTS } from '../../hash/key-slot.ts';
import type { ParserOptions } from '../parser-options.ts';
import type { Coalescer, Fragment, Fragmenter, RequestParser } from '../protocol.ts';
import {
  FLAG_BLOCKS,
  FLAG_PAUSED_AS_WRITE,
  HOLD_ABORT,
  HOLD_BLOCK,
  HOLD_QUEUE,
  HOLD_REFUSE,
  isOfAllServers,
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_ASIDE,
  ROUTE_AUDIENCE,
  ROUTE_CLIENTS,
  ROUTE_ELSEWHERE,
  ROUTE_KEY,
  ROUTE_LOCAL,
  ROUTE_PLACE,
  ROUTE_PRIVATE,
  ROUTE_PUBLICATION,
  ROUTE_SAME_SERVER,
  ROUTE_SERVER,
  ROUTE_SLOT,
  ROUTE_SPLIT,
  ROUTE_SUBSCRIPTION,
  ROUTE_UNKNOWN,
  type Route,
} from '../routes.ts';
import { OneSucceededCoalescer } from './all-servers/one-succeeded.ts';
import { inquiryOf } from './answers/clients-command.ts';
import { WRONG_DB } from './answers/local-commands.ts';
import { coalescerFor, LimitedKeysCoalescer } from './coalescers.ts';
import { blockingTimeoutMs, SEVERAL_SERVERS, WAITS_FOR_EVER, WRITES_SEEN } from './commands/blocking-timeout.ts';
import type { Command } from './commands/command.ts';
import { refusalText } from './commands/command-policy.ts';
import { KEYLESS_REFUSAL } from './commands/command-rules.ts';
import { COMMANDS, UNKNOWN_COMMAND_NAME } from './commands/command-table.ts';
import { findKeys, KEYS_BLOCK, KEYS_FOUND, KEYS_UNCLEAR, KEYS_UNKNOWN } from './commands/key-finder.ts';
import { buildFragment } from './fragment.ts';
import { permit } from './permissions.ts';
import { GOES_ELSEWHERE, portChoice } from './port-choice.ts';
import * as errors from './request-errors.ts';
import { EMPTY, errorReply, MAX_LOCAL_ARGUMENTS, MAX_LOCAL_BYTES, OK } from './resp.ts';
import { FunctionStatsCoalescer, LibrariesCoalescer } from './scripts/function-command.ts';
import { asideVariant, REPLIES_ON, REPLIES_SKIP, type RedisSession } from './session.ts';
import { isLeaving, mayListenerUse, refusalToListener, topicKindOf } from './subscriptions/subscriptions.ts';
import { TransactionRequest } from './transactions/transaction-request.ts';
import { endsByRefusal, endsByReset, isImmediate, isServersInside, refusalOfAll } from './transactions/transactions.ts';

/** The half of the parser that knows commands. */
export class RequestRouting extends TransactionRequest {
  private found: Command = COMMANDS[0]!;
  private readonly keysCoalescer: Coalescer;
  /** Clients must sign in. */
  protected readonly hasPassword: boolean;
  /** What is parsed may be parsed again: nothing is done yet. */
  protected isLookingAhead = false;

  constructor(options: ParserOptions, before?: RequestParser) {
    super(options, before);
    this.keysCoalescer = new LimitedKeysCoalescer(options.rules?.keysLimitBytes ?? Number.POSITIVE_INFINITY);
    this.hasPassword = options.password !== null || this.accounts !== null;
    if (this.accounts !== null) permit(this.accounts, this.commands);
  }

  fragment(buf: Buffer, _start: number, _end: number, members: Int32Array, count: number): Fragment {
    const { firstKey, keyStep } = this.found;
    return buildFragment(this.args, buf, members, count, firstKey, keyStep);
  }

  fragmenter(shift: number): Fragmenter {
    const args = this.args.shifted(shift);
    const { firstKey, keyStep } = this.found;
    return { fragment: (buf, members, count) => buildFragment(args, buf, members, count, firstKey, keyStep) };
  }

  /** The request is complete and its arguments are known: finds the command and what is to be done. */
  protected dispatch(session: RedisSession, buf: Buffer): void {
    const { replyMode } = session;
    this.isNoreply = replyMode !== REPLIES_ON;
    if (replyMode === REPLIES_SKIP) session.replyMode = REPLIES_ON;
    if (this.hasPrefixes) this.chooseUnderPrefix(session, buf);
    else this.choose(session, buf);
    // It is parsed again.
    if (this.route >= ROUTE_UNKNOWN) session.replyMode = replyMode;
    if (this.isNoreply || session.replyMode !== REPLIES_ON) this.mute(session);
  }

  /** By CLIENT REPLY the client wants no reply; that request itself goes by what it has changed. */
  private mute(session: RedisSession): void {
    if (this.command === 'client|reply' && this.reply === OK) this.isNoreply = session.replyMode !== REPLIES_ON;
    if (this.isNoreply) this.reply = EMPTY;
  }

  protected override choose(session: RedisSession, buf: Buffer): void {
    const { args } = this;
    const command = this.lookUp(buf);
    if (command === null) {
      if (this.isWorthAsking(session)) this.route = ROUTE_UNKNOWN;
      else if (session.isInTransaction && !this.closesClient) this.refuseInside();
      return;
    }
    this.command = command.name;
    this.flags = command.effects;
    const arity = command.acceptedArity;
    const route = this.commands.routes[command.id]!;
    if (arity > 0 ? args.count !== arity : args.count < -arity) this.refuseArity(command, session);
    else if (this.hasPassword && !session.isAuthenticated && !command.isAllowedBeforeAuth) {
      this.answer(command.name, errors.NOT_AUTHENTICATED);
    } else if (session.account !== null && this.isDenied(session.account, command, session)) {
      if (endsByRefusal(command, session)) this.goPrivate(HOLD_ABORT);
      else if (session.isInTransaction) this.refuseInside();
    } else if (session.isOnlyListening && !mayListenerUse(command)) {
      this.answer(command.name, refusalToListener(command));
    } else if (this.keyPrefix !== null && !this.putPrefix(command, session)) {
      if (session.isInTransaction) this.refuseInside();
    } else if (session.isInTransaction) this.queue(command, route, session);
    else if (route === ROUTE_KEY) {
      this.route = ROUTE_KEY;
      const { firstKey } = command;
      const { keys } = this;
      keys.starts[0] = args.starts[firstKey]!;
      keys.ends[0] = args.ends[firstKey]!;
      keys.count = 1;
    } else if (route === ROUTE_PRIVATE) {
      if (command.isTransactional) this.takeStep(command, session);
      else {
        findKeys(command, args, this.keys);
        this.block(command);
      }
    } else if (route === ROUTE_SUBSCRIPTION) this.subscribe(command);
    else if (route === ROUTE_SERVER) this.scan(command);
    else if (route === ROUTE_AUDIENCE) this.askAudience(command);
    else if (route === ROUTE_CLIENTS) this.inquire(command, session);
    else if (route === ROUTE_SLOT) this.goToSlot(command);
    else if (route !== ROUTE_LOCAL) this.findKeys(command, route, session);
    else this.answerItself(command, session);
  }

  private subscribe(command: Command): void {
    const { args, keys } = this;
    this.route = ROUTE_SUBSCRIPTION;
    this.topicKind = topicKindOf(command);
    this.isLeavingTopics = isLeaving(command);
    if (args.count > 1) keys.addArguments(args, 1, args.count - 1, 1);
  }

  private goToSlot(command: Command): void {
    const slot = this.args.integer(2);
    if (slot >= 0 && slot < SLOTS) {
      this.route = ROUTE_SLOT;
      this.slot = slot;
    } else this.answer(command.name, errors.noSuchSlot(command, slot));
  }

  private inquire(command: Command, session: RedisSession): void {
    const { args } = this;
    const isTooLarge = args.count > MAX_LOCAL_ARGUMENTS || args.byteCount > MAX_LOCAL_BYTES;
    const inquiry = isTooLarge ? errors.localTooLarge(command.name) : inquiryOf(command, args, session, this.accounts);
    if (Buffer.isBuffer(inquiry)) this.answer(command.name, inquiry);
    else {
      this.route = ROUTE_CLIENTS;
      this.inquiry = inquiry;
    }
  }

  private refuseArity(command: Command, session: RedisSession): void {
    this.answer(command.name, command.wrongArity);
    if (endsByRefusal(command, session)) this.goPrivate(HOLD_ABORT);
    else if (session.isInTransaction) this.refuseInside();
  }

  /** The answer that was set is an error, and the transaction can't be run any more. */
  private refuseInside(): void {
    this.goPrivate(HOLD_REFUSE);
  }

  /** A command inside a transaction: the server keeps it until EXEC. */
  private queue(command: Command, route: Route, session: RedisSession): void {
    if (command.isTransactional && command.name !== 'unwatch') {
      this.takeStep(command, session);
      return;
    }
    this.serverPlace = -1;
    const refusal = this.refusalOfQueued(command, route, session);
    let isSoiling = false;
    if (isImmediate(command) && !this.isLookingAhead) this.answerItself(command, session);
    else if (refusal !== null) this.answer(command.name, refusal);
    else if ((route === ROUTE_AUDIENCE || route === ROUTE_ASIDE) && this.commands.hasOneServer) this.route = ROUTE_ANY;
    else if (command.merge === 'info') this.route = ROUTE_ANY;
    else if (route === ROUTE_CLIENTS) this.queueInquiry(command, session);
    else if (route === ROUTE_SERVER && !this.commands.hasSlots) this.queueScan(command, session);
    else if (isOfAllServers(route)) this.answer(command.name, refusalOfAll(command));
    else if (route === ROUTE_LOCAL && !isServersInside(command)) isSoiling = this.queueOwn(command, session);
    else if (route === ROUTE_LOCAL || route === ROUTE_PRIVATE) this.route = ROUTE_ANY;
    else this.findKeys(command, route, session);
    if (route === ROUTE_PRIVATE) findKeys(command, this.args, this.keys);
    if (isImmediate(command)) return;
    if (session.databaseToBe >= 0) this.variants ??= [session.variantOf(session.databaseToBe)];
    if (this.route === ROUTE_LOCAL) this.refuseInside();
    else {
      this.goPrivate(HOLD_QUEUE);
      this.isSoiling = isSoiling;
      if ((command.effects & FLAG_PAUSED_AS_WRITE) !== 0) session.hasQueuedWrite = true;
      session.queuedRequests++;
    }
  }

  /** It waits at the server, on a connection of the client's own; one that no server would let wait goes as any other. */
  private block(command: Command): void {
    const timeoutMs = blockingTimeoutMs(command, this.args);
    if (timeoutMs >= 0) {
      this.waitMs = timeoutMs === 0 ? WAITS_FOR_EVER : timeoutMs;
      const ofSeveral = SEVERAL_SERVERS.get(command.name);
      this.reply = ofSeveral ?? EMPTY;
      if (ofSeveral !== undefined) this.remedy = WRITES_SEEN;
      this.goPrivate(HOLD_BLOCK);
    } else if (this.keys.count === 0) this.route = ROUTE_ANY;
    else this.route = this.keys.count === 1 ? ROUTE_KEY : ROUTE_SAME_SERVER;
  }

  private answerItself(command: Command, session: RedisSession): void {
    const { args } = this;
    const refusal = this.commands.refusals[command.id]!;
    const choice = session.port === null || refusal !== null ? null : portChoice(command, args, session, session.port);
    if (refusal !== null) this.answer(command.name, refusal);
    else if (choice === GOES_ELSEWHERE) this.route = ROUTE_ELSEWHERE;
    else if (choice !== null) this.answer(command.name, choice);
    else if (command.name === 'select' && session.isWatching) this.selectWatching(command, session);
    else if (args.count > MAX_LOCAL_ARGUMENTS || args.byteCount > MAX_LOCAL_BYTES)
      this.leaveToServer(command, session.isOnlyListening);
    else {
      const endsTransaction = endsByReset(command, session);
      const { respVersion } = session;
      const reply = this.local.answer(command, args, session);
      const signIn = this.local.authentication.takeOutcome();
      if (signIn === SIGN_IN_AWAITED) {
        this.route = ROUTE_PLACE;
        return;
      }
      this.answer(command.name, reply);
      this.isRefusedSignIn = signIn === SIGN_IN_WRONG;
      this.isSignIn = command.takesPassword;
      if (session.respVersion > respVersion) this.proveResp3(session);
      if (command.name === 'reset') session.port?.goHome();
      this.closesClient = command.closesClient || signIn === SIGN_IN_FULL;
      if (endsTransaction) this.goPrivate(HOLD_ABORT);
    }
  }

  /** Too large for us to answer. What any server answers alike goes to one, under the limits of all that is forwarded. */
  private leaveToServer(command: Command, isListening: boolean): void {
    if (command.isAnsweredAlike && !isListening) this.route = ROUTE_ANY;
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
  private findKeys(command: Command, route: Route, session: RedisSession): void {
    const { keys } = this;
    this.found = command;
    this.route = route;
    const result = findKeys(command, this.args, keys);
    // XREAD and XREADGROUP wait only with BLOCK.
    if (command.finder === 'streams' && result !== KEYS_BLOCK) this.flags &= ~FLAG_BLOCKS;
    if (command.merge === 'info' || command.merge === 'config') {
      this.askAboutServers(command, session);
      return;
    }
    if (command.merge === 'keys') this.coalescer = this.keysCoalescer;
    else if (command.merge === 'libraries') this.coalescer = LIBRARIES;
    else if (command.merge === 'function_stats') this.coalescer = FUNCTION_STATS;
    else if (command.merge === 'one_succeeded') this.coalescer = ONE_SUCCEEDED;
    else if (command.merge !== null) this.coalescer = coalescerFor(command.merge);
    if (route === ROUTE_ASIDE) this.variants = [asideVariant(session.variant)];
    if (command.name === 'flushall') this.flushAll(session);
    if (command.scriptAt !== 0) this.knowScript(command, session);
    if (result === KEYS_BLOCK) this.block(command);
    else if (result === KEYS_UNKNOWN) this.refuseKeys(command);
    else if (command.isChoosingDatabase) this.checkDatabase(command, session);
    else if (route === ROUTE_PUBLICATION) this.topicKind = topicKindOf(command);
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

  private refuseKeys(command: Command): void {
    this.keys.count = 0;
    if (command.isUnlisted) this.answer(command.name, errorReply(refusalText(command.name, UNKNOWN_KEYS)));
    else this.answer(command.name, errors.SYNTAX_ERROR);
  }

  /** COPY source destination [DB database] [REPLACE], MOVE key database: not out of what the pool is. */
  private checkDatabase(command: Command, session: RedisSession): void {
    const { args, commands, keys } = this;
    const { databases, copyRefusal } = commands;
    if (keys.count === 1) this.route = ROUTE_KEY;
    for (let i = 2; i < args.count; i++) {
      if (command.name === 'copy' && !(i > 2 && args.isWord(i, 'db'))) continue;
      const database = args.integer(command.name === 'copy' ? Math.min(i + 1, args.count - 1) : i);
      const isElsewhere = database < 0 || database >= databases;
      const refusal = copyRefusal ?? (isElsewhere ? WRONG_DB : null);
      if (refusal === null) {
        this.variants = [session.variantOf(session.databaseNow), session.variantOf(database)];
        continue;
      }
      keys.count = 0;
      this.answer(command.name, refusal);
      return;
    }
  }

  /** The servers may know the command that was not found. What a client is not to know it learns as before. */
  private isWorthAsking(session: RedisSession): boolean {
    if (!this.lesson.isDue || this.command !== UNKNOWN_COMMAND_NAME || this.closesClient) return false;
    return (!this.hasPassword || session.isAuthenticated) && !session.isOnlyListening;
  }

  private answerUnknown(): void {
    const { args } = this;
    // What a browser sends when a web page makes it talk to this port; Redis closes without a word.
    if (args.isWord(0, 'post') || args.isWord(0, 'host:')) {
      this.answer(UNKNOWN_COMMAND_NAME, EMPTY);
      this.closesClient = true;
    } else this.answer(UNKNOWN_COMMAND_NAME, errors.unknownCommand(args));
  }
}

const LIBRARIES = new LibrariesCoalescer();
const FUNCTION_STATS = new FunctionStatsCoalescer();
const ONE_SUCCEEDED = new OneSucceededCoalescer();
const UNKNOWN_KEYS = 'where its keys are is not known';
