// Replies as far as servers of the same state must agree on them: what depends on hash seeds and on the clock is left out.
import { parseReply, RespError, type RespValue } from './resp-reader.ts';

/** Elements in the order of a hash table, which every Redis seeds differently. */
const UNORDERED = new Set(['hkeys', 'hvals', 'sdiff', 'sinter', 'smembers', 'sunion']);
const UNORDERED_PAIRS = new Set(['hgetall']);
const SCANS: ReadonlyMap<string, 1 | 2> = new Map([
  ['hscan', 2],
  ['sscan', 1],
  ['zscan', 2],
]);
const TIMES = new Set(['expiretime', 'pexpiretime', 'pttl', 'ttl']);
const TYPE_STRING = 0;

/** A Redis reply to the command `name` as text. */
export function comparableRedisReply(name: string, reply: Buffer): string {
  const value = parseReply(reply);
  if (value instanceof RespError || reply[0] === 0x2b) return reply.toString('latin1');
  if (TIMES.has(name) && Number(value) > 0) return 'a time to live';
  if (name === 'dump' && Buffer.isBuffer(value) && value[0] !== TYPE_STRING) return `a dump of ${value.length} bytes`;
  if (!Array.isArray(value)) return reply.toString('latin1');
  if (UNORDERED.has(name)) return sorted(value, 1);
  if (UNORDERED_PAIRS.has(name)) return sorted(value, 2);
  const size = SCANS.get(name);
  if (size !== undefined && Array.isArray(value[1])) return `${value[0]} ${sorted(value[1], size)}`;
  return reply.toString('latin1');
}

function sorted(values: readonly RespValue[], size: 1 | 2): string {
  const groups: string[] = [];
  for (let i = 0; i < values.length; i += size) groups.push(JSON.stringify(values.slice(i, i + size).map(text)));
  return groups.sort().join(' ');
}

function text(value: RespValue): string {
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}

/** A memcached reply as text; an item's unique number is its server's own. */
export function comparableMemcachedReply(_name: string, reply: Buffer): string {
  return reply.toString('latin1').replace(/^(VALUE \S+ \d+ \d+) \d+\r$/gm, '$1 unique\r');
}
