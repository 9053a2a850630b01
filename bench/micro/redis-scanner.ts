// Nanoseconds and heap bytes per reply of the Redis reply scanner, and of merging MGET. Run: node bench/micro/redis-scanner.ts
import { takeBlock } from '../../src/memory/block.ts';
import { copyRuns } from '../../src/memory/runs.ts';
import { coalescerFor } from '../../src/protocol/redis/coalescers.ts';
import { redisProtocol } from '../../src/protocol/redis/redis.ts';
import { measure, printTable } from './measure.ts';

const CHUNK_BYTES = 60_000;
const bulk = (length: number): string => `$${length}\r\n${'x'.repeat(length)}\r\n`;
const array = (count: number, item: string): string => `*${count}\r\n${item.repeat(count)}`;

const REPLIES: readonly (readonly [string, string])[] = [
  ['+OK', '+OK\r\n'],
  [':1', ':1\r\n'],
  ['null', '$-1\r\n'],
  ['bulk, 100 B', bulk(100)],
  ['bulk, 10 kB', bulk(10_000)],
  ['array of 10 × 100 B', array(10, bulk(100))],
  ['array of 100 × 100 B', array(100, bulk(100))],
  ['error', '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'],
];

const scanner = redisProtocol.createReplyScanner();
let sink = 0;

function scanning(reply: string): (calls: number) => void {
  const chunk = Buffer.from(reply.repeat(Math.max(1, Math.floor(CHUNK_BYTES / reply.length))), 'latin1');
  return calls => {
    let at = 0;
    for (let i = 0; i < calls; i++) {
      scanner.begin(0);
      at = scanner.scan(chunk, at, chunk.length);
      sink = (sink + at) | 0;
      if (at === chunk.length) at = 0;
    }
  };
}

function merging(count: number, servers: number): (calls: number) => void {
  const owners = Int32Array.from({ length: count }, (_, i) => (i * 7919) % servers);
  const parts = Array.from({ length: servers }, (_, p) =>
    Buffer.from(array(owners.filter(owner => owner === p).length, bulk(100))),
  );
  const block = takeBlock(1 << 20);
  const target = block.bytes;
  let used = 0;
  const out = {
    append(buf: Buffer, start: number, end: number): void {
      used += buf.copy(target, used, start, end);
    },
    appendOwned(bytes: Buffer): void {
      used += bytes.copy(target, used);
    },
    appendRuns(buffers: readonly Buffer[], runs: Int32Array, end: number, size: number): void {
      copyRuns(block, used, buffers, runs, end);
      used += size;
    },
  };
  const coalescer = coalescerFor('values');
  return calls => {
    for (let i = 0; i < calls; i++) {
      used = 0;
      coalescer.merge(parts, owners, out);
      sink = (sink + used) | 0;
    }
  };
}

const rows = REPLIES.map(([name, reply]) => {
  const cost = measure(scanning(reply));
  return [name, cost.nsPerCall.toFixed(0), cost.bytesPerCall.toFixed(0)];
});
for (const count of [10, 100, 1000]) {
  const cost = measure(merging(count, 4));
  rows.push([`merge MGET of ${count} keys, 4 servers`, cost.nsPerCall.toFixed(0), cost.bytesPerCall.toFixed(0)]);
}
printTable(['reply', 'ns', 'heap B/call'], rows);
process.exitCode = sink === 0.5 ? 1 : 0;
