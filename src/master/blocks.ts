import { isIP } from 'node:net';
import type { Blocked } from '../ipc/messages.ts';
import { parseDurationMs } from '../settings/durations-and-sizes.ts';
import { SettingError } from '../settings/setting-error.ts';
import type { Log } from '../system/log.ts';

/** So many at once in all pools: each request is held against those of its pool. */
const BLOCKS_MAX = 100;
const VALUE_MAX_BYTES = 1024;
/** A timer runs 24.8 days at most. */
const LIFETIME_MAX_MS = 24 * 24 * 3_600_000;
const KINDS = ['key', 'prefix', 'command', 'client'] as const;

export interface Block extends Blocked {
  readonly id: number;
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
  /** When it ends by itself; null: never. */
  readonly until: string | null;
}

export interface BlocksHost {
  readonly log: Log;
  poolNames(): readonly string[];
  /** Others are blocked than before. */
  onChange(): void;
}

/** What operators have blocked, until they take it back or its time is over. */
export class Blocks {
  private readonly entries = new Map<number, { readonly block: Block; readonly timer: NodeJS.Timeout | null }>();
  private last = 0;
  private readonly host: BlocksHost;

  constructor(host: BlocksHost) {
    this.host = host;
  }

  list(): readonly Block[] {
    return [...this.entries.values()].map(({ block }) => block);
  }

  /** `asked`: `pool`, one of key, prefix, command and client, and perhaps `for`, a duration. Throws a SettingError. */
  add(asked: unknown, by: string): Block {
    const { pool, kind, value, lifetimeMs } = this.read(asked);
    if (this.entries.size >= BLOCKS_MAX) throw new SettingError(`${BLOCKS_MAX} blocks are all there can be`);
    const id = ++this.last;
    const nowMs = Date.now();
    const until = lifetimeMs === null ? null : new Date(nowMs + lifetimeMs).toISOString();
    const block: Block = { id, pool, kind, value, by, at: new Date(nowMs).toISOString(), until };
    const timer = lifetimeMs === null ? null : setTimeout(() => this.end(id), lifetimeMs).unref();
    this.entries.set(id, { block, timer });
    this.host.log.warn({ by, pool, block: id, kind, value, until }, 'blocked');
    this.host.onChange();
    return block;
  }

  /** Goes on with those of another process, as `list` has them, without a word to the host. */
  restore(blocks: readonly Block[]): void {
    for (const block of blocks.slice(0, BLOCKS_MAX)) {
      if (!this.host.poolNames().includes(block.pool)) continue;
      const { id, until } = block;
      this.last = Math.max(this.last, id);
      const leftMs = until === null ? null : Math.max(0, Date.parse(until) - Date.now());
      const timer = leftMs === null ? null : setTimeout(() => this.end(id), leftMs).unref();
      this.entries.set(id, { block, timer });
    }
  }

  /** Takes one back; null: there is none of that number. */
  remove(id: number, by: string): Block | null {
    const entry = this.entries.get(id);
    if (entry === undefined) return null;
    this.drop(id, by);
    this.host.onChange();
    return entry.block;
  }

  /** Another configuration: those of pools that are gone go too. It is not told to the host. */
  keepPools(names: readonly string[]): void {
    for (const { id, pool } of this.list()) if (!names.includes(pool)) this.drop(id, 'reload');
  }

  private end(id: number): void {
    this.drop(id, 'its time');
    this.host.onChange();
  }

  private drop(id: number, by: string): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    if (entry.timer !== null) clearTimeout(entry.timer);
    this.entries.delete(id);
    const { pool, kind, value } = entry.block;
    this.host.log.warn({ by, pool, block: id, kind, value }, 'unblocked');
  }

  private read(asked: unknown): Blocked & { readonly lifetimeMs: number | null } {
    const fields = (typeof asked === 'object' ? asked : null) as Record<string, unknown> | null;
    const { pool, for: lifetime = null, ...rest } = fields ?? {};
    const [kind, ...more] = Object.keys(rest) as Blocked['kind'][];
    if (kind === undefined || more.length > 0 || !KINDS.includes(kind)) {
      throw new SettingError(`a block has a pool and one of ${KINDS.join(', ')}, and perhaps "for"`);
    }
    if (typeof pool !== 'string' || !this.host.poolNames().includes(pool)) {
      throw new SettingError(`there is no pool ${JSON.stringify(pool)}`);
    }
    const value = checkedValue(kind, rest[kind]);
    if (lifetime === null) return { pool, kind, value, lifetimeMs: null };
    if (typeof lifetime !== 'string') throw new SettingError('for must be a duration, such as "10m"');
    return { pool, kind, value, lifetimeMs: parseDurationMs(lifetime, 1, LIFETIME_MAX_MS) };
  }
}

function checkedValue(kind: Blocked['kind'], value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new SettingError(`${kind} must be text`);
  if (Buffer.byteLength(value) > VALUE_MAX_BYTES) throw new SettingError(`${kind}: ${VALUE_MAX_BYTES} bytes at most`);
  if (kind === 'command') return value.toLowerCase().replace(' ', '|');
  return kind === 'client' ? checkedClient(value) : value;
}

/** `10.0.0.1`, `10.0.0.1:4711`, `::1`, `[::1]:4711` */
function checkedClient(text: string): string {
  const bare = /^\[([^\]]*)\]$/.exec(text)?.[1] ?? text;
  if (isIP(bare) !== 0) return bare;
  const [, v6, v4] = /^(?:\[([^\]]*)\]|([^:]*)):\d{1,5}$/.exec(text) ?? [];
  if (isIP(v6 ?? '') === 6 || isIP(v4 ?? '') === 4) return text;
  throw new SettingError(`client must be an IP address, with or without a port, not ${JSON.stringify(text)}`);
}
