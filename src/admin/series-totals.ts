import { LatencyWindows } from '../figures/latency-windows.ts';
import { SERIES_SHAPES, type SeriesKind, type SeriesShape } from '../figures/series.ts';
import type { SeriesName } from '../ipc/report-reader.ts';

/**
 * The sum over all workers of one series.
 *
 *     counters    kept: what each report says they grew by
 *     gauges      the sum of what living workers said last
 *     timestamps  kept: the latest
 *     durations   kept: since the start, and in windows
 */
export class SeriesTotals {
  /** One of its numbers was something else than 0 once. */
  isTouched = false;
  private readonly shape: SeriesShape;
  private readonly kept: Float64Array;
  /** By the worker's own series, of which it may have several one after the other. */
  private readonly gauges = new Map<SeriesName, Float64Array>();
  private readonly windows: (LatencyWindows | null)[];

  constructor(kind: SeriesKind) {
    this.shape = SERIES_SHAPES[kind];
    this.kept = new Float64Array(this.shape.numbers.length);
    this.windows = this.shape.times.map(() => null);
  }

  /** `part`: the worker's own series. `isAlive`: that worker; the gauges of the dead do not count. */
  number(part: SeriesName, isAlive: boolean, field: number, value: number): void {
    const { kind } = this.shape.numbers[field]!;
    if (value !== 0) this.isTouched = true;
    if (kind === 'counter') this.kept[field]! += value;
    else if (kind === 'timestamp') this.kept[field] = Math.max(this.kept[field]!, value);
    else if (isAlive) this.gaugesOf(part)[field] = value;
  }

  /** `packed`: a packed histogram that is kept. Throws a FormatError. */
  addTimes(which: number, packed: Buffer, nowS: number): void {
    this.windows[which] ??= new LatencyWindows();
    this.windows[which].add(packed, nowS);
  }

  /** Its gauges count no more. */
  forget(part: SeriesName): void {
    this.gauges.delete(part);
  }

  gauge(part: SeriesName, field: number): number {
    return this.gauges.get(part)?.[field] ?? 0;
  }

  /** By the order of the shape. */
  numbers(): Float64Array {
    const total = this.kept.slice();
    for (const gauges of this.gauges.values())
      for (let field = 0; field < total.length; field++) total[field]! += gauges[field]!;
    return total;
  }

  /** One of them. */
  numberOf(field: number): number {
    let total = this.kept[field]!;
    for (const gauges of this.gauges.values()) total += gauges[field]!;
    return total;
  }

  /** By the order of the shape; null: nothing was timed yet. */
  get times(): readonly (LatencyWindows | null)[] {
    return this.windows;
  }

  private gaugesOf(part: SeriesName): Float64Array {
    let gauges = this.gauges.get(part);
    if (gauges === undefined) {
      gauges = new Float64Array(this.kept.length);
      this.gauges.set(part, gauges);
    }
    return gauges;
  }
}
