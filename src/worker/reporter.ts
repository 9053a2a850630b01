import type { Series } from '../figures/series.ts';
import type { ProcessSnapshot } from '../figures/statistics.ts';
import type { ToMaster } from '../ipc/messages.ts';
import { ReportWriter } from '../ipc/report-writer.ts';

/** What a report is made of. */
export interface ReportSource {
  /** All its series, or those that may have changed since they were last asked for. */
  pass(isWhole: boolean): Pass;
  process(): ProcessSnapshot;
  /** `onSent`: the channel took it, or is gone. */
  send(message: ToMaster, onSent: () => void): void;
}

export interface Pass {
  readonly series: Iterable<Series>;
  /** What is not among them is gone. */
  readonly isWhole: boolean;
}

/** So many series are written without a break: some hundred microseconds when all of them are busy. */
const PART_SERIES = 32;
const PART_BYTES = 16 * 1024;

/**
 * Reports a worker's figures, in parts: between two of them the sockets are served, so that a thousand servers don't stop
 * the data path.
 *
 *   asked ─▶ part ─ setImmediate ─▶ part ─ … ─▶ last part, with the figures of the process ─▶ asked meanwhile? again
 *
 * While the master has not taken what was sent, nothing more is: figures only grow meanwhile, the queue does not.
 */
export class Reporter {
  private readonly source: ReportSource;
  private readonly writer = new ReportWriter();
  /** Who waits for a report that has not begun; null: nobody, it is the time for one. */
  private asked: (number | null)[] = [];
  private answering: readonly (number | null)[] = [];
  private rest: Iterator<Series> | null = null;
  private isWhole = false;
  private unsent = 0;
  private readonly continue = (): void => this.part();
  private readonly sent = (): void => {
    this.unsent--;
    this.begin();
  };

  constructor(source: ReportSource) {
    this.source = source;
  }

  /** Begins a report, or another one when the one under way is done. `id`: of the question; null: of our own accord. */
  report(id: number | null): void {
    if (id !== null || this.asked.length === 0) this.asked.push(id);
    this.begin();
  }

  /** Reports all there is, at once. */
  finish(): void {
    this.answering = [...this.answering, ...this.asked, null];
    this.asked = [];
    this.rest = null;
    this.writer.begin();
    for (const series of this.source.pass(true).series) this.writer.add(series);
    this.isWhole = true;
    this.end();
  }

  private begin(): void {
    if (this.rest !== null || this.unsent > 0 || this.asked.length === 0) return;
    this.answering = this.asked;
    this.asked = [];
    const { series, isWhole } = this.source.pass(false);
    this.rest = series[Symbol.iterator]();
    this.isWhole = isWhole;
    this.writer.begin();
    this.part();
  }

  private part(): void {
    const { rest, writer } = this;
    if (rest === null) return;
    for (let i = 0; i < PART_SERIES; i++) {
      const next = rest.next();
      if (next.done) {
        this.rest = null;
        this.end();
        return;
      }
      writer.add(next.value);
    }
    if (writer.length >= PART_BYTES) this.send(null, null);
    setImmediate(this.continue);
  }

  private end(): void {
    const { answering } = this;
    this.answering = [];
    if (this.isWhole) this.writer.end();
    const process = this.source.process();
    for (const id of answering) this.send(id, process);
  }

  private send(id: number | null, process: ProcessSnapshot | null): void {
    this.unsent++;
    const figures = this.writer.take().toString('base64');
    this.source.send({ type: 'report', id, process, figures }, this.sent);
  }
}
