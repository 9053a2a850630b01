// Requests of Redis clients with what Ringmaster's parser must make of them, and a driver that feeds a parser and its
// framer the way a client connection does.
import assert from 'node:assert/strict';
import { type Framer, INCOMPLETE, type RequestParser, type Session } from '../../src/protocol/protocol.ts';
import {
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_KEY,
  ROUTE_LOCAL,
  ROUTE_PRIVATE,
  ROUTE_SAME_SERVER,
  ROUTE_SPLIT,
} from '../../src/protocol/routes.ts';
import { encodeCommand } from './resp-reader.ts';

/** What a request was taken for; strings are latin1. */
export interface Understood {
  readonly route: number;
  readonly command: string;
  readonly keys: readonly string[];
  /** ROUTE_LOCAL: the answer. */
  readonly reply: string;
  readonly closesClient: boolean;
  /** The request as it goes to a server; empty for ROUTE_LOCAL. */
  readonly forwarded: string;
}

export interface RequestCase {
  readonly name: string;
  readonly wire: Buffer;
  readonly want: Understood;
}

function forwarded(route: number, words: readonly (string | Buffer)[], keys: readonly string[]): RequestCase {
  const wire = encodeCommand(...words);
  const command = String(words[0]).toLowerCase();
  const want = { route, command, keys, reply: '', closesClient: false, forwarded: wire.toString('latin1') };
  return { name: words.join(' ').slice(0, 60), wire, want };
}

function inline(line: string, route: number, words: readonly string[], keys: readonly string[]): RequestCase {
  const asArray = encodeCommand(...words.map(word => Buffer.from(word, 'latin1'))).toString('latin1');
  return {
    name: `inline ${JSON.stringify(line)}`,
    wire: Buffer.from(line, 'latin1'),
    want: { route, command: words[0]!.toLowerCase(), keys, reply: '', closesClient: false, forwarded: asArray },
  };
}

function local(name: string, wire: string, command: string, reply: string, closesClient = false): RequestCase {
  const want = { route: ROUTE_LOCAL, command, keys: [], reply, closesClient, forwarded: '' };
  return { name, wire: Buffer.from(wire, 'latin1'), want };
}

function broken(name: string, wire: string, text: string): RequestCase {
  return local(name, wire, 'unknown', `-ERR Protocol error: ${text}\r\n`, true);
}

const words = (...args: (string | Buffer)[]): string => encodeCommand(...args).toString('latin1');
const BINARY = Buffer.from([0, 13, 10, 255, 36, 42]);
const ONE_SERVER = 'it manages one server; send it to that server';
const KEYLESS =
  "-ERR 'eval' cannot be used through Ringmaster: without keys it could run on any server of the pool; " +
  'the setting keyless_scripts says where it may\r\n';
const MANY = Array.from({ length: 70 }, (_, i) => `k${i}`);

