/**
 * What a client asked for by one binary get or a run of them, in its order, packed into one piece of memory:
 *
 *   opcode 1 · is quiet 1 · returns key 1 · key bytes 1 · opaque 4 · key
 */
export class AskedGets {
  private memory: Buffer;
  private used = 0;

  constructor(capacityBytes: number) {
    this.memory = Buffer.allocUnsafe(capacityBytes);
  }

  /** `ENTRY_BYTES` and the key's are needed for it. */
  add(
    opcode: number,
    isQuiet: boolean,
    returnsKey: boolean,
    opaque: number,
    buf: Buffer,
    start: number,
    end: number,
  ): void {
    const at = this.used;
    const { memory } = this;
    memory[at] = opcode;
    memory[at + 1] = isQuiet ? 1 : 0;
    memory[at + 2] = returnsKey ? 1 : 0;
    memory[at + 3] = end - start;
    memory.writeUInt32BE(opaque, at + 4);
    this.used = at + ENTRY_BYTES + buf.copy(memory, at + ENTRY_BYTES, start, end);
  }

  /** Where the first entry is; `next` has those after it, up to `end`. */
  get first(): number {
    return 0;
  }

  get end(): number {
    return this.used;
  }

  get bytes(): Buffer {
    return this.memory;
  }

  next(entry: number): number {
    return entry + ENTRY_BYTES + this.memory[entry + 3]!;
  }

  opcode(entry: number): number {
    return this.memory[entry]!;
  }

  isQuiet(entry: number): boolean {
    return this.memory[entry + 1] === 1;
  }

  returnsKey(entry: number): boolean {
    return this.memory[entry + 2] === 1;
  }

  opaque(entry: number): number {
    return this.memory.readUInt32BE(entry + 4);
  }

  keyStart(entry: number): number {
    return entry + ENTRY_BYTES;
  }

  keyEnd(entry: number): number {
    return this.next(entry);
  }

  /** The key of `entry` is `buf[start, end)`. */
  hasKey(entry: number, buf: Buffer, start: number, end: number): boolean {
    const { memory } = this;
    if (memory[entry + 3] !== end - start) return false;
    const keyStart = entry + ENTRY_BYTES;
    for (let i = 0; i < end - start; i++) if (memory[keyStart + i] !== buf[start + i]) return false;
    return true;
  }
}

export const ENTRY_BYTES = 8;
