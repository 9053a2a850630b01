// Hashes that Ringmaster does not have, to be measured against those that it has.
import type { HashFunction } from '../../src/hash/hash.ts';

/** Austin Appleby's MurmurHash3_x86_32, seed 0. Source: https://github.com/aappleby/smhasher */
export const murmur3: HashFunction = (buf, start, end) => {
  let h = 0;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const word = buf[i]! | (buf[i + 1]! << 8) | (buf[i + 2]! << 16) | (buf[i + 3]! << 24);
    h ^= murmur3Word(word);
    h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
  }
  let rest = 0;
  for (let j = end - 1; j >= i; j--) rest = (rest << 8) | buf[j]!;
  if (i < end) h ^= murmur3Word(rest);
  h ^= end - start;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

function murmur3Word(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}

const [P1, P2, P3, P4, P5] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1];

/** Yann Collet's XXH32, seed 0. Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
export const xxh32: HashFunction = (buf, start, end) => {
  const word = (at: number) => buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24);
  let i = start;
  let h = P5;
  if (end - start >= 16) {
    let [a, b, c, d] = [(P1 + P2) | 0, P2 | 0, 0, -P1 | 0];
    for (; i + 16 <= end; i += 16) {
      a = xxh32Round(a, word(i));
      b = xxh32Round(b, word(i + 4));
      c = xxh32Round(c, word(i + 8));
      d = xxh32Round(d, word(i + 12));
    }
    h = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
  }
  h = (h + (end - start)) | 0;
  for (; i + 4 <= end; i += 4) h = Math.imul(rotate((h + Math.imul(word(i), P3)) | 0, 17), P4);
  for (; i < end; i++) h = Math.imul(rotate((h + Math.imul(buf[i]!, P5)) | 0, 11), P1);
  h = Math.imul(h ^ (h >>> 15), P2);
  h = Math.imul(h ^ (h >>> 13), P3);
  return (h ^ (h >>> 16)) >>> 0;
};

function xxh32Round(sum: number, word: number): number {
  return Math.imul(rotate((sum + Math.imul(word, P2)) | 0, 13), P1);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

const MASK = (1n << 64n) - 1n;
const [Q1, Q2, Q3, Q4, Q5] = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
];

/** The low 32 bits of Yann Collet's XXH64, seed 0, in BigInt: for its spread; its speed here says nothing. */
export const xxh64: HashFunction = (buf, start, end) => {
  const bytes = Buffer.from(buf.buffer, buf.byteOffset, buf.length);
  const rotate64 = (x: bigint, r: bigint) => ((x << r) | (x >> (64n - r))) & MASK;
  const round = (sum: bigint, input: bigint) => (rotate64((sum + input * Q2) & MASK, 31n) * Q1) & MASK;
  const merge = (h: bigint, v: bigint) => ((h ^ round(0n, v)) * Q1 + Q4) & MASK;
  let i = start;
  let h = Q5;
  if (end - start >= 32) {
    let v = [(Q1 + Q2) & MASK, Q2, 0n, -Q1 & MASK];
    for (; i + 32 <= end; i += 32) v = v.map((each, lane) => round(each, bytes.readBigUInt64LE(i + lane * 8)));
    const [a, b, c, d] = v as [bigint, bigint, bigint, bigint];
    h = (rotate64(a, 1n) + rotate64(b, 7n) + rotate64(c, 12n) + rotate64(d, 18n)) & MASK;
    for (const each of v) h = merge(h, each);
  }
  h = (h + BigInt(end - start)) & MASK;
  for (; i + 8 <= end; i += 8) h = (rotate64(h ^ round(0n, bytes.readBigUInt64LE(i)), 27n) * Q1 + Q4) & MASK;
  if (i + 4 <= end) {
    h = (rotate64(h ^ ((BigInt(bytes.readUInt32LE(i)) * Q1) & MASK), 23n) * Q2 + Q3) & MASK;
    i += 4;
  }
  for (; i < end; i++) h = (rotate64(h ^ ((BigInt(bytes[i]!) * Q5) & MASK), 11n) * Q1) & MASK;
  h = ((h ^ (h >> 33n)) * Q2) & MASK;
  h = ((h ^ (h >> 29n)) * Q3) & MASK;
  return Number((h ^ (h >> 32n)) & 0xffffffffn);
};
