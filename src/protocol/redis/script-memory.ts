import { hash } from 'node:crypto';
import type { MemoryHolder } from '../../memory/memory-ceiling.ts';

/** What a script costs beside its text. */
const SCRIPT_BYTES = 200;
/** Of all that may be kept: a script that is larger is not. */
const LARGEST_SHARE = 1 / 4;
const SHA1_DIGITS = 40;

/** The texts of scripts that clients have sent to a pool, by their SHA-1; those that were used last. */
export class ScriptMemory implements MemoryHolder {
  memoryBytes = 0;
  /** The oldest first. */
  private readonly bodies = new Map<string, Buffer>();
  private limitBytes = 0;

  /** 0: nothing is kept. */
  setLimit(limitBytes: number): void {
    this.limitBytes = limitBytes;
    this.shrink();
  }

  /** Keeps a copy of `buf[start, end)`. */
  remember(buf: Buffer, start: number, end: number): void {
    if (end - start + SCRIPT_BYTES > this.limitBytes * LARGEST_SHARE) return;
    const body = buf.subarray(start, end);
    const sha1 = hash('sha1', body, 'hex');
    const known = this.bodies.get(sha1);
    if (known === undefined) this.memoryBytes += body.length + SCRIPT_BYTES;
    else this.bodies.delete(sha1);
    this.bodies.set(sha1, known ?? Buffer.from(body));
    this.shrink();
  }

  /** The script whose SHA-1 is written in `buf[start, end)`, in letters of any case; null: it is not known. */
  find(buf: Buffer, start: number, end: number): Buffer | null {
    if (end - start !== SHA1_DIGITS || this.bodies.size === 0) return null;
    const sha1 = buf.toString('latin1', start, end).toLowerCase();
    const body = this.bodies.get(sha1);
    if (body === undefined) return null;
    this.bodies.delete(sha1);
    this.bodies.set(sha1, body);
    return body;
  }

  clear(): void {
    this.bodies.clear();
    this.memoryBytes = 0;
  }

  shed(): void {
    this.clear();
  }

  describe(): Readonly<Record<string, unknown>> {
    return { scripts: this.bodies.size };
  }

  private shrink(): void {
    for (const [sha1, body] of this.bodies) {
      if (this.memoryBytes <= this.limitBytes) return;
      this.bodies.delete(sha1);
      this.memoryBytes -= body.length + SCRIPT_BYTES;
    }
  }
}
