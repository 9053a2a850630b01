// Nanoseconds and heap bytes per pick, from the hash alone and from a key's bytes. Run: node bench/micro/ring.ts
import { KeyRing } from '../../src/placement/key-ring.ts';
import { buildRing, DISTRIBUTIONS, type Ring } from '../../src/placement/ring.ts';
import type { RingServer } from '../../src/placement/ring-server.ts';
import { measure, printTable } from './measure.ts';

const SERVER_COUNTS = [2, 10, 100];
const KEY_BYTES = 32;
const KEYS = 1024;

let sink = 0;

function servers(count: number, weight: (i: number) => number): RingServer[] {
  return Array.from({ length: count }, (_, i) => ({ name: `10.0.${i >> 8}.${i & 255}:6379`, weight: weight(i) }));
}

const hashes = Uint32Array.from({ length: KEYS }, (_, i) => Math.imul(i + 1, 0x9e3779b1));

function picking(ring: Ring): (calls: number) => void {
  return calls => {
    let mixed = 0;
    for (let i = 0; i < calls; i++) mixed ^= ring.pick(hashes[i & (KEYS - 1)]!);
    sink ^= mixed;
  };
}

const chunk = Buffer.from(
  Array.from({ length: KEYS }, (_, i) => `user:{${i}}:`.padEnd(KEY_BYTES, String(i * 7919))).join(''),
);

function routing(keyRing: KeyRing): (calls: number) => void {
  return calls => {
    let mixed = 0;
    for (let i = 0; i < calls; i++) {
      const start = (i & (KEYS - 1)) * KEY_BYTES;
      mixed ^= keyRing.pick(chunk, start, start + KEY_BYTES);
    }
    sink ^= mixed;
  };
}

const rows: string[][] = [];
function row(name: string, runs: ((calls: number) => void)[]): void {
  const costs = runs.map(measure);
  const bytes = Math.max(...costs.map(cost => cost.bytesPerCall));
  rows.push([name, ...costs.map(cost => cost.nsPerCall.toFixed(1)), bytes.toFixed(1)]);
}

for (const distribution of DISTRIBUTIONS) {
  const weighted = SERVER_COUNTS.map(count => servers(count, i => (i % 3) + 1));
  row(
    `pick, ${distribution}`,
    weighted.map(list => picking(buildRing(distribution, list))),
  );
}
for (const hashTag of [null, [0x7b, 0x7d] as const]) {
  row(
    `key to server, fnv1a_64 ketama${hashTag ? ', tag {}' : ''}`,
    SERVER_COUNTS.map(count =>
      routing(new KeyRing({ hash: 'fnv1a_64', hashTag, distribution: 'ketama', servers: servers(count, () => 1) })),
    ),
  );
}
printTable(['', ...SERVER_COUNTS.map(count => `${count} servers, ns`), 'heap B/call'], rows);

const hundred = servers(100, () => 1);
const build = measure(calls => {
  for (let i = 0; i < calls; i++) sink ^= buildRing('ketama', hundred).pick(i);
});
console.log(`building a ketama ring of 100 servers: ${(build.nsPerCall / 1e6).toFixed(2)} ms`);
process.exitCode = sink === 0.5 ? 1 : 0;
