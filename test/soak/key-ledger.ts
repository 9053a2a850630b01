// What a key may hold, for one writer per key. Its value names key and version in every byte, so that no value can be
// taken for another.

/** How often servers of a protocol died, and how often something befell one. */
export interface ServerHistory {
  /** Counted once the process is gone: whatever it held is lost. */
  deaths: number;
  /** Deaths and freezes that have begun. */
  faults: number;
  /** When the last of them ended, on the clock of performance.now(); infinite while one lasts. */
  faultEndedAtMs: number;
}

/** A write on its way; version 0 removes the key. */
export interface Write {
  readonly version: number;
  readonly deathsBefore: number;
  readonly faultsBefore: number;
  readonly sentAtMs: number;
  /** Over which of the writer's connections. */
  readonly connection: number;
}

const SMALL_BYTES = 64;
/** Some time after a fault nothing of it is left on its way. */
const AFTERMATH_MS = 3000;

/** One key, and what is known of its value. */
export class TrackedKey {
  readonly name: string;
  private readonly history: ServerHistory;
  /** The key stays on one server: nothing but the last version may be found. */
  private readonly isPinned: boolean;
  private readonly baseBytes: number;
  private lastVersion = 0;
  private confirmed: Write;
  /** Writes that may have happened, or may yet: failed ones, those of lost connections and those without a reply. */
  private uncertain: Write[] = [];

  constructor(name: string, history: ServerHistory, isPinned: boolean, baseBytes = SMALL_BYTES) {
    this.name = name;
    this.history = history;
    this.isPinned = isPinned;
    this.baseBytes = baseBytes;
    this.confirmed = this.write(0, 0);
  }

  /** The next version, to be sent now. */
  nextVersion(connection: number): Write {
    return this.write(++this.lastVersion, connection);
  }

  removal(connection: number): Write {
    return this.write(0, connection);
  }

  /** The server said that it has done it. */
  confirm(write: Write): void {
    this.confirmed = write;
    const { faults, faultEndedAtMs } = this.history;
    /*
     * Sent before this one on the same connection, long after the last fault, so it was done before. After a fault it may
     * have gone out on a server connection that was overdue and given up: the server may get to it after this one.
     */
    this.uncertain = this.uncertain.filter(
      each =>
        each.connection !== write.connection ||
        each.version > write.version ||
        each.faultsBefore < faults ||
        each.sentAtMs < faultEndedAtMs + AFTERMATH_MS,
    );
  }

  /** It may have been done, or not, or be done later. */
  doubt(write: Write): void {
    this.uncertain.push(write);
  }

  /** What is wrong with this value, null for none, found now; or null when nothing is. */
  problemOf(value: Buffer | null): string | null {
    if (value === null) return this.mayBeMissing() ? null : `is missing; it should have ${this.expected()}`;
    const version = this.versionOf(value);
    if (version < 0) return `is ${quoted(value)}; it should have ${this.expected()}`;
    const isKnown = this.isPinned
      ? version === this.confirmed.version || this.uncertain.some(write => write.version === version)
      : version <= this.lastVersion;
    return isKnown ? null : `has version ${version}; it should have ${this.expected()}`;
  }

  /** The whole value of a version. */
  valueOf(version: number): Buffer {
    // Lengths vary, so that replies of all sizes meet all sizes of pieces.
    const length = this.baseBytes + ((version * 37) % this.baseBytes);
    return Buffer.alloc(length, `${this.name}|${version}|`, 'latin1');
  }

  private write(version: number, connection: number): Write {
    const { deaths, faults } = this.history;
    return { version, deathsBefore: deaths, faultsBefore: faults, sentAtMs: performance.now(), connection };
  }

  /** -1: it is no value of this key. */
  private versionOf(value: Buffer): number {
    const head = value.toString('latin1', 0, this.name.length + 12);
    if (!head.startsWith(`${this.name}|`)) return -1;
    const version = Number.parseInt(head.slice(this.name.length + 1), 10);
    return version > 0 && value.equals(this.valueOf(version)) ? version : -1;
  }

  private mayBeMissing(): boolean {
    const { confirmed, uncertain, history } = this;
    if (!this.isPinned || confirmed.version === 0 || history.deaths > confirmed.deathsBefore) return true;
    return uncertain.some(write => write.version === 0);
  }

  private expected(): string {
    const others = this.uncertain.map(write => write.version);
    return `version ${this.confirmed.version}${others.length > 0 ? `, or perhaps ${others.join(', ')}` : ''}`;
  }
}

function quoted(bytes: Buffer): string {
  return `${bytes.length} bytes ${JSON.stringify(bytes.toString('latin1', 0, 100))}`;
}
