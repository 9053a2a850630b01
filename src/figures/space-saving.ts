/** What a sketch knows of one item. */
export interface HeavyItem {
  readonly item: string;
  /** At most so much, and `error` less at least. */
  readonly count: number;
  readonly error: number;
}

/**
 * The heaviest items of a stream, in memory that does not grow: the space-saving algorithm of Metwally, Agrawal and El Abbadi
 * ("Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005). With `capacity` counters and a total
 * weight of n no count is off by more than n / capacity, and every item heavier than that is among them.
 *
 * Where there is no counter left the least one is taken over, and found by looking at all: only samples come here.
 */
export class SpaceSaving {
  private readonly items: string[] = [];
  private readonly places = new Map<string, number>();
  private readonly counts: number[] = [];
  private readonly errors: number[] = [];
  private readonly capacity: number;
  /** The weight of all that was added. */
  total = 0;
  /** The largest count. */
  largest = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** No count is off by more than this. */
  get maxError(): number {
    return this.items.length < this.capacity ? 0 : this.total / this.capacity;
  }

  /** `error`: by so much `weight` may be too large already, where sketches are added up. */
  add(item: string, weight: number, error = 0): void {
    const { items, places, counts, errors } = this;
    this.total += weight;
    let place = places.get(item);
    if (place === undefined && items.length < this.capacity) {
      place = items.length;
      items.push(item);
      counts.push(0);
      errors.push(0);
      places.set(item, place);
    } else if (place === undefined) {
      place = this.least();
      places.delete(items[place]!);
      items[place] = item;
      places.set(item, place);
      errors[place] = counts[place]!;
    }
    counts[place]! += weight;
    errors[place]! += error;
    if (counts[place]! > this.largest) this.largest = counts[place]!;
  }

  /** The heaviest first. */
  heaviest(count: number): HeavyItem[] {
    return this.items
      .map((item, place) => ({ item, count: this.counts[place]!, error: this.errors[place]! }))
      .sort((a, b) => b.count - a.count || (a.item < b.item ? -1 : 1))
      .slice(0, count);
  }

  clear(): void {
    this.items.length = 0;
    this.places.clear();
    this.counts.length = 0;
    this.errors.length = 0;
    this.total = 0;
    this.largest = 0;
  }

  private least(): number {
    const { counts } = this;
    let least = 0;
    for (let place = 1; place < counts.length; place++) if (counts[place]! < counts[least]!) least = place;
    return least;
  }
}
