/**
 * A first-in-first-out queue on a circular array whose size is a power of two.
 *
 *      head            tail
 *        ▼               ▼
 *   [ .  a  b  c  d  e   .  . ]      push at tail, shift at head, both modulo the size
 *
 * It starts without an array, so an idle connection pays nothing for it, and doubles when full. Taken slots are
 * cleared so that a settled request is not kept alive by the queue it went through.
 */
export class Fifo<T> {
  private slots: (T | undefined)[] = [];
  private mask = -1;
  private head = 0;
  length = 0;

  push(item: T): void {
    if (this.length > this.mask) this.grow();
    this.slots[(this.head + this.length) & this.mask] = item;
    this.length++;
  }

  /** The oldest item, or undefined when the queue is empty. */
  peek(): T | undefined {
    return this.length === 0 ? undefined : this.slots[this.head];
  }

  /** Item `index` counted from the oldest; `index` must be below `length`. */
  at(index: number): T {
    return this.slots[(this.head + index) & this.mask] as T;
  }

  /** Removes and returns the oldest item, or undefined when the queue is empty. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.slots[this.head];
    this.slots[this.head] = undefined;
    this.head = (this.head + 1) & this.mask;
    this.length--;
    return item;
  }

  private grow(): void {
    const size = this.slots.length === 0 ? 4 : this.slots.length * 2;
    const slots = new Array<T | undefined>(size).fill(undefined);
    for (let i = 0; i < this.length; i++) slots[i] = this.at(i);
    this.slots = slots;
    this.mask = size - 1;
    this.head = 0;
  }
}