export const REQUESTS: readonly RequestCase[] = [
  forwarded(ROUTE_KEY, ['GET', 'a'], ['a']),
  forwarded(ROUTE_KEY, ['gEt', ''], ['']),
  forwarded(ROUTE_KEY, ['SET', BINARY, BINARY], [BINARY.toString('latin1')]),
  forwarded(ROUTE_KEY, ['SET', 'k', 'v'.repeat(300)], ['k']),
  forwarded(ROUTE_KEY, ['MGET', 'a'], ['a']),
  forwarded(ROUTE_SPLIT, ['MGET', 'a', 'b', 'a'], ['a', 'b', 'a']),
  forwarded(ROUTE_SPLIT, ['MGET', ...MANY], MANY),
  forwarded(ROUTE_SPLIT, ['mset', 'a', '1', 'b', '2'], ['a', 'b']),
  forwarded(ROUTE_KEY, ['MSET', 'a', '1', 'b'], ['a', 'b']),
  forwarded(ROUTE_SAME_SERVER, ['MSETNX', 'a', '1', 'b', '2'], ['a', 'b']),
  forwarded(ROUTE_SPLIT, ['DEL', 'a', 'b'], ['a', 'b']),
  forwarded(ROUTE_SAME_SERVER, ['RENAME', 'a', 'b'], ['a', 'b']),
  forwarded(ROUTE_SAME_SERVER, ['BITOP', 'AND', 'd', 'a', 'b'], ['d', 'a', 'b']),
  forwarded(ROUTE_SAME_SERVER, ['ZUNIONSTORE', 'd', '2', 'a', 'b', 'WEIGHTS', '1', '2'], ['d', 'a', 'b']),
  forwarded(ROUTE_KEY, ['ZUNIONSTORE', 'd', '9', 'a', 'b'], ['d']),
  forwarded(ROUTE_ANY, ['ZUNION', 'x', 'a', 'b'], []),
  forwarded(ROUTE_ANY, ['ZUNION', '-1', 'a', 'b'], []),
  forwarded(ROUTE_ANY, ['ZUNION', '01', 'a', 'b'], []),
  forwarded(ROUTE_KEY, ['ZINTER', '1', 'a', 'WITHSCORES'], ['a']),
  local('EVAL without keys', words('EVAL', 'return 1', '0'), 'eval', KEYLESS),
  local('EVAL without keys, but an argument', words('EVAL', 'return 1', '0', 'a'), 'eval', KEYLESS),
  forwarded(ROUTE_ANY, ['EVAL', 'return 1', 'x', 'a'], []),
  forwarded(ROUTE_ANY, ['EVAL', 'return 1', '2', 'a'], []),
  forwarded(ROUTE_SAME_SERVER, ['EVALSHA', 'abc', '2', 'a', 'b', 'c'], ['a', 'b']),
  forwarded(ROUTE_KEY, ['XREAD', 'COUNT', '2', 'STREAMS', 'a', '0'], ['a']),
  forwarded(ROUTE_SAME_SERVER, ['XREAD', 'STREAMS', 'a', 'b', '0', '0'], ['a', 'b']),
  forwarded(ROUTE_KEY, ['XREAD', 'STREAMS', 'a', 'b', '0'], ['a']),
  forwarded(ROUTE_ANY, ['XREAD', 'COUNT', '1', 'STREAMS'], []),
  forwarded(ROUTE_KEY, ['XREADGROUP', 'GROUP', 'streams', 'c', 'NOACK', 'STREAMS', 'a', '>'], ['a']),
  forwarded(ROUTE_KEY, ['SORT', 'a', 'BY', 'store', 'GET', 'store'], ['a']),
  forwarded(ROUTE_SAME_SERVER, ['SORT', 'a', 'LIMIT', '0', '1', 'store', 'b', 'STORE', 'c'], ['a', 'c']),
  forwarded(ROUTE_SAME_SERVER, ['SORT', 'a', 'LIMIT', '0', 'store', 'STORE', 'c'], ['a', 'c']),
  forwarded(ROUTE_KEY, ['GEORADIUS', 'a', '1', '2', '3', 'km'], ['a']),
  forwarded(ROUTE_SAME_SERVER, ['GEORADIUS', 'a', '1', '2', '3', 'km', 'ASC', 'STOREDIST', 'b'], ['a', 'b']),
  forwarded(ROUTE_SAME_SERVER, ['GEORADIUSBYMEMBER', 'a', 'm', '3', 'km', 'STORE', 'b'], ['a', 'b']),
  forwarded(ROUTE_ANY, ['LOLWUT'], []),
  forwarded(ROUTE_ALL, ['DBSIZE'], []),
  {
    name: 'OBJECT ENCODING a',
    wire: encodeCommand('OBJECT', 'ENCODING', 'a'),
    want: {
      route: ROUTE_KEY,
      command: 'object|encoding',
      keys: ['a'],
      reply: '',
      closesClient: false,
      forwarded: words('OBJECT', 'ENCODING', 'a'),
    },
  },
  {
    name: 'bytes after a payload that are no CRLF',
    wire: Buffer.from('*2\rX$3\rYGETab$1\r\naqq'),
    want: {
      route: ROUTE_KEY,
      command: 'get',
      keys: ['a'],
      reply: '',
      closesClient: false,
      forwarded: '*2\rX$3\rYGETab$1\r\naqq',
    },
  },
  inline('get a\r\n', ROUTE_KEY, ['get', 'a'], ['a']),
  inline('GET a\n', ROUTE_KEY, ['GET', 'a'], ['a']),
  inline("  set\t\"a\\x00\\xfF b\\n\"  'it\\'s\\n'\r\n", ROUTE_KEY, ['set', 'a\0\xff b\n', "it's\\n"], ['a\0\xff b\n']),
  inline('mget a"b c" ""\r\n', ROUTE_SPLIT, ['mget', 'ab c', ''], ['ab c', '']),
  inline('\v\fget a\vb\f\r\n', ROUTE_KEY, ['get', 'a\vb\f'], ['a\vb\f']),
  inline('get "a"\v\r\n', ROUTE_KEY, ['get', 'a'], ['a']),
  inline('get "\\xzz\\q"\r\n', ROUTE_KEY, ['get', 'xzzq'], ['xzzq']),
  local('PING', words('PING'), 'ping', '+PONG\r\n'),
  local('PING inline', 'PING\r\n', 'ping', '+PONG\r\n'),
  local('PING with an argument', words('ping', BINARY), 'ping', `$6\r\n${BINARY.toString('latin1')}\r\n`),
  local('QUIT', words('QUIT'), 'quit', '+OK\r\n', true),
  local('*0', '*0\r\n', 'unknown', ''),
  local('*-7', '*-7\r\n', 'unknown', ''),
  local('an empty line', '\r\n', 'unknown', ''),
  local('a bare newline', '\n', 'unknown', ''),
  local('spaces', '  \t \r\n', 'unknown', ''),
  local(
    'unknown',
    words('foo', 'b\r\n'),
    'unknown',
    "-ERR unknown command 'foo', with args beginning with: 'b  ' \r\n",
  ),
  local('no arguments', words('GET'), 'get', "-ERR wrong number of arguments for 'get' command\r\n"),
  local('too many', words('GET', 'a', 'b'), 'get', "-ERR wrong number of arguments for 'get' command\r\n"),
  local('subcommand', words('CLIENT', 'x'), 'client', "-ERR unknown subcommand 'x'. Try CLIENT HELP.\r\n"),
  forwarded(ROUTE_PRIVATE, ['BLPOP', 'a', '0'], ['a']),
  forwarded(ROUTE_KEY, ['BLPOP', 'a', '-1'], ['a']),
  forwarded(ROUTE_PRIVATE, ['WATCH', 'a', 'b'], ['a', 'b']),
  local('MIGRATE', words('MIGRATE', 'h', '1', 'k', '0', '1'), 'migrate', refusal('migrate', ONE_SERVER)),
  forwarded(ROUTE_PRIVATE, ['XREAD', 'BLOCK', '0', 'STREAMS', 'a', '0'], ['a']),
  local('POST', 'POST / HTTP/1.1\r\n', 'unknown', '', true),
  local('Host:', words('hOsT:', 'x'), 'unknown', '', true),
  broken('a count that is no number', '*x\r\n', 'invalid multibulk length'),
  broken('an empty count', '*\r\n', 'invalid multibulk length'),
  broken('a count with a leading zero', '*01\r\n', 'invalid multibulk length'),
  broken('minus zero', '*-0\r\n', 'invalid multibulk length'),
  broken('a minus alone', '*-\r\n', 'invalid multibulk length'),
  broken('a count with a space', '*1 \r\n', 'invalid multibulk length'),
  broken('more arguments than accepted', '*1048577\r\n', 'invalid multibulk length'),
  broken('a count of twenty digits', '*11111111111111111111\r\n', 'invalid multibulk length'),
  broken('no dollar', '*1\r\nPING\r\n', "expected '$', got 'P'"),
  broken('an empty line for an argument', '*1\r\n\r\n', "expected '$', got ' '"),
  broken('a length that is no number', '*1\r\n$x\r\n', 'invalid bulk length'),
  broken('a negative length', '*1\r\n$-1\r\n', 'invalid bulk length'),
  broken('a length with a leading zero', '*1\r\n$04\r\n', 'invalid bulk length'),
  broken('a length of leading zeros', '*1\r\n$0000000000000\r\n', 'invalid bulk length'),
  broken('an empty length', '*1\r\n$\r\n', 'invalid bulk length'),
  broken('a length above 512 MB', '*1\r\n$536870913\r\n', 'invalid bulk length'),
  broken('an error after good arguments', '*3\r\n$3\r\nGET\r\n$1\r\na\r\n+1\r\n', "expected '$', got '+'"),
  broken('an open double quote', 'get "a\r\n', 'unbalanced quotes in request'),
  broken('an open single quote', "get 'a\r\n", 'unbalanced quotes in request'),
  broken('something after a closing quote', 'get "a"b\r\n', 'unbalanced quotes in request'),
];

