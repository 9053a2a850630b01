import { createHash } from 'node:crypto';

/** Keys as applications make them; `key(i)` is the same each time. */
export interface KeyFamily {
  readonly name: string;
  key(i: number): string;
}

/** 128 bits that look random, of a number. */
const digest = (i: number) => createHash('sha256').update(String(i)).digest('hex');

export const KEY_FAMILIES: readonly KeyFamily[] = [
  { name: 'session:1', key: i => `session:${i + 1}` },
  { name: 'user:00000001', key: i => `user:${String(i + 1).padStart(8, '0')}` },
  { name: '1', key: i => String(i + 1) },
  { name: 'user:1:profile', key: i => `user:${i + 1}:profile` },
  { name: 'cache:v2:item:1:json', key: i => `cache:v2:item:${i + 1}:json` },
  { name: 'uuid', key: i => uuid(digest(i)) },
  { name: 'session:<uuid>', key: i => `session:${uuid(digest(i))}` },
  { name: 'url', key: i => `https://example.com/products/${i % 500}/reviews?page=${Math.floor(i / 500) + 1}` },
  {
    name: 'day:hour',
    key: i =>
      `stats:2026-${pad(1 + (Math.floor(i / 672) % 12))}-${pad(1 + (Math.floor(i / 24) % 28))}:${pad(i % 24)}:${i}`,
  },
  { name: 'a…z pairs', key: i => `tag:${letters(i)}` },
];

function uuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function pad(n: number): string {
  return String(n).padStart(2, '0');
}

function letters(i: number): string {
  let text = '';
  for (let rest = i; text.length < 4; rest = Math.floor(rest / 26)) text += String.fromCharCode(97 + (rest % 26));
  return text;
}
