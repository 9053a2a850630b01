// What an account may do in a Redis pool, in the order and the words of ACLCheckAllUserCommandPerm in Redis's acl.c.
import type { Account, Permissions } from '../../accounts/account.ts';
import type { Accounts } from '../../accounts/accounts.ts';
import { parseAccessRules } from '../../settings/access-rules.ts';
import { AccessSelector } from './access-selector.ts';
import type { Command } from './commands/command.ts';
import { commandCount, ruleTargets } from './commands/command-names.ts';
import type { PoolCommands } from './commands/command-rules.ts';
import { NamedKeys, NEEDS_READ, NEEDS_WRITE } from './commands/named-keys.ts';
import type { RequestArgs } from './request-args.ts';
import { errorReply } from './resp.ts';

const ALLOWED = 0;
// Of several selectors the highest tells.
const DENIED_COMMAND = 1;
const DENIED_KEY = 2;
const DENIED_CHANNEL = 3;
const DENIED_DATABASE = 4;
type Verdict = 0 | 1 | 2 | 3 | 4;

/** Channels are matched; patterns have to be allowed as they are written. */
const CHANNELS_AT: Readonly<Record<string, 'first' | 'all' | 'patterns'>> = {
  publish: 'first',
  spublish: 'first',
  subscribe: 'all',
  ssubscribe: 'all',
  psubscribe: 'patterns',
};

/** Shared by all: one request is looked at after the other. */
const namedKeys = new NamedKeys();

class RedisPermissions implements Permissions {
  private readonly rules: string;
  private readonly databases: readonly number[] | null;
  private readonly commands: PoolCommands;
  /** The rules were compiled when the commands were of this revision; -1: not yet. */
  private revision = -1;
  private selectors: readonly AccessSelector[] = [];

  constructor({ rules, databases }: Account, commands: PoolCommands) {
    this.rules = rules;
    this.databases = databases;
    this.commands = commands;
  }

  /** Whether a request of the right arity may be done by who is in `database`. */
  check(command: Command, args: RequestArgs, database: number): Verdict {
    if (this.revision !== this.commands.revision) this.compile();
    const { selectors } = this;
    let verdict: Verdict = DENIED_COMMAND;
    let hasKeys = false;
    for (let i = 0; i < selectors.length; i++) {
      const selector = selectors[i]!;
      if (!selector.allows(command, args)) continue;
      if (!hasKeys && !selector.hasAllKeys) {
        namedKeys.read(command, args);
        hasKeys = true;
      }
      const found = this.checkNames(selector, command, args);
      if (found === ALLOWED) return this.databases === null ? ALLOWED : this.checkDatabase(command, args, database);
      if (found > verdict) verdict = found;
    }
    return verdict;
  }

  keepTopicsOf(before: Permissions): boolean {
    const [now, then] = [this, before as RedisPermissions].map(({ rules }) => channelsOf(rules));
    return now!.has('*') || [...then!].every(pattern => now!.has(pattern));
  }

  private compile(): void {
    const { commands } = this;
    const { root, selectors } = parseAccessRules(this.rules);
    const targets = ruleTargets(commands);
    const count = commandCount(commands);
    this.selectors = [root, ...selectors].map(rules => new AccessSelector(rules, targets, count));
    this.revision = commands.revision;
  }

  private checkNames(selector: AccessSelector, command: Command, args: RequestArgs): Verdict {
    const { buf } = args;
    if (!selector.hasAllKeys) {
      const { starts, ends } = namedKeys.ranges;
      for (let i = 0; i < namedKeys.count; i++) {
        const needs = namedKeys.needsOf(i);
        const needsRead = (needs & NEEDS_READ) !== 0;
        const needsWrite = (needs & NEEDS_WRITE) !== 0;
        if (!selector.allowsKey(buf, starts[i]!, ends[i]!, needsRead, needsWrite)) return DENIED_KEY;
      }
    }
    const channels = CHANNELS_AT[command.name];
    if (channels === undefined || selector.hasAllChannels) return ALLOWED;
    const count = channels === 'first' ? 2 : args.count;
    for (let i = 1; i < count; i++) {
      const isPattern = channels === 'patterns';
      if (!selector.allowsChannel(buf, args.starts[i]!, args.ends[i]!, isPattern)) return DENIED_CHANNEL;
    }
    return ALLOWED;
  }

