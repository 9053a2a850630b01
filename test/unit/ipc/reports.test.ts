import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ByteReader, ByteWriter, FormatError } from '../../../src/figures/bytes.ts';
import { Histogram } from '../../../src/figures/histogram.ts';
import { addPacked } from '../../../src/figures/packed-histogram.ts';
import { CommandSeries, PoolSeries, SERIES_SHAPES, type Series, ServerSeries } from '../../../src/figures/series.ts';
import { BackendStats, PoolStats } from '../../../src/figures/statistics.ts';
import { REPORT_FORMAT } from '../../../src/ipc/report-format.ts';
import { ReportReader, type ReportSink, type SeriesName } from '../../../src/ipc/report-reader.ts';
import { ReportWriter } from '../../../src/ipc/report-writer.ts';

/** Writes down what it is told, as text. */
class Told implements ReportSink {
  private readonly lines: string[] = [];

  onNumber({ kind, pool, name }: SeriesName, field: number, value: number): void {
    this.lines.push(`${kind} ${pool}/${name} ${SERIES_SHAPES[kind].numbers[field]!.field} ${value}`);
  }

  onTimes({ kind, pool, name }: SeriesName, which: number, packed: Buffer): void {
    const histogram = new Histogram();
    addPacked(new ByteReader(packed), histogram);
    this.lines.push(`${kind} ${pool}/${name} ${SERIES_SHAPES[kind].times[which]} ${histogram.count}×`);
  }

  onGone({ kind, pool, name }: SeriesName): void {
    this.lines.push(`${kind} ${pool}/${name} gone`);
  }

  take(): string[] {
    return this.lines.splice(0);
  }
}

/** Both ends of a worker's reports. */
class Reports {
  private readonly writer = new ReportWriter();
  private readonly reader = new ReportReader();
  private readonly told = new Told();

  bytes(series: readonly Series[]): Buffer {
    this.writer.begin();
    for (const one of series) this.writer.add(one);
    this.writer.end();
    return Buffer.from(this.writer.take());
  }

  report(...series: Series[]): string[] {
    this.reader.read(this.bytes(series), this.told);
    return this.told.take();
  }
}

describe('a report', () => {
  test('has what changed, and nothing else', () => {
    const reports = new Reports();
    const stats = new PoolStats();
    const server = new BackendStats();
    const both = () => [new PoolSeries('p', stats), new ServerSeries('p', 's', server, [])];
    assert.deepEqual(reports.report(...both()), []);
    stats.requests = 2 ** 40;
    stats.clientConnections = 3;
    server.failures.timed_out = 2;
    assert.deepEqual(reports.report(...both()), [
      'pool p/p clientConnections 3',
      `pool p/p requests ${2 ** 40}`,
      'server p/s failures.timed_out 2',
    ]);
    assert.deepEqual(reports.report(...both()), []);
    assert.ok(reports.bytes(both()).length <= 8, 'of idle servers there is nothing to say');
  });

  test('gives what counters grew by, gauges and timestamps as they are', () => {
    const reports = new Reports();
    const server = new BackendStats();
    const now = (figures: Partial<BackendStats>) =>
      reports.report(new ServerSeries('p', 's', Object.assign(server, figures), []));
    now({ responses: 10, inQueue: 5, serverEjectedAtUs: 2000 });
    assert.deepEqual(now({ responses: 15, inQueue: 4, serverEjectedAtUs: 3000 }), [
      'server p/s serverEjectedAtUs 3000',
      'server p/s responses 5',
      'server p/s inQueue 4',
    ]);
    assert.deepEqual(now({ responses: 4, inQueue: 0 }), ['server p/s responses 4', 'server p/s inQueue 0']);
  });

  test('has durations since the one before it', () => {
    const reports = new Reports();
    const [total, get] = [new Histogram(), new Histogram()];
    const both = () => [new CommandSeries('p', 'set', total), new CommandSeries('p', 'get', get)];
    total.record(5);
    total.record(6);
    assert.deepEqual(reports.report(...both()), ['command p/set total 2×']);
    total.record(7);
    get.record(7);
    assert.deepEqual(reports.report(...both()), ['command p/set total 1×', 'command p/get total 1×']);
    assert.deepEqual(reports.report(...both()), []);
  });

  test('says what is gone, and a pool under another name is another', () => {
    const reports = new Reports();
    const stats = new PoolStats();
    stats.requests = 5;
    reports.report(new PoolSeries('p', stats), new ServerSeries('p', 's', new BackendStats(), []));
    assert.deepEqual(reports.report(new PoolSeries('q', stats)), [
      'pool p/p gone',
      'pool q/q requests 5',
      'server p/s gone',
    ]);
  });

  test('can be taken in parts, each of which can be read when it comes', () => {
    const writer = new ReportWriter();
    const reader = new ReportReader();
    const told = new Told();
    writer.begin();
    for (const name of ['a', 'b', 'c']) {
      writer.add(new ServerSeries('p', name, Object.assign(new BackendStats(), { requests: 1 }), []));
      reader.read(writer.take(), told);
      assert.deepEqual(told.take(), [`server p/${name} requests 1`]);
    }
    writer.end();
    reader.read(writer.take(), told);
    assert.deepEqual(told.take(), []);
  });
});

test('what is no report is refused, wherever it ends and whatever it says', () => {
  const times = new Histogram();
  times.record(500);
  const stats = Object.assign(new PoolStats(), { requests: 300, clientConnections: 2 });
  const bytes = new Reports().bytes([new PoolSeries('p', stats), new CommandSeries('p', 'get', times)]);
  const refused = (report: Buffer) => assert.throws(() => new ReportReader().read(report, new Told()), FormatError);
  // Where one record ends and the next begins it is a report, of less.
  let whole = 0;
  for (let end = 0; end < bytes.length; end++) {
    try {
      new ReportReader().read(bytes.subarray(0, end), new Told());
      whole++;
    } catch (error) {
      assert.ok(error instanceof FormatError, `at ${end}: ${error}`);
    }
  }
  assert.equal(whole, 4);
  const made = (...numbers: number[]) => {
    const out = new ByteWriter();
    out.varint(REPORT_FORMAT);
    for (const number of numbers) out.byte(number);
    return out.bytes();
  };
  refused(Buffer.from([7]));
  refused(made(9, 1));
  refused(made(1, 1, 9, 1, 65, 1, 65));
  refused(made(2, 1, 0));
  refused(made(1, 1, 0, 1, 65, 1, 65, 2, 1, 1, 200, 1));
  refused(made(1, 1, 0, 1, 65, 1, 65, 3, 1, 1, 3, 0, 0, 0));
});
