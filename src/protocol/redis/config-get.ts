import { Glob } from './glob.ts';
import type { RequestArgs } from './request-args.ts';
import { PATTERN_TOO_LONG } from './request-errors.ts';
import { encodeReply, MAX_BULK_BYTES, ReplyMap } from './resp.ts';
import type { RedisSession } from './session.ts';

/** What programs ask for (redis-benchmark: save, appendonly); of the proxy, not of its servers. */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['appendonly', 'no'],
  ['maxmemory', '0'],
  ['proto-max-bulk-len', String(MAX_BULK_BYTES)],
  ['save', ''],
];

/** CONFIG GET pattern […]: names and values that match any of the patterns. */
export function configReply(args: RequestArgs, session: RedisSession, databases: number): Buffer {
  const globs: Glob[] = [];
  for (let i = 2; i < args.count; i++) {
    const glob = Glob.read(args.text(i).toLowerCase());
    if (glob === null) return PATTERN_TOO_LONG;
    globs.push(glob);
  }
  const found = [...SETTINGS, ['databases', String(databases)] as const]
    .filter(([name]) => globs.some(glob => glob.matches(name)))
    .flat();
  return encodeReply(new ReplyMap(found), session.respVersion);
}
