import type { ParserOptions } from '../parser-options.ts';
import type { RequestParser } from '../protocol.ts';
import { FLAG_PAUSED_AS_WRITE, HOLD_CHANGE, HOLD_RUN, ROUTE_ANY, type Route } from '../routes.ts';
import { AnsweredRun } from './answered-run.ts';
import type { Command } from './command.ts';
import { findKeys } from './key-finder.ts';
import { LocalCommands } from './local-commands.ts';
import { PrefixedRequest } from './prefixed-request.ts';
import { type QueuedRequest, queueAnswer, queueSelect, queueWords } from './queued-answers.ts';
import type { RedisSession } from './session.ts';
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
    const { args } = this;
    const queued = this.inItsPlace(command, session);
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
    const step = transactionStep(command, session);
    if (step === HOLD_RUN) this.transform = run;
    if (step === HOLD_RUN && hasQueuedWrite) this.flags |= FLAG_PAUSED_AS_WRITE;
    if (typeof step !== 'number') this.answer(command.name, step);
    else {
      findKeys(command, this.args, this.keys);
      this.goPrivate(step);
    }
  }
}
