// What a worker's report of many servers costs: microseconds of the whole, and the longest stop when it is sent in parts.
// Run: node bench/micro/report.ts
import { Histogram } from '../../src/figures/histogram.ts';
import { ServerSeries } from '../../src/figures/series.ts';
import { BackendStats } from '../../src/figures/statistics.ts';
import { ReportWriter } from '../../src/ipc/report-writer.ts';
import { printTable } from './measure.ts';

const ROUNDS = 60;
/** As the worker does it; see worker/reporter.ts. */
const PART_SERIES = 32;

/** Microseconds of writing and encoding a report, of the longest part of it, and its bytes. */
function report(servers: number, requests: number): string[] {
  const writer = new ReportWriter();
  const series = Array.from(
    { length: servers },
    (_, i) =>
      new ServerSeries('pool', `10.0.${i >> 8}.${i & 255}:6379`, new BackendStats(), [
        new Histogram(),
        new Histogram(),
      ]),
  );
  let least = Number.POSITIVE_INFINITY;
  let leastPart = Number.POSITIVE_INFINITY;
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const { key, times } of series) {
      key.requests += requests;
      key.responses += requests;
      key.requestBytes += 40 * requests;
      key.responseBytes += 140 * requests;
      for (let i = 0; i < requests; i++) {
        times[0]!.record(Math.floor(300 * Math.exp(Math.random() * 2 - 0.5)));
        times[1]!.record(Math.floor(Math.random() * 100));
      }
    }
    const parts: number[] = [];
    bytes = 0;
    writer.begin();
    for (let from = 0; from < servers; from += PART_SERIES) {
      const startedAtMs = performance.now();
      for (const one of series.slice(from, from + PART_SERIES)) writer.add(one);
      bytes += JSON.stringify(writer.take().toString('base64')).length;
      parts.push((performance.now() - startedAtMs) * 1000);
    }
    writer.end();
    least = Math.min(
      least,
      parts.reduce((sum, us) => sum + us, 0),
    );
    leastPart = Math.min(leastPart, Math.max(...parts));
  }
  return [`${servers} servers, ${requests} requests each`, least.toFixed(0), leastPart.toFixed(0), String(bytes)];
}

const rows = [
  report(100, 0),
  report(100, 1000),
  report(1000, 0),
  report(1000, 10),
  report(1000, 100),
  report(1000, 1000),
];
printTable(['a report', 'µs in all', 'µs of its longest part', 'bytes'], rows);
