import { hash } from 'node:crypto';
import type { KeptChange, KeptMemory } from '../../kept-memory.ts';
import type { Gift } from '../../remedy.ts';
import { encodeRequest } from '../resp.ts';
import { FunctionLibraries } from './function-libraries.ts';

/** What a script costs beside its text. */
const SCRIPT_BYTES = 300;
/** Of all that may be kept: a script that is larger is not. */
const LARGEST_SHARE = 1 / 4;
/** Of the same, what libraries of functions may have. */
const LIBRARIES_SHARE = 1 / 2;
const SHA1_DIGITS = 40;
/** SCRIPT EXISTS says so of one. */
const ABSENT = Buffer.from('*1\r\n:0\r\n');

/** The texts of scripts that clients have sent to a pool, by their SHA-1; those that were used last. Libraries beside them. */
export class ScriptMemory implements KeptMemory {
  tell: (change: KeptChange) => void = () => {};
  readonly libraries = new FunctionLibraries(change => this.tell(change));
  private scriptBytes = 0;
  /** As servers are given them; the oldest first. */
  private readonly scripts = new Map<string, Gift>();
  private limitBytes = 0;

  /** With the libraries. */
  get memoryBytes(): number {
    return this.scriptBytes + this.libraries.memoryBytes;
  }

  /** 0: nothing is kept. */
  setLimit(limitBytes: number): void {
    this.limitBytes = limitBytes;
    this.libraries.setLimit(limitBytes * LIBRARIES_SHARE);
    this.shrink();
  }

  /** Keeps a copy of `buf[start, end)`. */
  remember(buf: Buffer, start: number, end: number): void {
    if (end - start + SCRIPT_BYTES > this.limitBytes * LARGEST_SHARE) return;
    const body = buf.subarray(start, end);
    const sha1 = hash('sha1', body, 'hex');
    if (this.use(sha1) !== null) return;
    const request = encodeRequest('SCRIPT', 'LOAD', body);
    this.scriptBytes += request.length + SCRIPT_BYTES;
    const check = { request: encodeRequest('SCRIPT', 'EXISTS', sha1), absent: ABSENT };
    this.scripts.set(sha1, { request, isLasting: true, check });
    this.shrink();
  }

  /** The script whose SHA-1 is written in `buf[start, end)`, in letters of any case; null: it is not known. */
  find(buf: Buffer, start: number, end: number): Gift | null {
    if (end - start !== SHA1_DIGITS || this.scripts.size === 0) return null;
    return this.use(buf.toString('latin1', start, end).toLowerCase());
  }

  clear(): void {
    this.scripts.clear();
    this.scriptBytes = 0;
  }

  shed(): void {
    this.clear();
    this.libraries.clear();
  }

  hear(change: KeptChange): void {
    this.libraries.hear(change);
  }

  describe(): Readonly<Record<string, unknown>> {
    return { scripts: this.scripts.size, libraries: this.libraries.count };
  }

  private use(sha1: string): Gift | null {
    const script = this.scripts.get(sha1);
    if (script === undefined) return null;
    this.scripts.delete(sha1);
    this.scripts.set(sha1, script);
    return script;
  }

  private shrink(): void {
    for (const [sha1, { request }] of this.scripts) {
      if (this.memoryBytes <= this.limitBytes) return;
      this.scripts.delete(sha1);
      this.scriptBytes -= request.length + SCRIPT_BYTES;
    }
  }
}