function refusal(command: string, why: string): string {
  return `-ERR '${command}' cannot be used through Ringmaster: ${why}\r\n`;
}

/** What `parser` made of the request in `buf[start, end)`. */
export function understood(parser: RequestParser, buf: Buffer, start: number, end: number): Understood {
  const bytes = parser.rewritten ?? buf;
  const keys: string[] = [];
  for (let i = 0; i < parser.keyCount; i++) {
    keys.push(bytes.toString('latin1', parser.keyStarts[i], parser.keyEnds[i]));
  }
  const isLocal = parser.route === ROUTE_LOCAL;
  return {
    route: parser.route,
    command: parser.command,
    keys: isLocal ? [] : keys,
    reply: isLocal ? parser.reply.toString('latin1') : '',
    closesClient: parser.closesClient,
    forwarded: isLocal ? '' : (parser.rewritten ?? buf.subarray(start, end)).toString('latin1'),
  };
}

/**
 * Feeds pieces to parser and framer as a client connection does: whole requests are parsed where they lie; what is left
 * of a piece goes through the framer, and is parsed once the framer has its end. Ends at a request that closes the client.
 */
export function feed(parser: RequestParser, framer: Framer, session: Session, pieces: readonly Buffer[]): Understood[] {
  const found: Understood[] = [];
  let partial: Buffer[] | null = null;
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length) {
      if (partial !== null) {
        const stop = framer.scan(piece, at, piece.length);
        partial.push(piece.subarray(at, stop === INCOMPLETE ? piece.length : stop));
        if (stop === INCOMPLETE) break;
        const bytes = Buffer.concat(partial);
        partial = null;
        assert.equal(parser.parse(session, bytes, 0, bytes.length), bytes.length, 'framer and parser agree on the end');
        found.push(understood(parser, bytes, 0, bytes.length));
        at = stop;
      } else {
        const stop = parser.parse(session, piece, at, piece.length);
        if (stop === INCOMPLETE) {
          framer.reset();
          assert.equal(framer.scan(piece, at, piece.length), INCOMPLETE, 'framer and parser agree that it goes on');
          partial = [piece.subarray(at)];
          break;
        }
        found.push(understood(parser, piece, at, stop));
        at = stop;
      }
      if (parser.closesClient) return found;
    }
  }
  return found;
}
