import assert from 'node:assert/strict';
import { hash as digestOf } from 'node:crypto';
import { test } from 'node:test';
import { crc32 as zlibCrc32 } from 'node:zlib';
import { HASH_NAMES, type HashFunction, type HashName, hashFunction } from '../../../src/hash/hash.ts';
import { md5Words } from '../../../src/hash/md5.ts';

const MAX_CHECKED_BYTES = 300;

/** What nutcracker 0.5.0 computes on x86-64 for "apple", "hello" and the bytes c3 a9. */
const TWEMPROXY: Record<HashName, readonly [number, number, number]> = {
  one_at_a_time: [2297466611, 3372029979, 26298542],
  md5: [3195025439, 708854109, 2546851174],
  crc16: [3662830516, 1800389474, 15296452],
  crc32: [10542, 13840, 3588],
  crc32a: [2838417488, 907060870, 235179326],
  fnv1_64: [473199127, 3183334599, 3035330621],
  fnv1a_64: [1488911807, 2158673163, 3033280513],
  fnv1_32: [67176023, 3069866343, 376872957],
  fnv1a_32: [280767167, 1335831723, 1023043777],
  hsieh: [3738850110, 327428805, 3203012475],
  murmur: [4142305122, 1377504255, 2111574343],
  jenkins: [1442444624, 772589811, 934048990],
};
const TWEMPROXY_KEYS = [Buffer.from('apple'), Buffer.from('hello'), Buffer.from([0xc3, 0xa9])];

/** Bytes of every value, the high ones included, that repeat only after 256. */
function sampleBytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 167 + 201) & 0xff));
}

test('the hashes are the twelve of twemproxy', () => {
  assert.deepEqual([...HASH_NAMES].sort(), Object.keys(TWEMPROXY).sort());
});

for (const name of HASH_NAMES) {
  const hash = hashFunction(name);

  test(`${name}: what twemproxy computes for apple, hello and c3 a9`, () => {
    assert.deepEqual(
      TWEMPROXY_KEYS.map(key => hash(key, 0, key.length)),
      TWEMPROXY[name],
    );
  });

  test(`${name}: a u32 that depends on the range alone, at every offset and length`, () => {
    for (let length = 0; length <= 70; length++) {
      const key = sampleBytes(length);
      const want = hash(key, 0, length);
      assert.equal(want, want >>> 0);
      for (let offset = 0; offset < 9; offset++) {
        for (const filler of [0x00, 0xff]) {
          const chunk = Buffer.concat([Buffer.alloc(offset, filler), key, Buffer.alloc(9, filler)]);
          assert.equal(hash(chunk, offset, offset + length), want, `${length} bytes at ${offset} in ${filler}`);
        }
      }
    }
  });

  test(`${name}: a key that ends its buffer is hashed without reading past it`, () => {
    for (let length = 0; length <= 70; length++) {
      const chunk = new Uint8Array(new ArrayBuffer(length));
      chunk.set(sampleBytes(length));
      assert.equal(hash(chunk, 0, length), hash(sampleBytes(length + 20), 0, length));
    }
  });

  test(`${name}: takes no memory but, at most, the boxed number it returns`, () => {
    // Results above 2³¹ − 1 are boxed by V8 (16 bytes) where the call is not inlined; a copied range is over 64.
    const bytes = heapBytesPerCall(hash, 24);
    assert.ok(bytes < 24, `${bytes} bytes a call`);
  });
}

test('md5: the digest of node:crypto, at any length', () => {
  const words = new Uint32Array(4);
  for (let length = 0; length <= MAX_CHECKED_BYTES; length++) {
    const key = sampleBytes(length);
    md5Words(key, 0, length, words);
    const ours = Buffer.from(words.buffer).toString('hex');
    assert.equal(ours, digestOf('md5', key, 'hex'), `${length} bytes`);
    assert.equal(hashFunction('md5')(key, 0, length), words[0]);
  }
});

test('crc32a: the checksum of zlib, at any length; crc32: 15 bits of it', () => {
  for (let length = 0; length <= MAX_CHECKED_BYTES; length++) {
    const key = sampleBytes(length);
    const want = zlibCrc32(key);
    assert.equal(hashFunction('crc32a')(key, 0, length), want, `${length} bytes`);
    assert.equal(hashFunction('crc32')(key, 0, length), (want >>> 16) & 0x7fff, `${length} bytes`);
  }
});

test('the FNV hashes and one_at_a_time: as in exact arithmetic, bytes read as signed', () => {
  const fnv = (basis: bigint, prime: bigint, isXorFirst: boolean) => (key: Buffer) => {
    let h = basis;
    for (const byte of new Int8Array(key)) {
      if (isXorFirst) h ^= u32(BigInt(byte));
      h = u32(h * prime);
      if (!isXorFirst) h ^= u32(BigInt(byte));
    }
    return Number(h);
  };
  const oneAtATime = (key: Buffer) => {
    let h = 0n;
    for (const byte of new Int8Array(key)) {
      h = u32(h + BigInt(byte));
      h = u32(h + (h << 10n));
      h ^= h >> 6n;
    }
    h = u32(h + (h << 3n));
    h ^= h >> 11n;
    return Number(u32(h + (h << 15n)));
  };
  const references: [HashName, (key: Buffer) => number][] = [
    ['fnv1_32', fnv(2166136261n, 16777619n, false)],
    ['fnv1a_32', fnv(2166136261n, 16777619n, true)],
    ['fnv1_64', fnv(0x84222325n, 0x1b3n, false)],
    ['fnv1a_64', fnv(0x84222325n, 0x1b3n, true)],
    ['one_at_a_time', oneAtATime],
  ];
  for (const [name, reference] of references) {
    for (let length = 0; length <= MAX_CHECKED_BYTES; length++) {
      const key = sampleBytes(length);
      assert.equal(hashFunction(name)(key, 0, length), reference(key), `${name}, ${length} bytes`);
    }
  }
});

function u32(x: bigint): bigint {
  return BigInt.asUintN(32, x);
}

function heapBytesPerCall(hash: HashFunction, enough: number): number {
  const chunk = sampleBytes(256);
  const calls = 5000;
  let sink = 0;
  let least = Number.POSITIVE_INFINITY;
  // Until V8 has compiled it, on another thread, which a busy machine may keep waiting, every intermediate number takes memory.
  for (let round = 0; round < 500 && least >= enough; round++) {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < calls; i++) sink ^= hash(chunk, i & 63, (i & 63) + 40);
    const used = process.memoryUsage().heapUsed - before;
    // A collection in between makes it negative; another round has none.
    if (used >= 0) least = Math.min(least, used / calls);
  }
  assert.ok(Number.isInteger(sink));
  return least;
}
