import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busiest, keySpread, unevenOnNumbers } from '../../../src/cli/key-spread.ts';
import { keyRingOf } from '../../../src/cli/pool-ring.ts';
import { sizedKeys } from '../../../src/cli/spread.ts';
import type { PoolConfig } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { HASH_NAMES } from '../../../src/hash/hash.ts';

function pool(servers: readonly string[], more: object = {}): PoolConfig {
  const p = { listen: 'h:1', protocol: 'redis', servers, hash: 'murmur', ...more };
  return parseConfig(JSON.stringify({ pools: { p } }), 'f').pools[0]!;
}

const named = (count: number) => Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}:6379`);

test('keys and bytes are counted where the ring puts them', () => {
  const three = pool(named(3), { hash_tag: '{}' });
  const ring = keyRingOf(three);
  const keys = Array.from({ length: 500 }, (_, i) => ({ key: Buffer.from(`x${i}{${i % 50}}`), bytes: i }));
  const spread = keySpread(three, keys);
  const [counts, bytes] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  for (const { key, bytes: size } of keys) {
    const at = ring.pick(key, 0, key.length);
    counts[at]! += 1;
    bytes[at]! += size;
  }
  assert.deepEqual([Array.from(spread.keys), Array.from(spread.bytes)], [counts, bytes]);
  assert.deepEqual([spread.totalKeys, spread.totalBytes], [500, 124_750]);
});

test('the fullest server is judged by its weight', () => {
  const weighted = pool(['a:1:1', 'b:1:3']);
  assert.equal(busiest(weighted, Float64Array.of(25, 75)), 1);
  assert.equal(busiest(weighted, Float64Array.of(50, 50)), 2);
  assert.equal(busiest(weighted, Float64Array.of(0, 0)), 1);
});

test('of our hashes those that keep running numbers together are found on rings of all sizes, and no others', () => {
  const uneven = new Set<string>();
  for (const count of [2, 3, 4, 5, 8, 10, 16, 25, 50]) {
    for (const hash of HASH_NAMES) if (unevenOnNumbers(pool(named(count), { hash })) !== null) uneven.add(hash);
  }
  // crc32 gives the servers of a ketama ring very unequal shares, and what it gives it keeps to.
  assert.deepEqual([...uneven].sort(), ['crc16', 'fnv1_32', 'fnv1_64', 'fnv1a_64']);
});

test('a line of a list is a key and its size', () => {
  const lines = ['a b 12', 'c\t0'].map(line => Buffer.from(line));
  assert.deepEqual(
    sizedKeys(lines, true).map(({ key, bytes }) => [key.toString(), bytes]),
    [
      ['a b', 12],
      ['c', 0],
    ],
  );
  assert.deepEqual(sizedKeys(lines, false)[0], { key: lines[0], bytes: 0 });
  for (const bad of ['12', 'a', 'a -1', 'a 1.5']) {
    assert.throws(() => sizedKeys([Buffer.from(bad)], true), /line 1 of the keys/);
  }
});
