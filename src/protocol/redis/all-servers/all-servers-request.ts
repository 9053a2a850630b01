import type { Account } from '../../../accounts/account.ts';
import type { Accounts } from '../../../accounts/accounts.ts';
import type { ParserOptions } from '../../parser-options.ts';
import type { RequestParser } from '../../protocol.ts';
import { ROUTE_ALL, ROUTE_AUDIENCE, ROUTE_EVERY, ROUTE_SERVER } from '../../routes.ts';
import type { Command } from '../commands/command.ts';
import { CommandLesson } from '../commands/command-lesson.ts';
import { PoolCommands } from '../commands/command-rules.ts';
import { refusalBy } from '../permissions.ts';
import * as errors from '../request-errors.ts';
import { MAX_LOCAL_ARGUMENTS, MAX_LOCAL_BYTES, type RespVersion } from '../resp.ts';
import { PROOF_REQUEST, Resp3Proof } from '../resp3-proof.ts';
import { RoutedRequest } from '../routed-request.ts';
import { LibraryChange, libraryChange, MissingFunction } from '../scripts/function-command.ts';
import { MissingScript } from '../scripts/missing-script.ts';
import { ScriptMemory } from '../scripts/script-memory.ts';
import type { RedisSession } from '../session.ts';
import { AUDIENCE_COALESCERS } from '../subscriptions/audience.ts';
import { isCounting, topicKindOf } from '../subscriptions/subscriptions.ts';
import { ConfigCoalescer } from './config-get.ts';
import { InfoCoalescer, infoAsked, ownInfoReply } from './info.ts';
import { ScanCursors, ScanReply } from './scan-cursors.ts';

/** What becomes of them. */
export class AllServersRequest extends RoutedRequest {
  readonly kept: ScriptMemory;
  readonly lesson: CommandLesson;
  readonly accounts: Accounts | null;
  protected readonly commands: PoolCommands;
  private readonly scanCursors: ScanCursors;
  protected readonly options: ParserOptions;
  /** The client is not to be told of all keys. */
  protected hidesAllKeys = false;
  /** All servers of the pool have answered in RESP3. */
  private isResp3Proven = false;

  constructor(options: ParserOptions, before?: RequestParser) {
    super();
    this.accounts = options.accounts ?? null;
    this.kept = before instanceof AllServersRequest ? before.kept : new ScriptMemory();
    this.kept.setLimit(options.rules?.scriptMemoryBytes ?? 0);
    this.commands = new PoolCommands(options.rules);
    const learned = before instanceof AllServersRequest ? before.lesson : null;
    this.lesson = new CommandLesson(this.commands, options.rules?.learnsCommands ?? false, learned);
    this.options = options;
    this.scanCursors = new ScanCursors(this.commands.serverNames, this.commands.serversMovedTo);
  }

  /** The client's account may not do it; then the answer is set. */
  protected isDenied(account: Account, command: Command, session: RedisSession): boolean {
    const refusal = refusalBy(account, command, this.args, session.databaseNow);
    if (refusal === null) return false;
    account.figures.denied();
    this.answer(command.name, refusal);
    return true;
  }

  /** HELLO 3 was answered, and what it promises is to be asked of the servers first; on connections of RESP3, of course. */
  protected proveResp3(session: RedisSession): void {
    if (this.isResp3Proven || this.commands.serverNames.length === 0) return;
    this.route = ROUTE_EVERY;
    this.coalescer = new Resp3Proof(session, this.reply, () => {
      this.isResp3Proven = true;
    });
    this.rewritten = PROOF_REQUEST;
    this.rewrittenEnd = PROOF_REQUEST.length;
  }

  /** Who listens. */
  protected askAudience(command: Command): void {
    this.route = ROUTE_AUDIENCE;
    this.topicKind = topicKindOf(command);
    this.coalescer = AUDIENCE_COALESCERS[command.name]!;
    this.isCountingListeners = isCounting(command);
  }

  /** INFO, or CONFIG GET. */
  protected askAboutServers(command: Command, { respVersion }: RedisSession): void {
    const { args, commands } = this;
    if (args.count > MAX_LOCAL_ARGUMENTS || args.byteCount > MAX_LOCAL_BYTES) {
      this.answer(command.name, errors.localTooLarge(command.name));
    } else if (command.merge === 'info') this.askForInfo(command, respVersion);
    else this.coalescer = new ConfigCoalescer(args, respVersion, commands.databases);
  }

  /** INFO [server] [section …]. */
  private askForInfo(command: Command, respVersion: RespVersion): void {
    const { args, options } = this;
    const isOfAll = args.count === 1 || this.hidesAllKeys;
    const place = isOfAll ? -1 : this.commands.serverNames.indexOf(args.text(1));
    const { isOurs, isOnlyOurs } = infoAsked(args);
    if (place >= 0) {
      this.route = ROUTE_SERVER;
      this.serverPlace = place;
      this.rewriteArguments('INFO', 2);
    } else if (isOnlyOurs) this.answer(command.name, ownInfoReply(options, respVersion));
    else this.coalescer = new InfoCoalescer(options, respVersion, isOurs, this.hidesAllKeys);
  }

  /** SCAN cursor [option …]: the cursor says which server is next. */
  protected scan(command: Command): void {
    const { args, scanCursors } = this;
    const found = scanCursors.read(args.text(1));
    if (Buffer.isBuffer(found)) {
      this.answer(command.name, found);
      return;
    }
    this.route = ROUTE_SERVER;
    this.serverPlace = found.place;
    this.transform = new ScanReply(found.tag, found.nextTag);
    this.rewriteArguments('SCAN', 2, found.cursor);
  }

  /** What EVAL, SCRIPT LOAD and FUNCTION LOAD say is kept for servers that lose it; EVALSHA and FCALL may need it. */
  protected knowScript(command: Command, session: RedisSession): void {
    const { args, kept } = this;
    const at = command.scriptAt;
    const [start, end] = [args.starts[at]!, args.ends[at]!];
    if (command.name.startsWith('f')) this.knowFunction(command, session);
    else if (command.name === 'script|flush') kept.clear();
    else if (!command.isByDigest) kept.remember(args.buf, start, end);
    else {
      const script = kept.find(args.buf, start, end);
      if (script !== null) this.remedy = new MissingScript([script]);
    }
  }

  /** FUNCTION LOAD and its like, and FCALL. */
  private knowFunction(command: Command, { isInTransaction }: RedisSession): void {
    const { args } = this;
    const { libraries } = this.kept;
    const change = libraryChange(command, args, libraries);
    if (change === null) {
      if (libraries.count > 0) this.remedy = new MissingFunction(libraries, args.bytes(1));
    } else if (!isInTransaction) {
      // To the only server, too: whether it does it is seen here.
      this.route = ROUTE_ALL;
      this.coalescer = new LibraryChange(change);
    }
  }

  /** FLUSHALL empties the databases that clients of the pool can see: one, or all they may choose from. */
  protected flushAll(session: RedisSession): void {
    this.rewriteArguments('FLUSHDB', 1);
    this.variants = this.variantsOfAll(session);
  }

  /** Of server connections to each of the databases that clients may choose from; null: there is just one. */
  protected variantsOfAll({ variant, database }: RedisSession): readonly number[] | null {
    const { databases } = this.commands;
    if (databases === 1) return null;
    const version = variant - 2 * database;
    return Array.from({ length: databases }, (_, each) => version + 2 * each);
  }
}
