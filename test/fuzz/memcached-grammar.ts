// Streams of memcached requests and replies, most of them right.
import type { SeededRandom } from '../support/seeded-random.ts';
import { tokens } from './fuzz-target.ts';

const KEYS = ['a', 'b', 'key', '0', 'noreply', 'é', 'k\t', 'x'.repeat(249), 'x'.repeat(250), 'x'.repeat(251)];
const USUAL_KEYS = KEYS.slice(0, 5);
const DATA = ['', '1', 'data', '\r\n', 'END\r\n', '\0\xff', 'get a\r\n', 'VALUE a 0 1\r\n'];

export const MEMCACHED_TOKENS = tokens(
  '\r\n',
  '\n',
  '\r',
  ' ',
  '  ',
  '\0',
  '\x80',
  ' noreply',
  'noreply ',
  ' 0',
  ' -1',
  'get ',
  'gets a b\r\n',
  'gat 0 a\r\n',
  'set a 0 0 1\r\nx\r\n',
  'cas a 0 0 1 1 noreply\r\nx\r\n',
  'delete a 0',
  'incr a 1',
  'touch a 0',
  'flush_all',
  'verbosity 1',
  'stats items',
  'version\r\n',
  'quit\r\n',
  'mg a v\r\n',
  'mg a q k v\r\n',
  'ms a 1 q F3\r\nx\r\n',
  'md Zm9v b q\r\n',
  'ma a N0 q\r\n',
  'mn\r\n',
  ' q',
  ' b',
  'GET / HTTP/1.1\r\n',
  'x'.repeat(250),
  ' '.repeat(99),
);

/** One to five requests. */
export function memcachedRequests(random: SeededRandom): Buffer {
  if (random.chance(0.35)) return binaryRequests(random);
  let text = '';
  for (let i = random.pick([1, 1, 2, 3, 5]); i > 0; i--) text += request(random);
  return Buffer.from(text, 'latin1');
}

const OPCODES = [
  0, 9, 12, 13, 13, 1, 2, 3, 17, 18, 19, 4, 20, 5, 6, 21, 14, 15, 25, 28, 29, 36, 8, 24, 16, 11, 27, 10, 32, 33,
];
const BINARY_KEYS = [
  'a',
  'b',
  'key',
  'a b',
  '\r\n',
  'flush_all\r\n',
  '\0',
  'x'.repeat(186),
  'x '.repeat(94),
  'x'.repeat(250),
  'x'.repeat(251),
];

/** Of the binary protocol, and now and then something else behind them. */
function binaryRequests(random: SeededRandom): Buffer {
  const requests = Array.from({ length: random.between(1, 6) }, () => binaryRequest(random));
  if (random.chance(0.1)) requests.push(Buffer.from(request(random), 'latin1'));
  return Buffer.concat(requests);
}

function binaryRequest(random: SeededRandom): Buffer {
  const opcode = random.chance(0.95) ? random.pick(OPCODES) : random.between(0, 255);
  const isQuit = random.chance(0.02);
  const hasKey = ![8, 24, 16, 11, 27, 10, 32].includes(opcode) !== random.chance(0.03);
  const key = hasKey ? random.pick(random.chance(0.8) ? BINARY_KEYS.slice(0, 3) : BINARY_KEYS) : '';
  const stores = [1, 2, 3, 17, 18, 19].includes(opcode);
  const counts = [5, 6, 21].includes(opcode);
  const touches = [28, 29, 36, 27].includes(opcode);
  const extrasBytes = random.chance(0.97)
    ? stores
      ? 8
      : counts
        ? 20
        : touches
          ? 4
          : 0
    : random.pick([0, 2, 4, 8, 20]);
  const extras = Buffer.alloc(extrasBytes, random.pick(['\0', '\x01', '\xff']), 'latin1');
  const hasValue = (stores || [14, 15, 25, 33].includes(opcode)) !== random.chance(0.02);
  const value = hasValue
    ? random.chance(0.98)
      ? random.pick(DATA)
      : 'v'.repeat(random.pick([900, 1000, 1020, 1500]))
    : '';
  const header = Buffer.alloc(24);
  header[0] = 0x80;
  header[1] = isQuit ? random.pick([7, 23]) : opcode;
  header.writeUInt16BE(key.length, 2);
  header[4] = extrasBytes;
  const bodyBytes = extrasBytes + key.length + value.length;
  header.writeUInt32BE(random.chance(0.97) ? bodyBytes : random.pick([0, bodyBytes + 1, 1001, 0xffff_ffff]), 8);
  header.write(random.pick(['abcd', '\0\0\0\x01', '\r\n\x80\x80']), 12, 'latin1');
  if (random.chance(0.1)) header.fill(random.pick([1, 0xff]), 16, 24);
  return Buffer.concat([header, extras, Buffer.from(key + value, 'latin1')]);
}

