// Nanoseconds and heap bytes per call of every hash, over keys of three lengths. Run: node bench/micro/hash.ts
import { HASH_NAMES, type HashFunction, hashFunction } from '../../src/hash/hash.ts';
import { measure, printTable } from './measure.ts';

const KEY_BYTES = [8, 32, 128];
/** Keys are ranges of one buffer at changing offsets, as they are in a read chunk. */
const OFFSETS = 64;

let sink = 0;

function hashing(hash: HashFunction, keyBytes: number): (calls: number) => void {
  const chunk = Buffer.from(Array.from({ length: keyBytes + OFFSETS }, (_, i) => (i * 167 + 13) & 0xff));
  return calls => {
    let mixed = 0;
    for (let i = 0; i < calls; i++) {
      const start = i & (OFFSETS - 1);
      mixed ^= hash(chunk, start, start + keyBytes);
    }
    sink ^= mixed;
  };
}

const rows = HASH_NAMES.map(name => {
  const costs = KEY_BYTES.map(keyBytes => measure(hashing(hashFunction(name), keyBytes)));
  const bytes = Math.max(...costs.map(cost => cost.bytesPerCall));
  return [name, ...costs.map(cost => cost.nsPerCall.toFixed(1)), bytes.toFixed(1)];
});
printTable(['hash', ...KEY_BYTES.map(bytes => `${bytes} B, ns`), 'heap B/call'], rows);
process.exitCode = sink === 0.5 ? 1 : 0;
