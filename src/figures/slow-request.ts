/** A request that took longer than its pool's `slowlog_threshold`. Plain data, which travels as it is. */
export interface SlowRequest {
  readonly pool: string;
  /** When it was answered: milliseconds since 1970. */
  readonly atMs: number;
  /** Address and port, or the path of the unix socket; and the name that the client gave itself, which may be empty. */
  readonly client: string;
  readonly clientName: string;
  readonly command: string;
  /**
   * The first key, printable, cut to 128 bytes. Null: it has none, or it is not kept any more (a request that took more than a
   * minute, or very many others came meanwhile), or `slowlog_hide_keys`.
   */
  readonly key: string | null;
  /** Of a request that was split: of its slowest part. Null: no server was asked. */
  readonly server: string | null;
  readonly requestBytes: number;
  readonly replyBytes: number;
  /** What it waited here before it was sent, what the server took for it, and from being read to its answer. */
  readonly queueUs: number;
  readonly serverUs: number;
  readonly totalUs: number;
  /** The slot of the worker. */
  readonly worker: number;
}

/** One in the log of its pool. */
export interface SlowLogEntry extends SlowRequest {
  /** Grows by one with each; begins anew with the master. */
  readonly id: number;
}

/** The newest slow requests of one pool, the newest last. */
export class SlowLog {
  private list: SlowLogEntry[] = [];
  private capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  setCapacity(capacity: number): void {
    this.capacity = capacity;
    this.trim();
  }

  get length(): number {
    return this.list.length;
  }

  add(entries: readonly SlowLogEntry[]): void {
    this.list.push(...entries);
    this.trim();
  }

  clear(): void {
    this.list = [];
  }

  all(): readonly SlowLogEntry[] {
    return this.list;
  }

  /** The newest `count`, the newest first. */
  newest(count: number): SlowLogEntry[] {
    return this.list.slice(Math.max(0, this.list.length - count)).reverse();
  }

  private trim(): void {
    if (this.list.length > this.capacity) this.list = this.list.slice(this.list.length - this.capacity);
  }
}
