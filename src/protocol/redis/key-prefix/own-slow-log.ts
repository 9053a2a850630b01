import type { SlowLogLine, SlowLogSource } from '../../parser-options.ts';

/**
 * The slow requests of a pool as clients with a key prefix see them: keys without it. Who has all of the pool sees all; a tenant of it
 * those whose key is its own, which needs that they are told.
 */
export class OwnSlowLog implements SlowLogSource {
  private readonly log: SlowLogSource;
  private readonly prefix: string;
  private readonly isTenant: boolean;

  constructor(log: SlowLogSource, prefix: string, isTenant: boolean) {
    this.log = log;
    this.prefix = prefix;
    this.isTenant = isTenant;
  }

  get length(): number {
    return this.isTenant ? this.lines().length : this.log.length;
  }

  newest(count: number): readonly SlowLogLine[] {
    return this.lines().slice(0, count);
  }

  reset(): void {
    this.log.reset();
  }

  private lines(): readonly SlowLogLine[] {
    const { isTenant, log } = this;
    const lines = log.newest(log.length).map(line => ({ ...line, key: this.ownKey(line.key) }));
    return isTenant ? lines.filter(({ key }) => key !== null) : lines;
  }

  /** A prefix is printable: keys begin with it as they are shown. Null: it is not the client's. */
  private ownKey(key: string | null): string | null {
    return key?.startsWith(this.prefix) ? key.slice(this.prefix.length) : null;
  }
}
