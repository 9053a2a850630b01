// What an account may do in a memcached pool, by the same words as in a Redis pool; memcached itself has no such thing.
import type { Account, Permissions } from '../../accounts/account.ts';
import type { Accounts } from '../../accounts/accounts.ts';
import { type AccessRule, parseAccessRules } from '../../settings/access-rules.ts';
import { AccessPattern } from '../access-pattern.ts';
import { COMMAND_CATEGORIES } from './access-traits.ts';
import { COMMANDS_OF_OPCODES } from './binary/opcodes.ts';

export const ALLOWED = 0;
export const DENIED_COMMAND = 1;
export const DENIED_KEY = 2;
export type Verdict = 0 | 1 | 2;

/** What a command does to its keys, where that is not only to write. */
const READS: readonly string[] = ['get', 'gets', 'mg', 'me'];
const READS_AND_WRITES: readonly string[] = ['gat', 'gats', 'incr', 'decr', 'ma'];
const ALWAYS: readonly string[] = ['version', 'quit', 'mn'];

interface Selector {
  readonly commands: ReadonlySet<string>;
  /** First arguments that a command may have though it is not allowed. */
  readonly firstArguments: ReadonlySet<string>;
  readonly keys: readonly AccessPattern[];
  readonly hasAllKeys: boolean;
}

/** A request, as far as rights are concerned. */
export interface NamedRequest {
  /** As in the text protocol, or the name of an opcode. */
  readonly command: string;
  /** It does more with its key than the command always does: commands that must be allowed as well. */
  readonly extras: readonly string[];
  readonly firstArgument: string;
  readonly keyBuf: Buffer;
  /** What keys begin with that is not the client's. */
  readonly prefixBytes: number;
  readonly keyCount: number;
  readonly keyStarts: Int32Array;
  readonly keyEnds: Int32Array;
}

export class MemcachedPermissions implements Permissions {
  private readonly selectors: readonly Selector[];

  constructor({ rules }: Account) {
    const { root, selectors } = parseAccessRules(rules);
    this.selectors = [root, ...selectors].map(selectorOf);
  }

  /** There are none. */
  keepTopicsOf(): boolean {
    return true;
  }

  /** Some keys are not for it, so that of several requests in one some may have to be refused. */
  get isOfSomeKeys(): boolean {
    return !this.selectors[0]!.hasAllKeys;
  }

  check(request: NamedRequest): Verdict {
    const name = COMMANDS_OF_OPCODES.get(request.command) ?? request.command;
    let verdict: Verdict = DENIED_COMMAND;
    for (const selector of this.selectors) {
      const isAllowed =
        ALWAYS.includes(name) ||
        selector.commands.has(name) ||
        selector.firstArguments.has(`${name}|${request.firstArgument}`);
      if (!isAllowed || !request.extras.every(extra => selector.commands.has(extra))) continue;
      if (selector.hasAllKeys || mayUseKeys(selector, name, request)) return ALLOWED;
      verdict = DENIED_KEY;
    }
    return verdict;
  }
}

function mayUseKeys({ keys }: Selector, name: string, request: NamedRequest): boolean {
  const { keyBuf, prefixBytes, keyCount, keyStarts, keyEnds, extras } = request;
  const isBoth = READS_AND_WRITES.includes(name);
  const needsRead = isBoth || READS.includes(name);
  const needsWrite = isBoth || !needsRead || extras.length > 0;
  for (let i = 0; i < keyCount; i++) {
    const isIn = keys.some(
      key =>
        (key.mayRead || !needsRead) &&
        (key.mayWrite || !needsWrite) &&
        key.matches(keyBuf, keyStarts[i]! + prefixBytes, keyEnds[i]!),
    );
    if (!isIn) return false;
  }
  return true;
}

function selectorOf(rules: readonly AccessRule[]): Selector {
  const commands = new Set<string>();
  const firstArguments = new Set<string>();
  let keys: AccessPattern[] = [];
  const set = (names: readonly string[], isAllowed: boolean) => {
    for (const name of names) {
      if (isAllowed) commands.add(name);
      else commands.delete(name);
      for (const each of firstArguments) if (each.startsWith(`${name}|`)) firstArguments.delete(each);
    }
  };
  for (const rule of rules) {
    if (rule.kind === 'category') set(namesOf(rule.name), rule.isAllowed);
    else if (rule.kind === 'command' && rule.name in COMMAND_CATEGORIES) set([rule.name], rule.isAllowed);
    else if (rule.kind === 'command' && rule.isAllowed) firstArguments.add(rule.name);
    else if (rule.kind === 'keys') keys.push(new AccessPattern(rule.pattern, rule.mayRead, rule.mayWrite));
    else if (rule.kind === 'resetkeys') keys = [];
  }
  const hasAllKeys = keys.some(key => key.isForAll && key.mayRead && key.mayWrite);
  return { commands, firstArguments, keys, hasAllKeys };
}

function namesOf(category: string): string[] {
  return Object.entries(COMMAND_CATEGORIES).flatMap(([name, categories]) =>
    category === 'all' || categories.includes(category) ? [name] : [],
  );
}

/** Its requests are each looked at alone, also those that could go on together. */
export function isOfSomeKeys(account: Account | null): boolean {
  return account !== null && (account.permissions as MemcachedPermissions | null)?.isOfSomeKeys === true;
}

/** Gives each account what its rules allow. */
export function permit(accounts: Accounts): void {
  for (const account of accounts.all) account.permissions ??= new MemcachedPermissions(account);
}
