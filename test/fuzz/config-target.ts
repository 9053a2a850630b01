// The configuration loader: a file is good, or a ConfigError says what is wrong with it and where.
import { isDeepStrictEqual } from 'node:util';
import { configChanges } from '../../src/config/changes/changes.ts';
import { ConfigError } from '../../src/config/errors.ts';
import { parseConfig } from '../../src/config/load.ts';
import { redactConfig } from '../../src/config/redact.ts';
import { DAEMON_SETTINGS } from '../../src/config/tables/daemon-settings.ts';
import { POOL_SETTINGS } from '../../src/config/tables/pool-settings.ts';
import { SERVER_SETTINGS } from '../../src/config/tables/server-settings.ts';
import { configWarnings } from '../../src/config/warnings.ts';
import type { SettingTable } from '../../src/settings/setting.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { expect, type FuzzTarget, quoted, tokens } from './fuzz-target.ts';

/** A password; no message may repeat it. */
const SECRET = 'hunter2hunter2';
/** Reading a file of a few kilobytes takes milliseconds. */
const MOST_MS = 1500;

const keysOf = (table: SettingTable) => Object.values(table).map(({ key }) => key);
const POOL_KEYS = keysOf(POOL_SETTINGS);
const ROOT_KEYS = keysOf(DAEMON_SETTINGS);
const TWEMPROXY_KEYS = [
  'redis',
  'reuseport',
  'timeout',
  'preconnect',
  'backlog',
  'hash',
  'hash_tag',
  'auto_eject_hosts',
];
const VALUES = [
  'true',
  'false',
  'null',
  '~',
  '0',
  '1',
  '-1',
  '0400',
  '400ms',
  '1.5m',
  '99999999999',
  '64kb',
  '1gb',
  'auto',
  'none',
  'redis',
  'memcached',
  'ketama',
  'modula',
  'random',
  'fnv1a_64',
  'crc32',
  '"{}"',
  '{}',
  '[]',
  '[a, b]',
  '""',
  '!x',
  '*a',
  '&a',
  '@x',
  '0,2-5',
  '127.0.0.1:22121',
  '"[::1]:22121"',
  '/tmp/x.sock 0660',
  '0.0.0.0:0',
  'é',
  '|\n      text',
  '>\n      text',
];
const SERVERS = [
  '127.0.0.1:6379:1',
  '127.0.0.1:6380:2 name',
  '[::1]:6379',
  '/tmp/a.sock:1 b',
  'localhost',
  ':1:1',
  '"127.0.0.1:6379:1 "',
  '{ address: 127.0.0.1:6379, weight: 3, name: x }',
  '{ address: 127.0.0.1 }',
  '{ addres: 1 }',
  '[a]',
  '~',
  '127.0.0.1:70000:1',
  '127.0.0.1:6379:0',
];

function file(random: SeededRandom): Buffer {
  const pools = Array.from({ length: random.between(1, 3) }, (_, i) => pool(random, i, random.chance(0.5)));
  const isNative = random.chance(0.6);
  if (!isNative) return Buffer.from(pools.join(''));
  let text = '';
  for (let i = random.between(0, 3); i > 0; i--) text += `${random.pick(ROOT_KEYS.slice(1))}: ${random.pick(VALUES)}\n`;
  if (random.chance(0.2)) text += `admin_token: ${random.pick([SECRET, `"${SECRET}`, `*${SECRET}`])}\n`;
  return Buffer.from(`${text}pools:\n${pools.join('').replace(/^(?=.)/gm, '  ')}`);
}

