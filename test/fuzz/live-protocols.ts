// What is random in a live run of each protocol, how its replies are compared, and which differences are meant.

import { describeResponses } from '../support/binary-packets.ts';
import type { ReadEnd } from '../support/raw-client.ts';
import { replyEnd } from '../support/resp-reader.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { MEMCACHED_TOKENS, memcachedRequests } from './memcached-grammar.ts';
import { REDIS_TOKENS } from './redis-grammar.ts';
import { readRequest } from './reference-memcached.ts';

/** A difference between the server by itself and the server behind Ringmaster that is documented. */
export interface ExplainedDifference {
  readonly says: string;
  /** Whether it may show in the answers to these bytes: through Ringmaster, and of the server directly. Latin1. */
  mayShow(sent: string, ours: string, direct: string): boolean;
}

export interface LiveProtocol {
  readonly name: 'redis' | 'memcached';
  readonly tokens: readonly Buffer[];
  /** Requests, most of them right, of which the server by itself and behind Ringmaster make the same. */
  generate(random: SeededRandom): Buffer;
  /** False: the answers depend on the server itself, or on when the bytes arrive. */
  isComparable(sent: string): boolean;
  /** Reply bytes without what depends on the server or the time. */
  comparable(replies: string): string;
  readonly differences: readonly ExplainedDifference[];
  /** Empties the server; to be sent to it directly, answered with one line. */
  readonly flush: string;
  /** A request to the server by itself that one line answers: what came before has been read then. */
  readonly ping: string;
  encodeSet(key: string, value: string): string;
  encodeGet(key: string): string;
  /** The reply to a get. */
  encodeValue(key: string, value: string): string;
  readonly stored: string;
  readonly miss: string;
  readonly setReplyEnd: ReadEnd;
  readonly getReplyEnd: ReadEnd;
}

const REDIS_TEMPLATES = [
  'GET k',
  'GET k',
  'SET k v',
  'SET k v',
  'MGET k k k',
  'MSET k v k v',
  'DEL k k',
  'EXISTS k k',
  'INCR n',
  'APPEND k v',
  'STRLEN k',
  'LPUSH l v v',
  'LRANGE l 0 -1',
  'LPOP l',
  'HSET h k v',
  'HGET h k',
  'TYPE k',
  'SETRANGE k 3 v',
  'PING',
  'PING v',
  'ECHO v',
  'FOO v v',
  'GET',
  'SET k',
  'MSET k',
  'OBJECT ENCODING k',
  'SORT l ALPHA',
  'ZADD z 1 v',
  'ZUNIONSTORE z 2 z z',
  'EVAL return 1',
  'XREAD STREAMS k',
  'SELECT x',
  'CLIENT x',
];

function redisStream(random: SeededRandom): Buffer {
  const parts: Buffer[] = [];
  for (let i = random.between(1, 8); i > 0; i--) parts.push(redisRequest(random));
  if (random.chance(0.05)) parts.push(Buffer.from('*1\r\n$4\r\nQUIT\r\n'), redisRequest(random));
  return Buffer.concat(parts);
}

function redisRequest(random: SeededRandom): Buffer {
  const words = random
    .pick(REDIS_TEMPLATES)
    .split(' ')
    .map((word, i) => (i === 0 ? random.pick([word, word.toLowerCase()]) : redisArgument(random, word)));
  if (random.chance(0.15)) return Buffer.from(`${words.join(' ').replace(/[\0\r\n"']/g, '')}\r\n`, 'latin1');
  const text = `*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`;
  return Buffer.from(text, 'latin1');
}

function redisArgument(random: SeededRandom, word: string): string {
  if (word === 'k') return random.pick(['a', 'b', 'c', 'ab', '']);
  if (word !== 'v') return word;
  if (random.chance(0.01)) return 'v'.repeat(random.pick([5000, 20_000, 300_000]));
  return random.pick(['', '1', '17', 'value', '\r\n', '$3\r\nabc\r\n', 'x y', '\xff\xfe']);
}

const AT_RISK = /\*\d{7}|\0/;

export const LIVE_REDIS: LiveProtocol = {
  name: 'redis',
  // Without names of commands, some of which have answers of the proxy's own.
  tokens: REDIS_TOKENS.filter(token => !/[a-z]|AUTH|STREAMS/.test(token.toString())),
  generate: redisStream,
  isComparable: sent => !/EX|PX|TIME|INFO/i.test(sent),
  comparable: replies => replies,
  differences: [
    {
      says: 'a zero byte in an inline request or header: Redis waits for a line end that it does not see',
      mayShow: sent => sent.includes('\0'),
    },
    { says: 'more than 1,048,576 arguments are refused', mayShow: sent => AT_RISK.test(sent) },
    {
      says: 'there is database 0 and no other',
      mayShow: (_sent, ours) => ours.includes('DB index is out of range'),
    },
    {
      says: 'commands that cannot be used through Ringmaster',
      mayShow: (_sent, ours) => ours.includes('cannot be used through Ringmaster'),
    },
  ],
  flush: 'FLUSHALL\r\n',
  ping: 'PING\r\n',
  encodeSet: (key, value) => `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`,
  encodeGet: key => `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`,
  encodeValue: (_key, value) => `$${value.length}\r\n${value}\r\n`,
  stored: '+OK\r\n',
  miss: '$-1\r\n',
  setReplyEnd: arrived => replyEnd(arrived),
  getReplyEnd: arrived => replyEnd(arrived),
};

