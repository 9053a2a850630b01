// ACL: what Redis's acl.c answers of it without changing anything. Users are the file's, so nothing changes them here.
import { randomBytes } from 'node:crypto';
import { Accounts, DEFAULT_ACCOUNT } from '../../../accounts/accounts.ts';
import { type AccessRule, ALL_ALLOWED, parseAccessRules } from '../../../settings/access-rules.ts';
import type { Command } from '../commands/command.ts';
import type { PoolCommands } from '../commands/command-rules.ts';
import { refusalBy } from '../permissions.ts';
import type { RequestArgs } from '../request-args.ts';
import { printed, wrongSubcommandArity } from '../request-errors.ts';
import { encodeReply, errorReply, OK, ReplyMap, ReplySet } from '../resp.ts';
import type { RedisSession } from '../session.ts';

const BAD_BITS = errorReply(
  'ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096',
);
const NOT_AN_INTEGER = errorReply('ERR value is not an integer or out of range');
const DEFAULT_BITS = 256;
const MAX_BITS = 4096;
const BITS_OF_DIGIT = 4;
/** In Redis's order. */
const CATEGORIES = [
  ...['keyspace', 'read', 'write', 'set', 'sortedset', 'list', 'hash', 'string', 'bitmap', 'hyperloglog', 'geo'],
  ...['stream', 'pubsub', 'admin', 'fast', 'slow', 'blocking', 'dangerous', 'connection', 'transaction', 'scripting'],
];

/** ACL CAT [category]: of the commands that clients of the pool can use. */
export function categories(args: RequestArgs, commands: PoolCommands): Buffer {
  if (args.count > 3) return wrongSubcommandArity(args);
  if (args.count === 2) return encodeReply(CATEGORIES);
  const name = args.text(2).toLowerCase();
  if (!CATEGORIES.includes(name)) return errorReply(`ERR Unknown category '${printed(args, 2)}'`);
  const all = commands.topCommands.flatMap(command => [command, ...command.subcommandList]);
  return encodeReply(all.flatMap(each => (isIn(each, name) && commands.isOffered(each) ? [each.name] : [])));
}

function isIn({ categories: names }: Command, category: string): boolean {
  return names.split(' ').includes(category);
}

/** ACL GENPASS [bits]: hexadecimal digits. */
export function generatedPassword(args: RequestArgs): Buffer {
  if (args.count > 3) return wrongSubcommandArity(args);
  const bits = args.count === 3 ? args.integer(2) : DEFAULT_BITS;
  if (Number.isNaN(bits)) return NOT_AN_INTEGER;
  if (bits <= 0 || bits > MAX_BITS) return BAD_BITS;
  const digits = Math.ceil(bits / BITS_OF_DIGIT);
  return encodeReply(
    Buffer.from(
      randomBytes(Math.ceil(digits / 2))
        .toString('hex')
        .slice(0, digits),
    ),
  );
}

/** Of a pool without users: all clients are the one that they are to Redis, too. */
export function impliedAccounts(hasPassword: boolean): Accounts {
  const account = { name: DEFAULT_ACCOUNT, isOpen: !hasPassword, rules: ALL_ALLOWED };
  return new Accounts([{ ...account, passwords: [], certificates: [], databases: null, keyPrefix: '' }]);
}

/** ACL USERS. */
export function userNames(accounts: Accounts): Buffer {
  const names = Array.from(accounts.all, ({ name }) => name).sort();
  return encodeReply(names.map(name => Buffer.from(name)));
}

/** ACL LIST: without passwords, which are nobody's business. */
export function userLines(accounts: Accounts): Buffer {
  const lines = Array.from(accounts.all, ({ name, rules, isOpen }) => {
    const { root, selectors } = parseAccessRules(rules);
    const inner = selectors.map(each => ` (${lineOf(each)})`).join('');
    return Buffer.from(`user ${name} on ${isOpen ? 'nopass ' : ''}${lineOf(root)}${inner}`);
  });
  return encodeReply(lines);
}

/** ACL GETUSER name: as Redis has it, with no word of its passwords. */
export function userOf(args: RequestArgs, accounts: Accounts, { respVersion }: RedisSession): Buffer {
  const account = accounts.find(args.bytes(2).toString());
  if (account === null) return encodeReply(null, respVersion);
  const { root, selectors } = parseAccessRules(account.rules);
  const flags = new ReplySet(account.isOpen ? ['on', 'nopass'] : ['on']);
  const inner = selectors.map(rules => new ReplyMap(rightsOf(rules)));
  const entries = ['flags', flags, 'passwords', [], ...rightsOf(root), 'selectors', inner];
  return encodeReply(new ReplyMap(entries), respVersion);
}

function rightsOf(rules: readonly AccessRule[]): string[] {
  const [commands, keys, channels] = KINDS.map(kind => wordsOf(rules, kind).join(' '));
  return ['commands', commands!, 'keys', keys!, 'channels', channels!];
}

function lineOf(rules: readonly AccessRule[]): string {
  return (['keys', 'channels', 'command'] as const).flatMap(kind => wordsOf(rules, kind)).join(' ');
}

const KINDS = ['command', 'keys', 'channels'] as const;

function wordsOf(rules: readonly AccessRule[], kind: (typeof KINDS)[number]): string[] {
  return rules.flatMap(rule => wordOf(rule, kind));
}

function wordOf(rule: AccessRule, kind: (typeof KINDS)[number]): string[] {
  if (rule.kind === 'keys' && kind === 'keys') {
    const access = rule.mayRead && rule.mayWrite ? '' : `%${rule.mayRead ? 'R' : 'W'}`;
    return [`${access}~${rule.pattern}`];
  }
  if (rule.kind === 'channels' && kind === 'channels') return [`&${rule.pattern}`];
  if (kind !== 'command' || (rule.kind !== 'command' && rule.kind !== 'category')) return [];
  return [`${rule.isAllowed ? '+' : '-'}${rule.kind === 'category' ? '@' : ''}${rule.name}`];
}

/** ACL DRYRUN user command [argument …]. */
export function dryRun(args: RequestArgs, accounts: Accounts, commands: PoolCommands): Buffer {
  const name = args.bytes(2).toString();
  const account = accounts.find(name);
  if (account === null) return errorReply(`ERR User '${printed(args, 2)}' not found`);
  const inner = args.from(3);
  const command = commands.named(inner);
  if (command === null) return errorReply(`ERR Command '${printed(inner, 0)}' not found`);
  const { arity } = command;
  if (arity > 0 ? inner.count !== arity : inner.count < -arity) {
    return errorReply(`ERR wrong number of arguments for '${command.name}' command`);
  }
  const refusal = refusalBy(account, command, inner, 0);
  return refusal === null ? OK : encodeReply(refusal.toString('latin1').replace(/^-(?:NOPERM|ERR) |\r\n$/g, ''));
}