function request(random: SeededRandom): string {
  const key = random.pick(random.chance(0.9) ? USUAL_KEYS : KEYS);
  const noreply = random.chance(0.25) ? ' noreply' : '';
  const end = random.chance(0.9) ? '\r\n' : random.pick(['\n', ' \r\n', '\r\r\n', ' x\r\n', '\t\r\n']);
  const number = random.chance(0.9)
    ? random.pick(['0', '1', '60'])
    : random.pick(['-1', 'x', '', '4294967296', 'noreply']);
  if (random.chance(0.3)) return metaRequest(random, end);
  switch (random.between(0, 13)) {
    case 0:
    case 1:
    case 2: {
      const data = random.chance(0.98) ? random.pick(DATA) : 'v'.repeat(random.pick([900, 1000, 1020, 1500]));
      const length = random.chance(0.9) ? data.length : data.length + random.pick([-1, 1, 100]);
      const name = random.pick(['set', 'set', 'add', 'replace', 'append', 'prepend', 'cas']);
      const unique = name === 'cas' ? ` ${random.pick(['1', '18446744073709551615', 'x'])}` : '';
      const tail = random.chance(0.95) ? '\r\n' : random.pick(['', '\n', 'more\r\n']);
      return `${name} ${key} ${number} 0 ${length}${unique}${noreply}${end}${data}${tail}`;
    }
    case 3:
    case 4:
    case 5: {
      const count = random.chance(0.02) ? random.between(30, 80) : random.between(1, 5);
      const keys = Array.from({ length: count }, () => random.pick(USUAL_KEYS));
      return `${random.pick(['get', 'gets'])} ${keys.join(random.chance(0.9) ? ' ' : '  ')}${end}`;
    }
    case 6:
      return `${random.pick(['gat', 'gats'])} ${number} ${key} ${random.pick(USUAL_KEYS)}${end}`;
    case 7:
      return `${random.pick(['incr', 'decr', 'touch'])} ${key} ${number}${noreply}${end}`;
    case 8:
      return `delete ${key}${random.chance(0.2) ? ' 0' : ''}${noreply}${end}`;
    case 9:
      return `${random.pick(['flush_all', 'verbosity', 'flush_all 0', 'verbosity 1'])}${noreply}${end}`;
    case 10:
      return `stats${random.pick(['', ' items', ' slabs', ' settings', ' reset', ' bogus', ' detail on'])}${end}`;
    case 11:
      return `${random.pick(['version', 'bogus', 'mg a v', 'me a', 'shutdown', 'quit', '', 'PUT / HTTP/1.1', 'a HTTP/'])}${end}`;
    case 12:
      return random.chance(0.02) ? longLine(random) : `get ${key}${end}`;
    default:
      return `${' '.repeat(random.pick([1, 1, 99, 100, 101]))}get ${key}${end}`;
  }
}

const META_KEYS = ['a', 'b', 'Zm9v', 'YSBi', 'Zg==', 'Zm9', '!', 'x'.repeat(250), 'x'.repeat(251), ''];
const META_FLAGS = [
  'v',
  'k',
  'f',
  'c',
  's',
  't',
  'q',
  'q',
  'b',
  'b',
  'O1',
  'Oab',
  'F3',
  'Fx',
  'T0',
  'Tx',
  'N30',
  'C1',
  'MA',
  'z',
  '1',
];

