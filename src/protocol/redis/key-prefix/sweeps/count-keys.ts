import type { MovingKeys, ServerSweep } from '../../../key-sweep.ts';
import { encodeReply } from '../../resp.ts';
import { PrefixSweep } from './prefix-sweep.ts';

/** Names are remembered until so many, or so many bytes, came after them. */
const REMEMBERED_NAMES = 1024;
const REMEMBERED_BYTES = 256 * 1024;

/**
 * DBSIZE under a prefix. Between two rings a key that stays is counted in the first round, which all servers are in that have such,
 * and one that moves where it is met first: on a server that it comes from, or in the second round where it goes to. So none is passed
 * over, and those that move are remembered.
 */
export class CountKeys extends PrefixSweep {
  private count = 0;
  private readonly met = new Set<string>();
  override keptBytes = 0;

  constructor(prefix: Buffer, maxBytes: number) {
    super('dbsize', prefix, maxBytes);
  }

  restart(): void {
    this.count = 0;
    this.met.clear();
    this.keptBytes = 0;
  }

  begin(_isOfSlots: boolean, moving: MovingKeys | null): ServerSweep {
    return new ServerCount(this, name => this.meet(name, moving));
  }

  reply(): Buffer {
    return encodeReply(this.count);
  }

  private meet(name: string, moving: MovingKeys | null): Buffer | null {
    if (moving === null) {
      this.count++;
      return null;
    }
    const moves = moving.has(Buffer.from(name, 'latin1'));
    if (moves ? this.met.has(name) : moving.isSecondRound) return null;
    this.count++;
    if (!moves) return null;
    this.met.add(name);
    this.keptBytes += name.length;
    return this.keptBytes > this.maxBytes ? this.tooLarge : null;
  }
}

/**
 * Counts the names that one server tells. A server whose table shrinks meanwhile tells those of the place that SCAN is at once more
 * (dictScan in Redis's dict.c visits what becomes one place directly after each other): so the last ones are remembered.
 */
class ServerCount implements ServerSweep {
  readonly listing = null;
  private readonly sweep: CountKeys;
  private readonly onName: (name: string) => Buffer | null;
  private cursor: string | null = '0';
  private recent = new Set<string>();
  private before: ReadonlySet<string> = new Set();
  private recentBytes = 0;
  private beforeBytes = 0;

  constructor(sweep: CountKeys, onName: (name: string) => Buffer | null) {
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
    for (const name of page.names) {
      const words = this.tell(name.toString('latin1'));
      if (words !== null) return words;
    }
    return null;
  }

  private tell(name: string): Buffer | null {
    if (this.recent.has(name) || this.before.has(name)) return null;
    const words = this.onName(name);
    this.recent.add(name);
    this.recentBytes += name.length;
    if (this.recent.size >= REMEMBERED_NAMES || this.recentBytes >= REMEMBERED_BYTES) this.forget();
    return words;
  }

  private forget(): void {
    this.before = this.recent;
    this.beforeBytes = this.recentBytes;
    this.recent = new Set();
    this.recentBytes = 0;
  }
}
