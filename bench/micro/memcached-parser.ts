// Nanoseconds and heap bytes per request, parsed in place and in pieces. Run: node bench/micro/memcached-parser.ts
import { memcachedProtocol } from '../../src/protocol/memcached/memcached.ts';
import { INCOMPLETE } from '../../src/protocol/protocol.ts';
import { measure, printTable } from './measure.ts';

const OPTIONS = { poolName: 'bench', version: '0.1.0', maxRequestBytes: 1 << 20, password: null };
const KEY = 'user:1234567890:profile';
const keys = (count: number): string => Array.from({ length: count }, (_, i) => `${KEY}:${i}`).join(' ');

const REQUESTS: readonly (readonly [name: string, request: string])[] = [
  ['get', `get ${KEY}\r\n`],
  ['get, 10 keys', `get ${keys(10)}\r\n`],
  ['get, 100 keys', `get ${keys(100)}\r\n`],
  ['set, 100 bytes', `set ${KEY} 0 3600 100\r\n${'v'.repeat(100)}\r\n`],
  ['set, 100 bytes, noreply', `set ${KEY} 0 3600 100 noreply\r\n${'v'.repeat(100)}\r\n`],
  ['set, 100 KiB', `set ${KEY} 0 3600 102400\r\n${'v'.repeat(102_400)}\r\n`],
  ['incr', `incr ${KEY} 1\r\n`],
  ['delete', `delete ${KEY}\r\n`],
];

const parser = memcachedProtocol.createParser(OPTIONS);
const session = memcachedProtocol.createSession(1);
const framer = memcachedProtocol.createFramer(OPTIONS, session);
let sink = 0;

function parsing(request: Buffer): (calls: number) => void {
  // Requests stand one behind the other in a chunk, as in a pipeline.
  const perChunk = Math.max(1, Math.floor(65_536 / request.length));
  const chunk = Buffer.concat(Array.from({ length: perChunk }, () => request));
  return calls => {
    let at = 0;
    for (let i = 0; i < calls; i++) {
      at = parser.parse(session, chunk, at, chunk.length);
      sink ^= parser.keyStarts[0]! ^ parser.route;
      if (at === chunk.length) at = 0;
    }
  };
}

/** The framer alone, over a request in two halves. */
function framing(request: Buffer): (calls: number) => void {
  const middle = request.length >> 1;
  return calls => {
    for (let i = 0; i < calls; i++) {
      framer.reset();
      if (framer.scan(request, 0, middle) !== INCOMPLETE) throw new Error('a half is not whole');
      sink ^= framer.scan(request, middle, request.length);
    }
  };
}

printTable(
  ['', 'parse, ns', 'heap B', 'frame two halves, ns', 'heap B'],
  REQUESTS.map(([name, text]) => {
    const request = Buffer.from(text);
    const whole = measure(parsing(request));
    const pieces = measure(framing(request));
    return [
      name,
      whole.nsPerCall.toFixed(1),
      whole.bytesPerCall.toFixed(1),
      pieces.nsPerCall.toFixed(1),
      pieces.bytesPerCall.toFixed(1),
    ];
  }),
);
process.exitCode = sink === 0.5 ? 1 : 0;
