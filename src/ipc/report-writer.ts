import { ByteWriter } from '../figures/bytes.ts';
import { packHistogram } from '../figures/packed-histogram.ts';
import { SERIES_KINDS, SERIES_SHAPES, type Series } from '../figures/series.ts';
import { RECORD_GONE, RECORD_NUMBERS, RECORD_SERIES, RECORD_TIMES, REPORT_FORMAT } from './report-format.ts';

/** A series as far as it was reported. */
class ReportedSeries {
  readonly id: number;
  readonly pool: string;
  readonly name: string;
  readonly values: Float64Array;
  /** The pass it was last seen in. */
  pass = 0;

  constructor(id: number, { kind, pool, name }: Series) {
    this.id = id;
    this.pool = pool;
    this.name = name;
    this.values = new Float64Array(SERIES_SHAPES[kind].numbers.length);
  }
}

/** For each kind: which of its numbers are counters. */
const ARE_COUNTERS = new Map(
  SERIES_KINDS.map(kind => [kind, SERIES_SHAPES[kind].numbers.map(number => number.kind === 'counter')]),
);

/**
 * The worker's end of its reports. A report is a pass over its series: `begin`, those that may have changed to `add`, `end`;
 * what was written so far can be taken at any time in between, so that many series need not be written in one go.
 */
export class ReportWriter {
  private readonly out = new ByteWriter();
  private readonly packed = new ByteWriter();
  private readonly series = new Map<object, ReportedSeries>();
  private readonly now = new Float64Array(Math.max(...SERIES_KINDS.map(kind => SERIES_SHAPES[kind].numbers.length)));
  private pass = 0;
  private ids = 0;

  constructor() {
    this.out.varint(REPORT_FORMAT);
  }

  /** Bytes that `take` would give. */
  get length(): number {
    return this.out.length;
  }

  begin(): void {
    this.pass++;
  }

  /** Writes what changed of a series, and empties its histograms. */
  add(series: Series): void {
    let reported = this.series.get(series.key);
    // A pool may have another name since.
    if (reported !== undefined && (reported.name !== series.name || reported.pool !== series.pool)) {
      this.gone(series.key, reported);
      reported = undefined;
    }
    reported ??= this.define(series);
    reported.pass = this.pass;
    if (reported.values.length > 0) this.numbers(series, reported);
    for (const [which, times] of series.times.entries()) {
      if (times === null || times.isEmpty) continue;
      this.out.byte(RECORD_TIMES);
      this.out.varint(reported.id);
      this.out.byte(which);
      this.packed.clear();
      packHistogram(times, this.packed);
      this.out.run(this.packed.bytes(), 0, this.packed.length);
      times.clear();
    }
  }

  /** After a pass over all there are: those that were not added since `begin` are gone. */
  end(): void {
    for (const [key, reported] of this.series) if (reported.pass !== this.pass) this.gone(key, reported);
  }

  /** What was written since it was last asked, valid until the next `add`. */
  take(): Buffer {
    const bytes = this.out.bytes();
    this.out.clear();
    this.out.varint(REPORT_FORMAT);
    return bytes;
  }

  private define(series: Series): ReportedSeries {
    const reported = new ReportedSeries(++this.ids, series);
    this.series.set(series.key, reported);
    const { out } = this;
    out.byte(RECORD_SERIES);
    out.varint(reported.id);
    out.byte(SERIES_KINDS.indexOf(series.kind));
    out.text(series.pool);
    out.text(series.name);
    return reported;
  }

  private gone(key: object, { id }: ReportedSeries): void {
    this.series.delete(key);
    this.out.byte(RECORD_GONE);
    this.out.varint(id);
  }

  private numbers(series: Series, { id, values }: ReportedSeries): void {
    const { now, out } = this;
    series.numbersInto(now);
    let changed = 0;
    for (let field = 0; field < values.length; field++) if (now[field] !== values[field]) changed++;
    if (changed === 0) return;
    const areCounters = ARE_COUNTERS.get(series.kind)!;
    out.byte(RECORD_NUMBERS);
    out.varint(id);
    out.varint(changed);
    for (let field = 0; field < values.length; field++) {
      const value = now[field]!;
      const before = values[field]!;
      if (value === before) continue;
      values[field] = value;
      out.byte(field);
      // A counter below its last value has begun anew.
      out.varint(Math.max(0, areCounters[field] && value >= before ? value - before : value));
    }
  }
}
