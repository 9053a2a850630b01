import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Totals } from '../../../src/admin/totals.ts';
import { Histogram } from '../../../src/figures/histogram.ts';
import { ServerSeries } from '../../../src/figures/series.ts';
import { BackendStats } from '../../../src/figures/statistics.ts';
import type { ToMaster } from '../../../src/ipc/messages.ts';
import { Reporter } from '../../../src/worker/reporter.ts';
import { waitFor } from '../../support/wait-for.ts';
import { workerSnapshot } from '../../support/worker-figures.ts';

/** A reporter on so many servers, and the master's end; what it sends is taken only when `take` is called. */
class ReporterUnderTest {
  readonly names: string[];
  readonly stats = new Map<string, BackendStats>();
  readonly sent: { readonly message: Extract<ToMaster, { type: 'report' }>; readonly onSent: () => void }[] = [];
  readonly totals: Totals;
  readonly reporter: Reporter;

  constructor(servers: number) {
    this.names = Array.from({ length: servers }, (_, i) => `s${i}`);
    for (const name of this.names) this.stats.set(name, new BackendStats());
    this.totals = new Totals([{ name: 'p', servers: this.names.map(name => ({ name })) }]);
    this.reporter = new Reporter({
      pass: () => ({ series: this.series(), isWhole: true }),
      process: () => workerSnapshot(1, []).process,
      send: (message, onSent) => {
        assert.equal(message.type, 'report');
        this.sent.push({ message, onSent });
      },
    });
  }

  /** Serves requests, `count` by each server. */
  serve(count: number): void {
    for (const stats of this.stats.values()) stats.responses += count;
  }

  get isAnswered(): boolean {
    return this.sent.some(({ message }) => message.process !== null);
  }

  /** Takes in all that was sent; the ids of the answers among it. */
  take(): (number | null)[] {
    const ids: (number | null)[] = [];
    for (const { message, onSent } of this.sent.splice(0)) {
      this.totals.take(1, 0, Buffer.from(message.figures, 'base64'), message.process);
      if (message.process !== null) ids.push(message.id);
      onSent();
    }
    return ids;
  }

  /** Responses of each server, as the master has them. */
  responses(): number[] {
    return this.totals.pools()[0]!.backends.map(({ stats }) => stats.responses);
  }

  async untilAnswered(): Promise<(number | null)[]> {
    await waitFor(() => this.isAnswered, { what: 'the last part of a report' });
    return this.take();
  }

  private *series(): Generator<ServerSeries> {
    for (const name of this.names) {
      const times = new Histogram();
      times.record(5);
      yield new ServerSeries('p', name, this.stats.get(name)!, [times, null]);
    }
  }
}

test('a report of many servers comes in parts, and has all of them', async () => {
  const under = new ReporterUnderTest(5000);
  under.serve(3);
  under.reporter.report(7);
  assert.ok(!under.isAnswered, 'not in one go');
  await waitFor(() => under.isAnswered, { what: 'the last part of a report' });
  assert.ok(under.sent.length > 3, `${under.sent.length} parts`);
  assert.deepEqual(under.take(), [7]);
  assert.deepEqual(under.responses(), Array(5000).fill(3));
});

test('who asks while a report is under way gets one that began after the question', async () => {
  const under = new ReporterUnderTest(100);
  under.serve(1);
  under.reporter.report(1);
  under.serve(1);
  under.reporter.report(2);
  under.reporter.report(3);
  assert.deepEqual(await under.untilAnswered(), [1]);
  assert.deepEqual(await under.untilAnswered(), [2, 3]);
  assert.deepEqual(under.responses(), Array(100).fill(2));
});

test('while the master takes nothing, nothing more is sent, and nothing is lost', async () => {
  const under = new ReporterUnderTest(1);
  under.reporter.report(null);
  for (let i = 0; i < 100; i++) {
    under.serve(1);
    under.reporter.report(null);
  }
  assert.equal(under.sent.length, 1);
  under.take();
  assert.deepEqual(await under.untilAnswered(), [null]);
  assert.deepEqual(under.responses(), [100]);
});

test('at the end all is reported at once, also in the middle of a report', () => {
  const under = new ReporterUnderTest(1000);
  under.serve(2);
  under.reporter.report(5);
  under.serve(2);
  under.reporter.finish();
  assert.deepEqual(under.take(), [5, null]);
  assert.deepEqual(under.responses(), Array(1000).fill(4));
});
