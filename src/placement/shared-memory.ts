import { giveBack, type Memory } from '../memory/uncounted-memory.ts';

/** Something with memory of its own that several may use. It goes back when the last of them lets go, not when it is collected. */
export abstract class SharedMemory {
  private users = 1;

  /** Throws an Error when nobody uses it any more. */
  retain(): this {
    if (this.users <= 0) throw new Error('a ring was retained that was released');
    this.users++;
    return this;
  }

  /** Throws an Error when it was released as often as it was made and retained: what it reads may be another's by now. */
  release(): void {
    if (--this.users > 0) return;
    if (this.users < 0) throw new Error('a ring was released once too often');
    const memory = this.memory();
    if (memory !== null) giveBack(memory);
  }

  /** Null: it has none that is worth the trouble. */
  protected abstract memory(): Memory | null;
}
