import type { ParserOptions } from '../../parser-options.ts';
import type { RequestParser } from '../../protocol.ts';
import { FLAG_PAUSED_AS_WRITE, HOLD_CHANGE, HOLD_RUN, ROUTE_ANY, ROUTE_LOCAL, type Route } from '../../routes.ts';
import { LocalCommands } from '../answers/local-commands.ts';
import type { Command } from '../commands/command.ts';
import { findKeys } from '../commands/key-finder.ts';
import { PrefixedRequest } from '../prefixed-request.ts';
import type { RedisSession } from '../session.ts';
import { AnsweredRun } from './answered-run.ts';
import {
  type QueuedRequest,
  queueAnswer,
  queueChange,
  queueInquiry,
  queueSelect,
  queueWords,
} from './queued-answers.ts';
import { inquiriesOf } from './queued-inquiries.ts';
import { isSaidByServers, refusalInside, transactionStep } from './transactions.ts';

/** Requests that begin, end or change transactions, and those inside that are not simply the server's to answer. */
export abstract class TransactionRequest extends PrefixedRequest {
  protected readonly local: LocalCommands;

  constructor(options: ParserOptions, before?: RequestParser) {
    super(options, before);
    this.local = new LocalCommands(options, this.commands);
  }

  /** What the client reads for a command that can't be part of a transaction; null: it may be. */
  protected refusalOfQueued(command: Command, route: Route, session: RedisSession): Buffer | null {
    const refusal = this.commands.refusals[command.id]!;
    if (refusal !== null && !isSaidByServers(command, refusal)) return refusal;
    return refusalInside(command, route, session);
  }

  /** Answered here once the transaction is run, or changes the client then. Whether it soils the connection; it may be refused. */
  protected queueOwn(command: Command, session: RedisSession): boolean {
    return this.putInPlace(command, this.inItsPlace(command, session));
  }

  /** The same for what all workers answer. */
  protected queueInquiry(command: Command, session: RedisSession): void {
    this.putInPlace(command, queueInquiry(command, this.args, session, this.accounts));
  }

  /** SCAN names the server of the transaction, as a key does. */
  protected queueScan(command: Command, session: RedisSession): void {
    this.scan(command);
    const { transform, serverPlace } = this;
    this.transform = null;
    this.serverPlace = -1;
    if (this.route === ROUTE_LOCAL) this.putInPlace(command, queueWords(session, this.reply));
    else if (transform !== null) {
      const refusal = queueChange(session, transform);
      if (refusal !== null) this.answer(command.name, refusal);
      else this.serverPlace = serverPlace;
    }
  }

  private putInPlace(command: Command, queued: QueuedRequest | Buffer): boolean {
    const { args } = this;
    if (Buffer.isBuffer(queued)) {
      this.answer(command.name, queued);
      return false;
    }
    const [name, ...words] = queued.placeholder;
    this.rewriteArguments(name!, args.count, ...words);
    this.route = ROUTE_ANY;
    return queued.isSoiling;
  }

  private inItsPlace(command: Command, session: RedisSession): QueuedRequest | Buffer {
    const { args, commands, local } = this;
    const refusal = commands.refusals[command.id]!;
    if (refusal !== null) return queueWords(session, refusal);
    if (command.name === 'select') return queueSelect(args, session, commands);
    const { hasOneServer } = commands;
    return queueAnswer(command, args, session, local, { hasOneServer, hasAccounts: this.accounts !== null });
  }

  /** SELECT of a client that watches keys: its own connection is in that database, too, and then nobody else's any more. */
  protected selectWatching(command: Command, session: RedisSession): void {
    const { database } = session;
    this.answer(command.name, this.local.answer(command, this.args, session));
    if (session.database === database) return;
    this.rewriteArguments('SELECT', 2, String(this.commands.firstDatabase + session.database));
    this.goPrivate(HOLD_CHANGE);
  }

  /** MULTI and its like. */
  protected takeStep(command: Command, session: RedisSession): void {
    const { queuedAnswers, hasQueuedWrite } = session;
    const run = command.name === 'exec' && queuedAnswers.length > 0 ? new AnsweredRun(session) : null;
    const inquiries = run === null ? null : inquiriesOf(session);
    const step = transactionStep(command, session);
    if (step === HOLD_RUN) {
      this.transform = run;
      this.awaitedRun = inquiries;
      if (hasQueuedWrite) this.flags |= FLAG_PAUSED_AS_WRITE;
    }
    if (typeof step !== 'number') this.answer(command.name, step);
    else {
      findKeys(command, this.args, this.keys);
      this.goPrivate(step);
    }
  }
}
