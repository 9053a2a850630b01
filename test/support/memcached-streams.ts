// Random streams of memcached commands.
import type { SeededRandom } from './seeded-random.ts';
import { randomValue, type WireCommand } from './wire-streams.ts';

const PREFIXES = ['{a}', '{bb}', '{tag3}', '{é}', 'plain'];
/** Keys that hold nothing but numbers. */
const NUMBERS = ['{a}number', '{bb}number'];
const STORAGE = ['set', 'set', 'set', 'add', 'replace', 'append', 'prepend'];
const BEYOND_64_BITS = '18446744073709551616';
const LONGEST_KEY_BYTES = 250;

/** Follows every command: its reply ends that of the command, whatever and how much that is. It must be stored before. */
export const SYNC_KEY = 'sync';
const SYNC_VALUE = 'here';
export const STORE_SYNC = `set ${SYNC_KEY} 0 0 ${SYNC_VALUE.length} noreply\r\n${SYNC_VALUE}\r\n`;
export const ASK_SYNC = `get ${SYNC_KEY}\r\n`;
export const SYNC_REPLY = `VALUE ${SYNC_KEY} 0 ${SYNC_VALUE.length}\r\n${SYNC_VALUE}\r\nEND\r\n`;

/** Commands that show every difference there is, whatever the seed. */
export function certainMemcachedStream(): readonly WireCommand[] {
  const all = Array.from({ length: 20 }, (_, i) => `certain${i}`);
  return [
    ...all.map(each => ({ ...line(`set ${each} 0 0 1`, true), bytes: Buffer.from(`set ${each} 0 0 1\r\nx\r\n`) })),
    line(`get ${all.join(' ')}`, true),
    line('version', true),
    ...['stats', 'mn', 'foo', 'set written-only 4294967296 0 1\r\nx'].map(text => line(text, false)),
  ];
}

/** `count` random commands. */
export function memcachedStream(random: SeededRandom, count: number): readonly WireCommand[] {
  return Array.from({ length: count }, () => (random.chance(0.8) ? plainCommand(random) : oddCommand(random)));
}

/** As nutcracker takes them. */
function plainCommand(random: SeededRandom): WireCommand {
  const noreply = random.chance(0.2) ? ' noreply' : '';
  switch (random.between(0, 9)) {
    case 0:
    case 1:
    case 2:
      return storage(random.pick(STORAGE), random, noreply);
    case 3:
    case 4:
    case 5:
      return line(
        `${random.pick(['get', 'get', 'gets'])} ${keys(random, random.pick([1, 1, 2, 5, 40])).join(' ')}`,
        true,
      );
    case 6:
      return line(`delete ${key(random)}${noreply}`, true);
    case 7: {
      // A number never gets shorter: whether memcached pads it then depends on who is reading it.
      const name = random.pick(['incr', 'decr']);
      if (random.chance(0.3))
        return line(`${name} ${key(random)} ${random.pick([BEYOND_64_BITS, '-1'])}${noreply}`, true);
      const delta = name === 'incr' ? random.pick(['0', '1', '12', '007', BEYOND_64_BITS]) : '0';
      return line(`${name} ${random.pick(NUMBERS)} ${delta}${noreply}`, true);
    }
    case 8:
      return line(`touch ${key(random)} ${random.pick(['0', '1000', '4102444800'])}${noreply}`, true);
    default:
      if (random.chance(0.3)) return line('version', true);
      if (random.chance(0.5))
        return storage('set', random, noreply, random.pick(NUMBERS), Buffer.from(String(random.between(0, 1e6))));
      return storage('cas', random, noreply);
  }
}

function storage(
  name: string,
  random: SeededRandom,
  noreply: string,
  wanted = key(random),
  value = randomValue(random),
): WireCommand {
  const flags = random.pick([0, 0, 7, 65_535, 4_294_967_295]);
  // A number that no item's unique is.
  const unique = name === 'cas' ? ' 9999999999999' : '';
  const head = `${name} ${wanted} ${flags} ${random.pick([0, 0, 1000])} ${value.length}${unique}${noreply}\r\n`;
  return { ...line('', true), name, bytes: Buffer.concat([Buffer.from(head), value, Buffer.from('\r\n')]) };
}

/** What nutcracker closes the connection at, or may. */
function oddCommand(random: SeededRandom): WireCommand {
  const [a, b] = keys(random, 2) as [string, string];
  const noreply = random.pick(['', ' noreply']);
  const long = 'k'.repeat(LONGEST_KEY_BYTES + 1);
  const lines = [
    `gat 1000 ${a}`,
    `gats 0 ${a} ${b}`,
    'gat',
    'gat 0',
    `gat x ${a}`,
    'verbosity 1',
    'verbosity',
    `flush_all${noreply}`,
    'flush_all 1 2 3',
    'get',
    'gets',
    `get ${long}`,
    `get ${a} ${long} ${b}`,
    'delete',
    `delete ${a} 0`,
    `delete ${a} 0 noreply`,
    `delete ${a} 5`,
    `delete ${long}`,
    `delete ${a} ${b} ${a} ${b}`,
    'incr',
    `incr ${a}`,
    `incr ${a} x`,
    `decr ${a} 1 2 3`,
    `incr ${a} noreply`,
    `incr ${long} 1`,
    'touch',
    `touch ${a}`,
    `touch ${a} x`,
    `touch ${a} -1`,
    `touch ${long} 0`,
    'set',
    `set ${a}`,
    `set ${a} 0 0`,
    `set ${a} 0 0 -1`,
    `set ${a} 0 0 x`,
    `set ${a} x 0 1`,
    `set ${long} 0 0 1`,
    `cas ${a} 0 0 1`,
    `set ${a} 0 0 1 2 3`,
    `set ${a} 0 0 1\r\nxyz`,
    `set ${a} 0 0 1 noreply\r\nxyz`,
    `set ${a} 0 -1 1\r\nx`,
    `set ${a} 0 0 1 other\r\nx`,
    `cas ${a} 0 0 1 x\r\nx`,
    `set ${a} -1 0 1\r\nx`,
    'set written-only 4294967296 0 1\r\nx',
    `set ${long} 0 0 1\r\nx`,
    `GET ${a}`,
    'foo',
    'foo bar',
    '',
    ' ',
    'version now',
    'stats bogus',
    'get\t',
    `  get  ${a}   ${b}  `,
    `get ${a}\tx`,
    'mn',
    `mg ${a} v`,
    'shutdown',
    'stats',
  ];
  const text = random.pick(lines);
  const command = line(text, false);
  if (text.startsWith('flush_all'))
    return { ...command, bytes: Buffer.concat([command.bytes, Buffer.from(STORE_SYNC)]) };
  return command;
}

function line(text: string, isPlain: boolean): WireCommand {
  return { bytes: Buffer.from(`${text}\r\n`), name: text.trim().split(/\s/)[0]!, isPlain, isForProxiesOnly: false };
}

function key(random: SeededRandom): string {
  const prefix = random.pick(PREFIXES);
  if (random.chance(0.05)) return prefix.padEnd(prefix === '{é}' ? LONGEST_KEY_BYTES - 1 : LONGEST_KEY_BYTES, 'k');
  return `${prefix}${random.pick(['1', '2', '3', 'four', '\x01\x7f', '☃', 'noreply', 'VALUE'])}`;
}

function keys(random: SeededRandom, count: number): string[] {
  return Array.from({ length: count }, () => key(random));
}
