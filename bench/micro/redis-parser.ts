// Nanoseconds and heap bytes per request of the Redis request parser and framer. Run: node bench/micro/redis-parser.ts
import { redisProtocol } from '../../src/protocol/redis/redis.ts';
import { measure, printTable } from './measure.ts';

const OPTIONS = { poolName: 'bench', version: '0', maxRequestBytes: 1 << 30, password: null };
const CHUNK_BYTES = 60_000;

function encode(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `key:${String(i).padStart(12, '0')}`);

const REQUESTS: readonly (readonly [string, string])[] = [
  ['GET', encode('GET', 'key:000000000042')],
  ['SET, 100 B', encode('SET', 'key:000000000042', 'x'.repeat(100))],
  ['SET, 10 kB', encode('SET', 'key:000000000042', 'x'.repeat(10_000))],
  ['HSET, 10 fields', encode('HSET', 'key:000000000042', ...keys(20))],
  ['MGET, 10 keys', encode('MGET', ...keys(10))],
  ['MGET, 100 keys', encode('MGET', ...keys(100))],
  ['EVALSHA, 1 key', encode('EVALSHA', 'f'.repeat(40), '1', 'key:000000000042', 'x')],
  ['PING', encode('PING')],
  ['unknown command', encode('FOO', 'bar')],
  ['inline GET', 'GET key:000000000042\r\n'],
];

const parser = redisProtocol.createParser(OPTIONS);
const session = redisProtocol.createSession(1);
const framer = redisProtocol.createFramer(OPTIONS, session);
let sink = 0;

/** A read chunk full of the same request. */
function chunkOf(request: string): Buffer {
  return Buffer.from(request.repeat(Math.max(1, Math.floor(CHUNK_BYTES / request.length))), 'latin1');
}

function parsing(chunk: Buffer): (calls: number) => void {
  return calls => {
    let at = 0;
    for (let i = 0; i < calls; i++) {
      at = parser.parse(session, chunk, at, chunk.length);
      sink = (sink + parser.route + parser.keyStarts[0]!) | 0;
      if (at === chunk.length) at = 0;
    }
  };
}

function framing(chunk: Buffer): (calls: number) => void {
  return calls => {
    let at = 0;
    for (let i = 0; i < calls; i++) {
      framer.reset();
      at = framer.scan(chunk, at, chunk.length);
      sink = (sink + at) | 0;
      if (at === chunk.length) at = 0;
    }
  };
}

function fragmenting(count: number): (calls: number) => void {
  const request = Buffer.from(encode('MGET', ...keys(count)));
  const members = Int32Array.from({ length: count / 2 }, (_, i) => i * 2);
  return calls => {
    parser.parse(session, request, 0, request.length);
    for (let i = 0; i < calls; i++) {
      const { block, length } = parser.fragment(request, 0, request.length, members, members.length);
      sink = (sink + length) | 0;
      block.release();
    }
  };
}

const rows = REQUESTS.map(([name, request]) => {
  const chunk = chunkOf(request);
  const parsed = measure(parsing(chunk));
  const framed = measure(framing(chunk));
  return [name, parsed.nsPerCall.toFixed(0), parsed.bytesPerCall.toFixed(0), framed.nsPerCall.toFixed(0)];
});
for (const count of [10, 100, 1000]) {
  const cost = measure(fragmenting(count));
  rows.push([`fragment: every other of ${count} keys`, cost.nsPerCall.toFixed(0), cost.bytesPerCall.toFixed(0), '']);
}
printTable(['request', 'parse, ns', 'heap B/call', 'frame, ns'], rows);
process.exitCode = sink === 0.5 ? 1 : 0;
