/** The largest that was seen of something. */
export interface LargeItem {
  readonly item: string;
  readonly size: number;
  readonly command: string;
}

/**
 * The items of the largest sizes, each once with its largest. Whoever has one not above `least` need not come: so the usual
 * case costs a comparison.
 */
export class Largest {
  /** What is not above it has no place here. */
  least: number;
  private readonly capacity: number;
  private readonly floor: number;
  private readonly bySize = new Map<string, LargeItem>();

  /** `floor`: of that size it need not be told. */
  constructor(capacity: number, floor: number) {
    this.capacity = capacity;
    this.floor = floor;
    this.least = floor;
  }

  add(item: string, size: number, command: string): void {
    const known = this.bySize.get(item);
    if (size <= this.least || (known !== undefined && known.size >= size)) return;
    this.bySize.set(item, { item, size, command });
    if (this.bySize.size > this.capacity) this.bySize.delete(this.list().at(-1)!.item);
    if (this.bySize.size === this.capacity) this.least = this.list().at(-1)!.size;
  }

  /** The largest first. */
  list(): LargeItem[] {
    return [...this.bySize.values()].sort((a, b) => b.size - a.size || (a.item < b.item ? -1 : 1));
  }

  clear(): void {
    this.bySize.clear();
    this.least = this.floor;
  }
}
