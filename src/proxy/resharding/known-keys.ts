/** What a key takes beside its bytes. */
const KEY_BYTES = 80;
/** Longer ones are not remembered. */
const KEY_MAX_BYTES = 1024;

/**
 * Keys that are known to be where they should be, in two generations: when the younger has half of the room, the older is
 * forgotten, but for those that were asked for since.
 */
export class KnownKeys {
  private young = new Set<string>();
  private old = new Set<string>();
  private youngBytes = 0;
  private oldBytes = 0;
  private readonly limitBytes: number;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get size(): number {
    return this.young.size + this.old.size;
  }

  get memoryBytes(): number {
    return this.youngBytes + this.oldBytes;
  }

  has(key: string): boolean {
    if (this.young.has(key)) return true;
    if (!this.old.has(key)) return false;
    this.add(key);
    return true;
  }

  add(key: string): void {
    if (key.length > KEY_MAX_BYTES || this.young.has(key)) return;
    const bytes = KEY_BYTES + key.length;
    if (this.youngBytes + bytes > this.limitBytes / 2) {
      this.old = this.young;
      this.oldBytes = this.youngBytes;
      this.young = new Set();
      this.youngBytes = 0;
    }
    if (bytes > this.limitBytes / 2) return;
    this.young.add(key);
    this.youngBytes += bytes;
  }

  clear(): void {
    this.young.clear();
    this.old.clear();
    this.youngBytes = 0;
    this.oldBytes = 0;
  }
}
