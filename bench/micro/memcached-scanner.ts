// Nanoseconds and heap bytes per reply scanned and per reply merged. Run: node bench/micro/memcached-scanner.ts
import { memcachedProtocol } from '../../src/protocol/memcached/memcached.ts';
import { REPLY_LINE, REPLY_STORED, REPLY_VALUES } from '../../src/protocol/memcached/reply-scanner.ts';
import { measure, printTable } from './measure.ts';

const KEY = 'user:1234567890:profile';
const value = (key: string, bytes: number): string => `VALUE ${key} 0 ${bytes}\r\n${'v'.repeat(bytes)}\r\n`;

const REPLIES: readonly (readonly [name: string, kind: number, reply: string])[] = [
  ['STORED', REPLY_STORED, 'STORED\r\n'],
  ['a number', REPLY_LINE, '12345\r\n'],
  ['a miss', REPLY_VALUES, 'END\r\n'],
  ['a hit of 100 bytes', REPLY_VALUES, `${value(KEY, 100)}END\r\n`],
  ['a hit of 100 KiB', REPLY_VALUES, `${value(KEY, 102_400)}END\r\n`],
  [
    '10 hits of 100 bytes',
    REPLY_VALUES,
    `${Array.from({ length: 10 }, (_, i) => value(`${KEY}:${i}`, 100)).join('')}END\r\n`,
  ],
];

const scanner = memcachedProtocol.createReplyScanner();
let sink = 0;

function scanning(kind: number, reply: Buffer): (calls: number) => void {
  const perChunk = Math.max(1, Math.floor(65_536 / reply.length));
  const chunk = Buffer.concat(Array.from({ length: perChunk }, () => reply));
  return calls => {
    let at = 0;
    for (let i = 0; i < calls; i++) {
      scanner.begin(kind);
      at = scanner.scan(chunk, at, chunk.length);
      if (at < 0) throw new Error('a reply was not understood');
      if (at === chunk.length) at = 0;
    }
    sink ^= at;
  };
}

printTable(
  ['scan', 'ns', 'heap B'],
  REPLIES.map(([name, kind, text]) => {
    const cost = measure(scanning(kind, Buffer.from(text)));
    return [name, cost.nsPerCall.toFixed(1), cost.bytesPerCall.toFixed(1)];
  }),
);

/** Keys spread over servers in turn, all of them hits of 100 bytes. */
function merging(keyCount: number, serverCount: number): (calls: number) => void {
  const keys = Array.from({ length: keyCount }, (_, i) => `${KEY}:${i}`);
  const request = Buffer.from(`get ${keys.join(' ')}\r\n`);
  const parser = memcachedProtocol.createParser({
    poolName: 'bench',
    version: '0.1.0',
    maxRequestBytes: 1 << 20,
    password: null,
  });
  parser.parse(memcachedProtocol.createSession(1), request, 0, request.length);
  const { coalescer } = parser;
  const owners = Int32Array.from(keys, (_, i) => i % serverCount);
  const parts = Array.from({ length: serverCount }, (_, server) => {
    const hits = keys.filter((_, i) => i % serverCount === server).map(key => value(key, 100));
    return Buffer.from(`${hits.join('')}END\r\n`);
  });
  const out = {
    append: (_: Buffer, start: number, end: number) => {
      sink ^= end - start;
    },
    appendOwned: (bytes: Buffer) => {
      sink ^= bytes.length;
    },
    appendRuns: (_buffers: readonly Buffer[], _runs: Int32Array, _end: number, size: number) => {
      sink ^= size;
    },
  };
  return calls => {
    for (let i = 0; i < calls; i++) coalescer.merge(parts, owners, out);
  };
}

printTable(
  ['merge', 'ns', 'heap B'],
  [
    [10, 2],
    [100, 2],
    [100, 10],
  ].map(([keyCount, serverCount]) => {
    const cost = measure(merging(keyCount!, serverCount!));
    return [`${keyCount} keys, ${serverCount} servers`, cost.nsPerCall.toFixed(0), cost.bytesPerCall.toFixed(0)];
  }),
);
process.exitCode = sink === 0.5 ? 1 : 0;
