// CONFIG GET of a pool: what all its servers agree on, of what concerns clients.
import type { ReplyOut } from '../../../request/request.ts';
import { Glob } from '../../glob.ts';
import type { Coalescer } from '../../protocol.ts';
import type { RequestArgs } from '../request-args.ts';
import { PATTERN_TOO_LONG } from '../request-errors.ts';
import { CR, DOLLAR, encodeReply, isErrorReply, LF, MAX_BULK_BYTES, ReplyMap, type RespVersion } from '../resp.ts';

/** Where servers have no CONFIG, or not for us: what programs ask for (redis-benchmark: save, appendonly). */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['appendonly', 'no'],
  ['maxmemory', '0'],
  ['proto-max-bulk-len', String(MAX_BULK_BYTES)],
  ['save', ''],
];
/** Passwords, and the names that go with them: they are between Ringmaster and its servers. */
const SECRET = /pass|auth$|user$/i;
const NOT_FOR_US = /^-(?:ERR unknown command|NOPERM)/;
const QUOTED_BYTES = 40;

/** Names and values that match any of the patterns; an error where one is too long. */
function ownSettings(patterns: readonly string[], databases: number): readonly string[] | null {
  const globs = patterns.map(pattern => Glob.read(pattern.toLowerCase()));
  if (globs.includes(null)) return null;
  return [...SETTINGS, ['databases', String(databases)] as const]
    .filter(([name]) => globs.some(glob => glob?.matches(name)))
    .flat();
}

/** Of the servers' replies to CONFIG GET pattern […], what they have in common. */
export class ConfigCoalescer implements Coalescer {
  private readonly patterns: readonly string[];
  private readonly version: RespVersion;
  private readonly databases: number;

  /** `databases`: of the pool. */
  constructor(args: RequestArgs, version: RespVersion, databases: number) {
    this.patterns = Array.from({ length: args.count - 2 }, (_, i) => args.text(i + 2));
    this.version = version;
    this.databases = databases;
  }

  merge(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): void {
    const error = parts.find(isErrorReply);
    if (error === undefined) {
      out.appendOwned(encodeReply(new ReplyMap(this.common(parts.map(settingsOf))), this.version));
    } else if (NOT_FOR_US.test(error.toString('latin1', 0, QUOTED_BYTES))) {
      const own = ownSettings(this.patterns, this.databases);
      out.appendOwned(own === null ? PATTERN_TOO_LONG : encodeReply(new ReplyMap(own), this.version));
    } else out.appendOwned(error);
  }

  private common([first, ...others]: readonly ReadonlyMap<string, Buffer>[]): (string | Buffer)[] {
    const found: (string | Buffer)[] = [];
    for (const [name, value] of first ?? []) {
      if (SECRET.test(name)) continue;
      if (name === 'databases') found.push(name, String(this.databases));
      else if (others.every(other => other.get(name)?.equals(value))) found.push(name, value);
    }
    return found;
  }
}

/** Names and values of an array, or a map, of bulk strings; what is none ends it. */
function settingsOf(reply: Buffer): ReadonlyMap<string, Buffer> {
  const strings: Buffer[] = [];
  for (let at = reply.indexOf(LF) + 1; at < reply.length && reply[at] === DOLLAR; ) {
    const end = reply.indexOf(CR, at);
    const start = end + 2;
    const length = Number(reply.toString('latin1', at + 1, end));
    strings.push(reply.subarray(start, start + length));
    at = start + length + 2;
  }
  const settings = new Map<string, Buffer>();
  for (let i = 0; i + 1 < strings.length; i += 2) settings.set(strings[i]!.toString('latin1'), strings[i + 1]!);
  return settings;
}
