import type { ServerSweep } from '../../../key-sweep.ts';
import { encodeReply } from '../../resp.ts';
import { PrefixSweep } from './prefix-sweep.ts';

/** Names are remembered until so many, or so many bytes, came after them. */
const REMEMBERED_NAMES = 1024;
const REMEMBERED_BYTES = 256 * 1024;

/** DBSIZE under a prefix. */
export class CountKeys extends PrefixSweep {
  private count = 0;

  constructor(prefix: Buffer, maxBytes: number) {
    super('dbsize', prefix, maxBytes);
  }

  begin(): ServerSweep {
    return new ServerCount(this, () => {
      this.count++;
    });
  }

  reply(): Buffer {
    return encodeReply(this.count);
  }
}

/**
 * Counts the names that one server tells. A server whose table shrinks meanwhile tells those of the place that SCAN is at once more
 * (dictScan in Redis's dict.c visits what becomes one place directly after each other): so the last ones are remembered.
 */
class ServerCount implements ServerSweep {
  readonly listing = null;
  private readonly sweep: CountKeys;
  private readonly onName: () => void;
  private cursor: string | null = '0';
  private recent = new Set<string>();
  private before: ReadonlySet<string> = new Set();
  private recentBytes = 0;
  private beforeBytes = 0;

  constructor(sweep: CountKeys, onName: () => void) {
    this.sweep = sweep;
    this.onName = onName;
  }

  get keptBytes(): number {
    return this.recentBytes + this.beforeBytes;
  }

  step(): readonly Buffer[] {
    return this.cursor === null ? [] : [this.sweep.scan(this.cursor)];
  }

  take([reply]: readonly Buffer[]): Buffer | null {
    const page = this.sweep.pageOf(reply!);
    if (Buffer.isBuffer(page)) return page;
    this.cursor = page.cursor === '0' ? null : page.cursor;
    for (const name of page.names) this.tell(name.toString('latin1'));
    return null;
  }

  private tell(name: string): void {
    if (this.recent.has(name) || this.before.has(name)) return;
    this.onName();
    this.recent.add(name);
    this.recentBytes += name.length;
    if (this.recent.size < REMEMBERED_NAMES && this.recentBytes < REMEMBERED_BYTES) return;
    this.before = this.recent;
    this.beforeBytes = this.recentBytes;
    this.recent = new Set();
    this.recentBytes = 0;
  }
}
