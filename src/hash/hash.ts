import { crc16 } from './crc16.ts';
import { crc32 } from './crc32.ts';
import { crc32a } from './crc32a.ts';
import { fnv1x32 } from './fnv1-32.ts';
import { fnv1x64 } from './fnv1-64.ts';
import { fnv1ax32 } from './fnv1a-32.ts';
import { fnv1ax64 } from './fnv1a-64.ts';
import { hsieh } from './hsieh.ts';
import { jenkins } from './jenkins.ts';
import { md5 } from './md5.ts';
import { murmur } from './murmur.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** Hashes the bytes `buf[start, end)` to a u32. Needs `0 ≤ start ≤ end ≤ buf.length`; reads nothing outside. */
export type HashFunction = (buf: Uint8Array, start: number, end: number) => number;

/** twemproxy's name → the function. The names are what the `hash` key of a pool may say. */
const HASHES = {
  one_at_a_time: oneAtATime,
  md5,
  crc16,
  crc32,
  crc32a,
  fnv1_64: fnv1x64,
  fnv1a_64: fnv1ax64,
  fnv1_32: fnv1x32,
  fnv1a_32: fnv1ax32,
  hsieh,
  murmur,
  jenkins,
} as const satisfies Record<string, HashFunction>;

export type HashName = keyof typeof HASHES;

/** All names, in the order of twemproxy's documentation. */
export const HASH_NAMES: readonly HashName[] = Object.keys(HASHES) as HashName[];

/** The hash function of that name. */
export function hashFunction(name: HashName): HashFunction {
  return HASHES[name];
}