function pool(random: SeededRandom, index: number, isRight: boolean): string {
  const lines = [`${random.pick(['alpha', 'beta', 'a b', '"q"', `p${index}`])}${index}:`];
  if (random.chance(0.1)) lines[0] += ` &a${index}`;
  if (index > 0 && random.chance(0.1)) lines.push(`  <<: *a${index - 1}`);
  lines.push(`  listen: 127.0.0.1:${22121 + index}`);
  lines.push(random.chance(0.5) ? '  protocol: redis' : `  redis: ${random.pick(['true', 'false'])}`);
  if (random.chance(0.4))
    lines.push(`  redis_auth: ${random.pick([SECRET, `"${SECRET}"`, `'${SECRET}`, `!${SECRET}`])}`);
  for (let i = isRight ? 0 : random.between(0, 5); i > 0; i--) {
    const key = random.pick(random.chance(0.8) ? POOL_KEYS : TWEMPROXY_KEYS);
    lines.push(`  ${key}: ${random.pick(VALUES)}`);
  }
  lines.push('  servers:');
  for (let i = random.between(isRight ? 1 : 0, 3); i > 0; i--) {
    lines.push(`   - ${isRight ? `127.0.0.1:${6379 + i}:1` : random.pick(SERVERS)}`);
  }
  return `${lines.join('\n')}\n`;
}

export const CONFIG_TARGET: FuzzTarget = {
  name: 'config',
  sources: ['/src/config/'],
  tokens: [
    ...tokens(
      '\n',
      '\n  ',
      ': ',
      '- ',
      '"',
      "'",
      '#',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '<<: *a',
      '!!str ',
      '---\n',
      '...\n',
    ),
    ...tokens(
      '\t',
      '\r',
      '\0',
      '\xc3\xa9',
      '\xef\xbb\xbf',
      '\x85',
      '%YAML 1.1\n',
      '? ',
      '| ',
      ' : ',
      '\\x41',
      '__proto__',
    ),
    ...tokens(...POOL_KEYS, ...keysOf(SERVER_SETTINGS)),
    ...VALUES.map(value => Buffer.from(value)),
  ],
  generate: file,
  check(input) {
    const text = input.toString('utf8');
    const startedAt = performance.now();
    const config = read(text);
    const tookMs = performance.now() - startedAt;
    expect(tookMs < MOST_MS, () => `it took ${Math.round(tookMs)} ms`);
    if (config === null) return;
    expect(isFrozen(config), 'the configuration can be changed');
    for (const { path, message } of configWarnings(config)) {
      expect(isOneLine(path) && isOneLine(message), () => `a warning of several lines: ${quoted(message)}`);
    }
    const shown = JSON.stringify(redactConfig(config));
    const passwords = config.pools.map(each => each.redisAuth).filter(each => each !== null && each.length > 8);
    expect(!passwords.some(each => shown.includes(JSON.stringify(each))), 'a redacted configuration has a password');
    const again = read(text);
    expect(isDeepStrictEqual(config, again), 'read twice, it is another configuration');
    const { added, removed, changed } = configChanges(config, again!);
    expect(added.length + removed.length + changed.length === 0, 'it differs from itself');
  },
};

/** The configuration, or null after a ConfigError of which nothing is to be said. */
function read(text: string): ReturnType<typeof parseConfig> | null {
  try {
    return parseConfig(text, 'f');
  } catch (error) {
    // Anything else is a fault, and whoever called says so.
    if (!(error instanceof ConfigError)) throw error;
    // Moved into another setting it is no password, and may be shown.
    const isSecret = /^(?!.*hunter2)|^\s*(?:redis_auth|admin_token): .*hunter2/m;
    const hasSecret = text.split('\n').every(line => isSecret.test(line));
    const lines = text.replace(/^\ufeff/, '').split(/\r\n?|\n/);
    expect(error.problems.length > 0, 'a ConfigError without a problem');
    for (const { line, column, path, message } of error.problems) {
      const isNowhere = line === 0 && column === 0;
      const isInside = line >= 1 && line <= lines.length && column >= 1 && column <= lines[line - 1]!.length + 1;
      expect(isNowhere || isInside, () => `${line}:${column} is not in the file: ${message}`);
      expect(message !== '' && isOneLine(message), () => `a message of several lines: ${quoted(message)}`);
      expect(
        !hasSecret || (!message.includes(SECRET) && !path.includes(SECRET)),
        () => `a password is shown: ${quoted(message)}`,
      );
    }
    return null;
  }
}

function isFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozen);
}

function isOneLine(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}
