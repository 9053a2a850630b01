// Streams of Redis requests, most of them right.
import { COMMANDS } from '../../src/protocol/redis/commands/command-table.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { tokens } from './fuzz-target.ts';

export const REDIS_TOKENS = tokens(
  '\r\n',
  '\r',
  '\n',
  '$',
  '*',
  '*1\r\n',
  '*3\r\n$3\r\n',
  '$1\r\na\r\n',
  '$0\r\n\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '*0\r\n',
  '"',
  "'",
  '\\',
  '\\x4',
  '\0',
  ' ',
  '*2\r\n$4\r\nMGET\r\n$1\r\nk\r\n',
  '*1\r\n$4\r\nQUIT\r\n',
  '*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n',
  'STORE',
  'STREAMS',
  'BLOCK',
  'GET k\r\n',
  ...COMMANDS.slice(0, 40).map(command => command.word.toString()),
);

/** A pause would hold up whoever comes next. */
const NAMES = COMMANDS.map(({ name }) => name).filter(name => name !== 'client|pause');
const USUAL = [
  'GET',
  'set',
  'MGET',
  'mset',
  'DEL',
  'Exists',
  'UNLINK',
  'touch',
  'PING',
  'ECHO',
  'EVAL',
  'ZUNIONSTORE',
  'XREAD',
  'SORT',
  'GEORADIUS',
  'QUIT',
  'AUTH',
  'HELLO',
  'SELECT',
  'CLIENT',
  'COMMAND',
  'SCRIPT',
  'OBJECT',
  'DBSIZE',
  'BLPOP',
];
const ARGUMENTS = [
  'a',
  'b',
  '',
  '0',
  '1',
  '2',
  '-1',
  'STREAMS',
  'STORE',
  'BY',
  'BLOCK',
  'COUNT',
  'LIMIT',
  'SETNAME',
  'AUTH',
  'default',
  'pw',
  'GETKEYS',
  'INFO',
  'LIST',
  'EXISTS',
  'LOAD',
  'ENCODING',
  'ON',
  'ID',
  '\r\n',
  '*1\r\n$4\r\nPING\r\n',
];

/** One to five requests, as arrays or inline. */
export function redisRequests(random: SeededRandom): Buffer {
  const parts: Buffer[] = [];
  for (let i = random.pick([1, 1, 2, 3, 5]); i > 0; i--) parts.push(request(random));
  return Buffer.concat(parts);
}

function request(random: SeededRandom): Buffer {
  const kind = random.between(0, 9999);
  if (kind === 0) return longLine(random);
  const name = random.chance(0.6) ? random.pick(USUAL) : random.pick(NAMES);
  const words = [...name.split('|'), ...Array.from({ length: argumentCount(random) }, () => argument(random))];
  if (kind < 1200) return inline(random, words);
  const text = `*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`;
  return Buffer.from(text, 'latin1');
}

function argumentCount(random: SeededRandom): number {
  return random.chance(0.01) ? random.between(60, 140) : random.pick([0, 1, 1, 2, 2, 3, 4, 6, 11]);
}

function argument(random: SeededRandom): string {
  if (random.chance(0.004)) return 'v'.repeat(random.pick([900, 1100, 16_384, 16_385]));
  if (random.chance(0.05)) return random.bytes(random.between(1, 12)).toString('latin1');
  return random.pick(ARGUMENTS);
}

function inline(random: SeededRandom, words: readonly string[]): Buffer {
  const written = words.map(word => {
    const bytes = word.replace(/[\r\n\0]/g, '');
    if (random.chance(0.7)) return bytes;
    return random.chance(0.5) ? `"${bytes.replace(/["\\]/g, '\\$&')}"` : `'${bytes.replaceAll("'", "\\'")}'`;
  });
  return Buffer.from(`${written.join(random.pick([' ', ' ', '  ', '\t']))}${random.pick(['\r\n', '\n'])}`, 'latin1');
}

/** Lines about as long as they may be. */
function longLine(random: SeededRandom): Buffer {
  const begin = random.pick(['*', '*1\r\n$', 'PING ', '*1\r\n', 'SET k ']);
  const length = 65_536 + random.pick([-6, -2, -1, 0, 1, 2, 3]) - begin.length;
  return Buffer.from(`${begin}${random.pick(['1', 'x', '0']).repeat(length)}${random.pick(['\r\n', '\n', ''])}`);
}
