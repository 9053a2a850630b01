import { ByteReader, FormatError } from '../figures/bytes.ts';
import { SERIES_KINDS, SERIES_SHAPES, type SeriesKind } from '../figures/series.ts';
import { RECORD_GONE, RECORD_NUMBERS, RECORD_SERIES, RECORD_TIMES, REPORT_FORMAT } from './report-format.ts';

/** Who is told what a report has. The series is named, because the master's pools may be others by now. */
export interface ReportSink {
  /** `field`: index in the shape. For a counter `value` is what it grew by. */
  onNumber(series: SeriesName, field: number, value: number): void;
  /** `which`: index in the shape. `packed` is a packed histogram, in memory that is not used again. */
  onTimes(series: SeriesName, which: number, packed: Buffer): void;
  onGone(series: SeriesName): void;
}

export interface SeriesName {
  readonly kind: SeriesKind;
  readonly pool: string;
  readonly name: string;
}

/** The master's end of one worker's reports. */
export class ReportReader {
  private readonly series = new Map<number, SeriesName>();

  /** Throws a FormatError when `report` is none; then what was read of it counts, and no other can be read. */
  read(report: Buffer, sink: ReportSink): void {
    const from = new ByteReader(report);
    if (from.varint() !== REPORT_FORMAT) throw new FormatError('a report of another version');
    while (!from.isAtEnd) this.record(from, sink);
  }

  /** All series that it reports on. */
  known(): Iterable<SeriesName> {
    return this.series.values();
  }

  private record(from: ByteReader, sink: ReportSink): void {
    const type = from.byte();
    const id = from.varint();
    if (type === RECORD_SERIES) {
      const kind = SERIES_KINDS[from.byte()];
      if (kind === undefined) throw new FormatError('a series of an unknown kind');
      this.series.set(id, { kind, pool: from.text(), name: from.text() });
      return;
    }
    const series = this.series.get(id);
    if (series === undefined) throw new FormatError(`series ${id} is not known`);
    const shape = SERIES_SHAPES[series.kind];
    if (type === RECORD_NUMBERS) {
      for (let left = from.varint(); left > 0; left--) {
        const field = from.byte();
        if (field >= shape.numbers.length) throw new FormatError(`a ${series.kind} has no number ${field}`);
        sink.onNumber(series, field, from.varint());
      }
    } else if (type === RECORD_TIMES) {
      const which = from.byte();
      if (which >= shape.times.length) throw new FormatError(`a ${series.kind} has no times ${which}`);
      sink.onTimes(series, which, from.run());
    } else if (type === RECORD_GONE) {
      this.series.delete(id);
      sink.onGone(series);
    } else throw new FormatError(`a record of unknown type ${type}`);
  }
}
