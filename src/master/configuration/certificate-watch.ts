import { stat } from 'node:fs/promises';

export interface CertificateWatchHost {
  /** Those that matter now. */
  files(): readonly string[];
  /** How often they are looked at, as of now; 0: not at all. */
  intervalMs(): number;
  /** Something about them is new since it was last called. Rejects to be called again. */
  changed(): Promise<void>;
}

/** While nobody wants the files to be looked at, the wish is looked at so often. */
const IDLE_MS = 1000;

/**
 * Looks at files by their times, sizes and inodes: that finds what was moved into place, also behind a link, and on file systems that
 * tell of no changes. A change counts when two looks in a row see the same: a pair that is being written is left alone.
 */
export class CertificateWatch {
  private readonly host: CertificateWatchHost;
  private timer: NodeJS.Timeout | null = null;
  private seen = '';
  private told: string | null = null;
  private isStopped = false;

  constructor(host: CertificateWatchHost) {
    this.host = host;
    this.lookLater();
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private lookLater(): void {
    if (this.isStopped) return;
    const intervalMs = this.host.intervalMs();
    const look = () => (intervalMs === 0 ? Promise.resolve() : this.look());
    // Nothing waits for it.
    this.timer = setTimeout(() => void look().finally(() => this.lookLater()), intervalMs || IDLE_MS).unref();
  }

  private async look(): Promise<void> {
    const marks: string[] = [];
    for (const file of [...new Set(this.host.files())].sort()) marks.push(`${file}: ${await markOf(file)}`);
    const now = marks.join('\n');
    const isSettled = now === this.seen;
    this.seen = now;
    if (!isSettled || now === this.told || this.isStopped) return;
    this.told = now;
    await this.host.changed().catch(() => {
      this.told = null;
    });
  }
}

async function markOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