  /** The database that it is in, or would go to, has to be one of its own; Redis itself has no such rule. */
  private checkDatabase(command: Command, args: RequestArgs, database: number): Verdict {
    const { name } = command;
    if (name === 'flushall' || name === 'swapdb') return DENIED_DATABASE;
    if (name === 'select') return this.mayUse(args.integer(1)) ? ALLOWED : DENIED_DATABASE;
    if (command.categories.split(' ').includes('connection')) return ALLOWED;
    if (!this.mayUse(database)) return DENIED_DATABASE;
    if (name === 'move') return this.mayUse(args.integer(2)) ? ALLOWED : DENIED_DATABASE;
    if (name !== 'copy') return ALLOWED;
    for (let i = 3; i + 1 < args.count; i++) {
      if (args.isWord(i, 'db') && !this.mayUse(args.integer(i + 1))) return DENIED_DATABASE;
    }
    return ALLOWED;
  }

  /** What is no number the server refuses. */
  private mayUse(database: number): boolean {
    return Number.isNaN(database) || (this.databases as readonly number[]).includes(database);
  }

  /** SORT may look at any key by what it finds in another: what a client reads that may not read all; null: it may. */
  refusalOfSort(command: Command, args: RequestArgs): Buffer | null {
    if (this.revision !== this.commands.revision) this.compile();
    for (const selector of this.selectors) if (selector.allows(command, args) && selector.mayReadAll) return null;
    for (let at = 2; at + 1 < args.count; at++) {
      if (args.isWord(at, 'limit')) at += 2;
      else if (args.isWord(at, 'store')) at++;
      else if (args.isWord(at, 'get')) return SORT_GET;
      else if (args.isWord(at, 'by') && args.buf.subarray(args.starts[++at], args.ends[at]).includes(STAR))
        return SORT_BY;
    }
    return null;
  }
}

/** Its patterns for channels, of all selectors. */
function channelsOf(rules: string): ReadonlySet<string> {
  const { root, selectors } = parseAccessRules(rules);
  const patterns = [root, ...selectors].flatMap(each => {
    const from = each.findLastIndex(rule => rule.kind === 'resetchannels') + 1;
    return each.slice(from).flatMap(rule => (rule.kind === 'channels' ? [rule.pattern] : []));
  });
  return new Set(patterns);
}

/** Gives each account what its rules allow in a pool of these commands. */
export function permit(accounts: Accounts, commands: PoolCommands): void {
  for (const account of accounts.all) account.permissions = new RedisPermissions(account, commands);
}

/** What a client with this account reads that asks for what it may not; null: it may. Its database is `database`. */
export function refusalBy(account: Account, command: Command, args: RequestArgs, database: number): Buffer | null {
  if (account.permissions === null) return null;
  const permissions = account.permissions as RedisPermissions;
  const verdict = permissions.check(command, args, database);
  if (verdict !== ALLOWED) return noPermission(verdict, command);
  const isSort = command.name === 'sort' || command.name === 'sort_ro';
  return isSort && args.count > 2 ? permissions.refusalOfSort(command, args) : null;
}

function noPermission(verdict: Verdict, { name }: Command): Buffer {
  const why = verdict === DENIED_COMMAND ? `run the '${name}' command` : ACCESS_TO[verdict];
  const text = `NOPERM this user has no permissions to ${why}`;
  return errorReply(name === 'exec' ? `EXECABORT Transaction discarded because of: ${text}` : text);
}

const ACCESS_TO: Readonly<Record<number, string>> = {
  [DENIED_KEY]: 'access one of the keys used as arguments',
  [DENIED_CHANNEL]: 'access one of the channels used as arguments',
  [DENIED_DATABASE]: 'access the database',
};
const SORT_BY = errorReply('ERR BY option of SORT denied due to insufficient ACL permissions.');
const SORT_GET = errorReply('ERR GET option of SORT denied due to insufficient ACL permissions.');
const STAR = 42;
