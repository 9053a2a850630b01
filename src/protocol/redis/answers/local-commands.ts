// The commands that Ringmaster answers itself, one handler each. They run once per connection or when somebody types
// them, so they may make strings.
import type { ParserOptions, SlowLogSource } from '../../parser-options.ts';
import { Authentication } from '../authentication.ts';
import type { Command } from '../commands/command.ts';
import { CommandIntrospection } from '../commands/command-introspection.ts';
import { getKeys, getKeysAndFlags } from '../commands/command-keys.ts';
import { refusalText } from '../commands/command-policy.ts';
import type { PoolCommands } from '../commands/command-rules.ts';
import { OwnSlowLog } from '../key-prefix/own-slow-log.ts';
import { OF_ALL_TENANTS } from '../key-prefix/prefix-policy.ts';
import type { RequestArgs } from '../request-args.ts';
import { EMPTY_ARRAY, encodeReply, errorReply, OK, simpleReply } from '../resp.ts';
import type { RedisSession } from '../session.ts';
import * as acl from './acl-command.ts';
import * as client from './client-command.ts';
import { presentedCluster } from './presented-cluster.ts';
import * as slowlog from './slowlog-command.ts';

type Handler = (args: RequestArgs, session: RedisSession) => Buffer;

export const NOT_AN_INTEGER = errorReply('ERR value is not an integer or out of range');
export const WRONG_DB = errorReply('ERR DB index is out of range');
const PONG = simpleReply('PONG');
const RESET = simpleReply('RESET');
const PING_ARITY = errorReply("ERR wrong number of arguments for 'ping' command");

const NO_RESET = errorReply(refusalText('slowlog|reset', OF_ALL_TENANTS));
const NO_SLOW_LOG: SlowLogSource = { length: 0, newest: () => [], reset: () => {} };

export class LocalCommands {
  /** By `Command.name`. */
  private readonly handlers: Readonly<Record<string, Handler>>;
  readonly authentication: Authentication;

  constructor(options: ParserOptions, commands: PoolCommands) {
    const mode = commands.presentedCluster === null ? 'standalone' : 'cluster';
    const { password, accounts, rules, onSignIn } = options;
    this.authentication = new Authentication(password, accounts, rules?.hasResp3, mode, onSignIn);
    this.handlers = handlersOf(options, commands, this.authentication);
  }

  /** The reply to a request whose arity is right; its route is ROUTE_LOCAL. */
  answer(command: Command, args: RequestArgs, session: RedisSession): Buffer {
    return this.handlers[command.name]!(args, session);
  }
}

function handlersOf(
  options: ParserOptions,
  commands: PoolCommands,
  authentication: Authentication,
): Readonly<Record<string, Handler>> {
  const introspection = new CommandIntrospection(commands);
  const cluster = commands.presentedCluster;
  const slowLog = options.slowLog ?? NO_SLOW_LOG;
  const slowLogOf = ({ account }: RedisSession): SlowLogSource => {
    const prefix = account === null ? (options.keyPrefix ?? '') : account.keyPrefix.toString('latin1');
    return prefix === '' ? slowLog : new OwnSlowLog(slowLog, prefix, account?.isTenant ?? false);
  };
  const accounts = options.accounts ?? acl.impliedAccounts(options.password !== null);
  return {
    ...(cluster === null ? {} : presentedCluster(cluster, options.poolName)),
    'acl|cat': args => acl.categories(args, commands),
    'acl|dryrun': args => acl.dryRun(args, accounts, commands),
    'acl|genpass': args => acl.generatedPassword(args),
    'acl|getuser': (args, session) => acl.userOf(args, accounts, session),
    'acl|list': () => acl.userLines(accounts),
    'acl|users': () => acl.userNames(accounts),
    'acl|whoami': (_args, session) => encodeReply(Buffer.from(session.user)),
    auth: (args, session) => authentication.auth(args, session),
    'client|caching': () => client.NOT_TRACKING,
    'client|getname': (_args, session) => client.getName(session),
    'client|getredir': () => client.NO_REDIRECTION,
    'client|id': (_args, session) => encodeReply(session.id),
    'client|info': (_args, session) => client.info(session),
    'client|no-evict': (args, session) => client.noEvict(args, session),
    'client|no-touch': (args, session) => client.noTouch(args, session),
    'client|reply': (args, session) => client.reply(args, session),
    'client|setinfo': (args, session) => client.setInfo(args, session),
    'client|setname': (args, session) => client.setName(session, args.text(2)) ?? OK,
    'client|tracking': args => client.tracking(args),
    'client|trackinginfo': (_args, session) => client.trackingInfo(session),
    command: (_args, session) => introspection.all(session),
    'command|count': () => introspection.count(),
    'command|docs': (args, session) => introspection.docs(args, session),
    'command|getkeys': args => getKeys(args, commands),
    'command|getkeysandflags': (args, session) => getKeysAndFlags(args, commands, session),
    'command|info': (args, session) => introspection.info(args, session),
    'command|list': args => introspection.list(args),
    echo: args => encodeReply(args.bytes(1)),
    hello: (args, session) => authentication.hello(args, session),
    'module|list': () => EMPTY_ARRAY,
    ping,
    quit: () => OK,
    reset: (_args, session) => {
      session.reset();
      const open = options.accounts?.open ?? null;
      if (open !== null) session.signIn(open);
      return RESET;
    },
    select: (args, session) => select(args, session, options.rules?.databases ?? 1),
    'slowlog|get': (args, session) => slowlog.get(args, session, slowLogOf(session)),
    'slowlog|len': (_args, session) => slowlog.length(slowLogOf(session)),
    'slowlog|reset': (_args, session) => (session.account?.isTenant ? NO_RESET : slowlog.reset(slowLog)),
    time,
  };
}

function ping(args: RequestArgs, session: RedisSession): Buffer {
  if (args.count > 2) return PING_ARITY;
  if (session.isOnlyListening) return encodeReply(['pong', args.count === 1 ? '' : args.bytes(1)]);
  return args.count === 1 ? PONG : encodeReply(args.bytes(1));
}

/** Pools have one database, or as many as they say. */
function select(args: RequestArgs, session: RedisSession, databases: number): Buffer {
  const database = args.integer(1);
  if (Number.isNaN(database)) return NOT_AN_INTEGER;
  if (database < 0 || database >= databases) return WRONG_DB;
  session.select(database);
  return OK;
}

function time(): Buffer {
  const micros = Math.round((performance.timeOrigin + performance.now()) * 1000);
  return encodeReply([String(Math.floor(micros / 1e6)), String(micros % 1e6)]);
}
