/** Of one event from one source so many lines are written in each window; then they are only counted. */
export const REPEATS_PER_WINDOW = 20;
export const WINDOW_MS = 10_000;
/** Sources told apart in a window; all beyond are taken for one. */
const MAX_SOURCES = 1000;

/** What tells the sources of one event apart. A client does not: there are as many as somebody likes. */
const SOURCE_FIELDS = ['pool', 'server', 'slot', 'setting', 'path'] as const;

interface Repeats {
  readonly level: number;
  readonly message: string;
  readonly source: Readonly<Record<string, unknown>>;
  lines: number;
}

/** Counts the lines of one event from one source, so that a thousand say no more than twenty and a number. */
export class RepeatLimit {
  /** Lines that were not written, ever. */
  heldBack = 0;
  private repeats = new Map<string, Repeats>();
  private timer: NodeJS.Timeout | null = null;
  private readonly tell: (level: number, fields: object, message: string) => void;

  /** `tell` writes the line that stands for all those that were held back. */
  constructor(tell: (level: number, fields: object, message: string) => void) {
    this.tell = tell;
  }

  /** Whether this line is to be written. */
  allows(level: number, fields: Readonly<Record<string, unknown>>, message: string): boolean {
    const source: Record<string, unknown> = {};
    let key = `${level} ${message}`;
    for (const field of SOURCE_FIELDS) {
      if (fields[field] === undefined) continue;
      source[field] = fields[field];
      key += `\0${field}=${fields[field]}`;
    }
    let repeats = this.repeats.get(key);
    if (repeats === undefined) {
      if (this.repeats.size >= MAX_SOURCES) key = '';
      repeats = this.repeats.get(key) ?? {
        level,
        message: key === '' ? 'events of other sources' : message,
        source,
        lines: 0,
      };
      this.repeats.set(key, repeats);
      this.timer ??= setTimeout(() => this.endWindow(), WINDOW_MS).unref();
    }
    if (++repeats.lines <= REPEATS_PER_WINDOW) return true;
    this.heldBack++;
    return false;
  }

  /** Says what was held back, and begins anew. */
  endWindow(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const { repeats } = this;
    this.repeats = new Map();
    for (const { level, message, source, lines } of repeats.values()) {
      const more = lines - REPEATS_PER_WINDOW;
      if (more > 0) this.tell(level, { ...source, more }, `${more} more like this: ${message}`);
    }
  }
}
