import type { LineCounter } from 'yaml';
import type { ConfigProblem } from './errors.ts';

/** Nobody reads more; a file that is something else altogether would have millions. */
const MAX_PROBLEMS = 1000;

/** Gathers what is wrong with one file and turns offsets into lines and columns. */
export class Problems {
  private readonly file: string;
  private readonly lines: LineCounter;
  /** Also those above the most that are kept. */
  private count = 0;
  private readonly found: (ConfigProblem & { readonly offset: number })[] = [];

  constructor(file: string, lines: LineCounter) {
    this.file = file;
    this.lines = lines;
  }

  get isEmpty(): boolean {
    return this.found.length === 0;
  }

  /** `offset` counts characters of the text; below 0: the file as a whole. */
  add(offset: number, path: string, message: string): void {
    if (++this.count > MAX_PROBLEMS) return;
    const { line, col } = offset < 0 ? { line: 0, col: 0 } : this.lines.linePos(offset);
    const shown = visible(withoutSecrets(message));
    this.found.push({ file: this.file, line, column: col, path: visible(path), message: shown, offset });
  }

  lineOf(offset: number): number {
    return this.lines.linePos(offset).line;
  }

  /** In the order of the file. */
  list(): ConfigProblem[] {
    const sorted = this.found.toSorted((a, b) => a.offset - b.offset);
    const problems = sorted.map(({ offset: _, ...problem }) => problem);
    if (this.count <= MAX_PROBLEMS) return problems;
    const message = `and ${this.count - MAX_PROBLEMS} more problems`;
    return [...problems, { file: this.file, line: 0, column: 0, path: '', message }];
  }
}

/** Where a quote is not closed, other settings end up inside a value, and so in what is said about it. */
function withoutSecrets(message: string): string {
  return message.replace(/((?:redis_auth|memcached_auth|admin_token)\W*:).*/s, '$1 …');
}

/** Control characters that came from the file, as escapes: a message is one line, and not for the terminal to act on. */
function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