function metaRequest(random: SeededRandom, end: string): string {
  const name = random.pick(['mg', 'mg', 'ms', 'ms', 'md', 'ma', 'mn', 'me']);
  const key = random.pick(random.chance(0.9) ? META_KEYS.slice(0, 5) : META_KEYS);
  const count = random.chance(0.03) ? random.between(14, 35) : random.between(0, 4);
  const flags = Array.from({ length: count }, () => random.pick(META_FLAGS));
  const words = (...start: string[]): string => [...start, ...flags].join(random.chance(0.95) ? ' ' : '  ');
  if (name !== 'ms') return `${words(name, key)}${end}`;
  const data = random.chance(0.98) ? random.pick(DATA) : 'v'.repeat(random.pick([900, 1000, 1020, 1500]));
  const length = random.chance(0.9) ? data.length : data.length + random.pick([-1, 1, 100]);
  const tail = random.chance(0.95) ? '\r\n' : random.pick(['', '\n', 'more\r\n']);
  return `${words(name, key, random.chance(0.97) ? String(length) : 'x')}${end}${data}${tail}`;
}

/** Lines about as long as they may be. */
function longLine(random: SeededRandom): string {
  const begin = random.pick(['get ', 'gets a ', 'gat 0 ', 'set k 0 0 1 ', 'bogus ', '   get ', ' ']);
  const length = random.pick([1024, 2048, 2049, 4096]) + random.pick([-3, -2, -1, 0, 1, 2]) - begin.length;
  const word = random.pick(['k ', 'kkkkkkk ', ' ', 'k']);
  return `${begin}${word.repeat(length).slice(0, length)}${random.pick(['\r\n', '\n', ''])}`;
}

/** The reply of a right server to a request of that kind. */
export function memcachedReply(random: SeededRandom, kind: string): string {
  if (random.chance(0.15)) {
    return random.pick(['ERROR\r\n', 'SERVER_ERROR busy\r\n', 'CLIENT_ERROR bad data chunk\r\n']);
  }
  switch (kind) {
    case 'values': {
      const blocks = Array.from({ length: random.between(0, 3) }, () => valueBlock(random, random.pick(USUAL_KEYS)));
      return `${blocks.join('')}END\r\n`;
    }
    case 'stored':
      return random.pick(['STORED\r\n', 'NOT_STORED\r\n', 'EXISTS\r\n', 'NOT_FOUND\r\n']);
    case 'version':
      return random.pick(['VERSION 1.6.18\r\n', 'VERSION 1.4\r\n', 'VERSION \r\n']);
    case 'meta stored':
      return `${random.pick(['HD', 'NS', 'EX', 'NF'])}${random.pick(['', ' c12', ' ka b', ' O1'])}\r\n`;
    case 'meta': {
      const flags = random.pick(['', ' c12', ' ka b', ' O1 W', ' f3 s4']);
      if (random.chance(0.5)) return `${random.pick(['HD', 'EN', 'NF', 'EX', 'NS', 'ME a'])}${flags}\r\n`;
      const data = random.pick(DATA);
      return `VA ${data.length}${flags}\r\n${data}\r\n`;
    }
    case 'stats': {
      if (random.chance(0.2)) return random.pick(['OK\r\n', 'RESET\r\n', 'END\r\n']);
      const lines = Array.from({ length: random.between(0, 4) }, () => statLine(random));
      return `${lines.join('')}END\r\n`;
    }
    default:
      return random.pick([
        'DELETED\r\n',
        'TOUCHED\r\n',
        'OK\r\n',
        'NOT_FOUND\r\n',
        '12\r\n',
        '5  \r\n',
        'VERSION 1.6\r\n',
      ]);
  }
}

export function valueBlock(random: SeededRandom, key: string): string {
  const data = random.pick(DATA);
  return `VALUE ${key} ${random.pick([0, 7])} ${data.length}${random.chance(0.3) ? ' 42' : ''}\r\n${data}\r\n`;
}

function statLine(random: SeededRandom): string {
  const name = random.pick(['pid', 'uptime', 'curr_items', 'items:1:age', 'items:1:number', 'rusage_user', 'version']);
  return `STAT ${name} ${random.pick(['1', '12', '0.25', '1.6.18', '-3', '', '18446744073709551615'])}\r\n`;
}
