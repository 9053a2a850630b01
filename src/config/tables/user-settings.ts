import { createHash } from 'node:crypto';
import { ALL_ALLOWED, parseAccessRules } from '../../settings/access-rules.ts';
import { keyPrefix } from '../../settings/key-prefix.ts';
import { ANY_TEXT_JSON, count, filePath, flag, type Kind, listOf, SECRET_JSON, text } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';
import { HOLDER_LIMIT_SETTINGS } from './limit-settings.ts';

/* What a user may say, under `users`. How a table of settings works, and what a new one needs: settings/setting.ts. */

const MAX_PASSWORDS = 32;
const MAX_PASSWORD_BYTES = 1024;
const MAX_DATABASE = 2 ** 24;
const HASH = /^#[0-9a-f]{64}$/;

/** A password as it is kept: what was written in plain text is hashed when it is read. */
export interface UserPassword {
  /** In hex. */
  readonly sha256: string;
  readonly isPlain: boolean;
}

export const USER_SETTINGS = {
  /** The first is where a port of several pools takes the user. */
  pools: {
    key: 'pools',
    kind: listOf(nonEmpty('the name of a pool'), 'a list of pools'),
    about: 'The pools that the user may use. Clients of a pool that a user names must sign in.',
    applies: 'live',
  },
  passwords: {
    key: 'passwords',
    kind: passwordList(),
    default: null,
    unset: 'none',
    about:
      'The passwords, any of which will do: as `#` and the SHA-256 in hex, which `ringmaster hash-password` makes. ' +
      'Plain text is accepted, with a warning. Each may be a reference, `{ file: PATH }` or `{ env: NAME }`; see [Secrets](#secrets).',
    applies: 'live',
  },
  passwordFile: {
    key: 'password_file',
    kind: filePath('path'),
    default: null,
    unset: 'none',
    about:
      'A file with more passwords, one a line, in the same forms; relative to the configuration file. It is read at start and on ' +
      "reload, and should be its reader's alone.",
    applies: 'live',
  },
  certificates: {
    key: 'certificates',
    kind: listOf(nonEmpty('a name'), 'a list of names'),
    default: null,
    unset: 'none',
    example: '[app1.example]',
    about:
      'Names (CN, DNS name, URI or mail address) of client certificates that sign in without a password; see [tenants.md](tenants.md#client-certificates).',
    applies: 'live',
  },
  /** Clients are this user before they sign in. */
  nopass: {
    key: 'nopass',
    kind: flag(),
    default: 'false',
    about: 'Only of the user `default`: clients are that user until they sign in as another, and any password will do.',
    applies: 'live',
  },
  rules: {
    key: 'rules',
    kind: ruleText(),
    default: ALL_ALLOWED,
    about: "What the user may do, in the words of Redis's ACL, left to right, beginning with nothing.",
    applies: 'live',
  },
  limits: {
    key: 'limits',
    settings: HOLDER_LIMIT_SETTINGS,
    default: null,
    takes: 'a map of limits',
    example: '{ requests: 1000/s }',
    unset: 'off',
    about: 'What the clients of the user together may ask, in each of its pools; see [Tenants](tenants.md#limits).',
  },
  databases: {
    key: 'databases',
    kind: listOf(count(0, MAX_DATABASE), 'a list of numbers'),
    default: null,
    unset: 'all',
    about: 'The databases of a pool with several that the user may use.',
    applies: 'live',
  },
  /** Behind that of the pool. */
  keyPrefix: {
    key: 'key_prefix',
    kind: keyPrefix(),
    default: null,
    unset: 'none',
    about:
      "What the names of the user's keys and channels begin with on the servers, and only there, behind the `key_prefix` of the pool; " +
      'see [tenants.md](tenants.md#a-prefix-for-keys). A changed one lets its clients go.',
    applies: 'live',
  },
} as const satisfies SettingTable;

function nonEmpty(takes: string): Kind<string> {
  return text(
    takes,
    value => {
      if (value === '' || value.includes('\0')) throw new SettingError(`must be ${takes}`);
      return value;
    },
    String,
    ANY_TEXT_JSON,
  );
}

function passwordList(): Kind<readonly UserPassword[]> {
  const readItems = (items: readonly string[]) => {
    if (items.length > MAX_PASSWORDS) throw new SettingError(`has more than ${MAX_PASSWORDS} passwords`);
    return items.map(userPassword);
  };
  return {
    takes: 'a list of hashes, in quotes',
    // A comma may be part of a plain one.
    read: written => (/^#[0-9a-f]{64}\s*,/.test(written) ? readItems(written.split(/\s*,\s*/)) : readItems([written])),
    readItems,
    write: passwords => passwords.map(({ sha256 }) => `#${sha256}`).join(', '),
    json: { anyOf: [{ type: 'array', minItems: 1, items: SECRET_JSON }, ...SECRET_JSON.anyOf] },
    isSecret: true,
    ofReference: asHash,
    isList: true,
  };
}

/** What stands in a file of its own is nowhere in plain text here. */
function asHash(written: string): string {
  if (/[\r\n]/.test(written)) throw new SettingError('has more than one line; password_file takes several passwords');
  return `#${userPassword(written).sha256}`;
}

/**
 * A password as a file has it. It is in no message.
 * @throws SettingError
 */
export function userPassword(written: string): UserPassword {
  if (HASH.test(written)) return { sha256: written.slice(1), isPlain: false };
  if (/^#[0-9a-fA-F]{32,}$/.test(written)) {
    throw new SettingError(
      'has a hash that is no SHA-256: # and 64 hex digits in lower case; see ringmaster hash-password',
    );
  }
  if (written === '')
    throw new SettingError('has a password that is empty; a hash has to be in quotes, since # begins a comment');
  if (Buffer.byteLength(written) > MAX_PASSWORD_BYTES) {
    throw new SettingError(`has a password of more than ${MAX_PASSWORD_BYTES} bytes`);
  }
  return { sha256: createHash('sha256').update(written).digest('hex'), isPlain: true };
}

function ruleText(): Kind<string> {
  const read = (written: string): string => {
    parseAccessRules(written);
    return written.trim().replace(/\s+/g, ' ');
  };
  return {
    takes: 'rules, such as +@read ~app:*',
    read,
    readItems: words => read(words.join(' ')),
    write: String,
    json: { anyOf: [{ type: 'string' }, { type: 'array', minItems: 1, items: { type: 'string' } }] },
    isList: true,
    isQuoted: true,
  };
}
