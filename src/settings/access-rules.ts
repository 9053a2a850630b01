// What an account may do, in the words of Redis's ACL, left to right: `+@read -@dangerous +config|get ~app:* %R~shared:* &news.*
// (+set ~log:*)`. An account begins with nothing, and a selector in parentheses, too; what it may do by one of them it may.
import { SettingError } from './setting-error.ts';

/** One word. Names of commands and categories are in lower case. */
export type AccessRule =
  /** `config|get` names a subcommand, or the first argument of a command that has none. */
  | { readonly kind: 'command'; readonly isAllowed: boolean; readonly name: string }
  /** `all`: every command, also those to come. */
  | { readonly kind: 'category'; readonly isAllowed: boolean; readonly name: string }
  /** Of keys that match a glob pattern. */
  | { readonly kind: 'keys'; readonly mayRead: boolean; readonly mayWrite: boolean; readonly pattern: string }
  | { readonly kind: 'channels'; readonly pattern: string }
  /** Forgets the patterns so far. */
  | { readonly kind: 'resetkeys' }
  | { readonly kind: 'resetchannels' };

export interface AccessRules {
  readonly root: readonly AccessRule[];
  readonly selectors: readonly (readonly AccessRule[])[];
}

/** Every command, key and channel. */
export const ALL_ALLOWED = '+@all ~* &*';

export const MAX_RULES_BYTES = 64 * 1024;
/** Each costs a look at all keys of a request, or a selector, so as few as one needs. */
const MAX_SELECTORS = 100;

const ALIASES: Readonly<Record<string, AccessRule>> = {
  allcommands: { kind: 'category', isAllowed: true, name: 'all' },
  nocommands: { kind: 'category', isAllowed: false, name: 'all' },
  allkeys: { kind: 'keys', mayRead: true, mayWrite: true, pattern: '*' },
  resetkeys: { kind: 'resetkeys' },
  allchannels: { kind: 'channels', pattern: '*' },
  resetchannels: { kind: 'resetchannels' },
};

/** What Redis's ACL SETUSER takes beside, and where it belongs here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  on: 'users are on: leave it out',
  off: 'to shut a user out, take it out of the file',
  nopass: 'write "nopass: true" beside the rules',
  resetpass: 'passwords are in "passwords"',
  reset: 'rules begin with nothing: leave it out',
  clearselectors: 'rules begin with nothing: leave it out',
  'sanitize-payload': 'it is a matter of the servers: leave it out',
  'skip-sanitize-payload': 'it is a matter of the servers: leave it out',
};

/**
 * Takes rules apart; the names of commands and categories are not looked up.
 * @throws SettingError which says which word is wrong
 */
export function parseAccessRules(text: string): AccessRules {
  if (Buffer.byteLength(text) > MAX_RULES_BYTES) throw new SettingError(`is longer than ${MAX_RULES_BYTES} bytes`);
  const selectors: AccessRule[][] = [];
  const root = rulesOf(
    text.replace(/(^|\s)\(([^()]*)\)(?=\s|$)/g, (_all, before: string, inner: string) => {
      if (selectors.length === MAX_SELECTORS) throw new SettingError(`has more than ${MAX_SELECTORS} selectors`);
      selectors.push(rulesOf(inner));
      return before;
    }),
  );
  return { root, selectors };
}

function rulesOf(text: string): AccessRule[] {
  const rules: AccessRule[] = [];
  const all = { keys: false, channels: false };
  for (const word of text.split(/\s+/)) {
    if (word === '') continue;
    const rule = ruleOf(word);
    if (rule.kind === 'resetkeys') all.keys = false;
    else if (rule.kind === 'resetchannels') all.channels = false;
    else if (rule.kind === 'keys' || rule.kind === 'channels') {
      const isAll = rule.pattern === '*' && (rule.kind === 'channels' || (rule.mayRead && rule.mayWrite));
      if (all[rule.kind] && !isAll) {
        throw new SettingError(`${JSON.stringify(word)} has no effect after a pattern for all ${rule.kind}`);
      }
      all[rule.kind] ||= isAll;
    }
    rules.push(rule);
  }
  return rules;
}

function ruleOf(word: string): AccessRule {
  const lower = word.toLowerCase();
  const alias = ALIASES[lower];
  if (alias !== undefined) return alias;
  const advice = ELSEWHERE[lower];
  if (advice !== undefined) throw new SettingError(`has ${JSON.stringify(word)}: ${advice}`);
  const [, sign, at, name] = /^([+-])(@?)([^\s@]+)$/.exec(lower) ?? [];
  if (name !== undefined) return commandRule(word, sign === '+', at === '@', name);
  const [, access, pattern] = /^(?:%([rw]+))?~(.*)$/i.exec(word) ?? [];
  if (pattern !== undefined) return keyRule(word, access, pattern);
  if (word.startsWith('&')) return { kind: 'channels', pattern: checkedPattern(word, word.slice(1)) };
  if (/^[()]|[()]$/.test(word)) throw new SettingError('has a parenthesis without its other half, or one in another');
  // It may be a password.
  if (/^[<>#!]/.test(word)) throw new SettingError('has a password: passwords are in "passwords"');
  throw new SettingError(
    `has the word ${JSON.stringify(word)}; words are such as +get -@dangerous ~app:* %R~shared:* &news.*`,
  );
}

function commandRule(word: string, isAllowed: boolean, isCategory: boolean, name: string): AccessRule {
  if (isCategory) return { kind: 'category', isAllowed, name };
  if (!/^[^|]+(?:\|[^|]+){0,2}$/.test(name)) throw new SettingError(`has the word ${JSON.stringify(word)}, no command`);
  return { kind: 'command', isAllowed, name };
}

function keyRule(word: string, access: string | undefined, pattern: string): AccessRule {
  const letters = (access ?? 'rw').toLowerCase();
  if (letters.length > 2) throw new SettingError(`has the word ${JSON.stringify(word)}; it is %R~, %W~ or %RW~`);
  return {
    kind: 'keys',
    mayRead: letters.includes('r'),
    mayWrite: letters.includes('w'),
    pattern: checkedPattern(word, pattern),
  };
}

function checkedPattern(word: string, pattern: string): string {
  if (pattern === '' || pattern.includes('\0'))
    throw new SettingError(`has the word ${JSON.stringify(word)}, no pattern`);
  return pattern;
}