const PADDING = Buffer.from('\r\n'.repeat(60));
const MEMCACHED_LONGEST_LINE = 2047;
const STORAGE_LINE = /^ *(?:set|add|replace|append|prepend|cas) [^\n]*$/gm;

export const LIVE_MEMCACHED: LiveProtocol = {
  name: 'memcached',
  tokens: MEMCACHED_TOKENS.filter(token => !/stats|\x80/.test(token.toString('latin1'))),
  generate(random) {
    for (;;) {
      const requests = memcachedRequests(random);
      // Ends data blocks that are shorter than announced.
      const stream = random.chance(0.7) ? Buffer.concat([requests, PADDING]) : requests;
      const text = stream.toString('latin1');
      // What statistics say is a server's own.
      if (!/stats|\bme\b|shutdown/.test(text) && !text.includes('\x80\x10')) return stream;
    }
  },
  isComparable: sent => !EXPIRES.test(sent) && !READS_ON.test(sent),
  comparable: replies =>
    replies[0] === '\x81'
      ? withoutUnique(replies)
      : replies
          .replace(/ c\d+/g, ' c')
          .replace(/^(VALUE [^ \n]+ \d+ \d+) \d+\r$/gm, '$1 unique\r')
          .replace(/^VERSION .*\r$/gm, 'VERSION\r'),
  differences: [
    {
      says: 'unknown opcodes, VERBOSITY, or what follows a binary request that is wrong',
      mayShow: sent => sent[0] === '\x80' && hasOddPacket(sent),
    },
    { says: 'a line whose last word begins with HTTP/', mayShow: sent => sent.includes('HTTP/') },
    {
      says: 'the data of an ms is bad, or its flags are no number of 32 bits',
      mayShow: (_sent, ours) => /bad data chunk|bad command line format/.test(ours),
    },
    {
      says: 'several q, and another wrong flag before them',
      mayShow: (_sent, ours) => ours.includes('duplicate flag'),
    },
    { says: 'q of an ma that creates the item', mayShow: sent => /^ *ma /m.test(sent) && / N/.test(sent) },
    {
      says: 'while the data of a request is missing, memcached holds back the replies to those before it',
      mayShow: (sent, ours, direct) => endsInsideData(sent) && ours.startsWith(direct),
    },
    { says: 'a zero byte in a line', mayShow: sent => sent.includes('\0') },
    {
      says: 'numbers in storage headers are plain decimals in range',
      mayShow: sent => (sent.match(STORAGE_LINE) ?? []).some(line => hasOddNumber(line)),
    },
    {
      says: 'a line over 2048 bytes',
      mayShow: sent => sent.split('\n').some(line => line.length > MEMCACHED_LONGEST_LINE),
    },
    {
      says: 'a get of a key over 250 bytes loses the replies of requests before it in memcached',
      mayShow: sent => /[^ \n]{251}/.test(sent),
    },
    {
      says: 'commands that Ringmaster does not take',
      mayShow: sent =>
        /\b(?:me|bget|watch|lru\w*|slabs|cache_memlimit|extstore|refresh_certs|stats|shutdown)\b/.test(sent),
    },
    {
      says: 'a value over the limit of the server with bad data',
      mayShow: (_sent, ours) => ours.includes('bad data chunk') && ours.includes('too large'),
    },
  ],
  flush: 'flush_all\r\n',
  ping: 'version\r\n',
  encodeSet: (key, value) => `set ${key} 0 0 ${value.length}\r\n${value}\r\n`,
  encodeGet: key => `get ${key}\r\n`,
  encodeValue: (key, value) => `VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`,
  stored: 'STORED\r\n',
  miss: 'END\r\n',
  setReplyEnd: '\r\n',
  // No value of the canary contains it.
  getReplyEnd: 'END\r\n',
};

/** Of a value of white space, memcached takes what happens to lie behind it in its memory. */
const READS_ON = /incr|decr/;
/** A time to live, or until a flush, that is not 0. */
const EXPIRES =
  /(?:touch +[^ ]+|gats?|flush_all) +[^ \n]*[1-9]|(?:set|add|replace|append|prepend|cas) +[^ \n]+ +[^ \n]+ +[^ \n]*[1-9]/;

/** A storage command's line with a word in a number's place that is no plain number. */
function hasOddNumber(line: string): boolean {
  const words = line
    .replace(/\r$/, '')
    .split(' ')
    .filter(word => word !== '');
  const isPlain = (word: string) => word === 'noreply' || (/^\d+$/.test(word) && Number(word) < 2 ** 31 - 2);
  return !words.slice(2, 6).every(isPlain) || words.length > 7;
}

/** Responses with their cas left out. */
function withoutUnique(replies: string): string {
  return describeResponses(Buffer.from(replies, 'latin1'), false).join('\n');
}

function hasOddPacket(sent: string): boolean {
  for (let at = 0; at < sent.length; ) {
    const request = readRequest(sent, at, Number.POSITIVE_INFINITY);
    if (request.kind !== 'binary' || request.fate !== 'good' || request.opcode === 0x1b) return true;
    at = request.end;
  }
  return false;
}

function endsInsideData(sent: string): boolean {
  for (let at = 0; ; ) {
    const request = readRequest(sent, at, Number.POSITIVE_INFINITY);
    if (request.kind !== 'request') return request.kind === 'incomplete' && sent.includes('\n', at);
    at = request.end;
  }
}
