import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latencyMetrics } from '../../../src/admin/latency-metrics.ts';
import { MetricsText } from '../../../src/admin/metrics-text.ts';
import { Totals } from '../../../src/admin/totals.ts';
import { Histogram } from '../../../src/figures/histogram.ts';
import { CommandSeries, ServerSeries } from '../../../src/figures/series.ts';
import { BackendStats } from '../../../src/figures/statistics.ts';
import { ReportWriter } from '../../../src/ipc/report-writer.ts';
import { Slices } from '../../../src/system/slices.ts';
import { parsePrometheusText } from '../../support/prometheus-text.ts';

const NOW_S = 1000;

function histogramOf(...durationsUs: number[]): Histogram {
  const histogram = new Histogram();
  for (const us of durationsUs) histogram.record(us);
  return histogram;
}

/** The metrics of one pool, whose figures come at `NOW_S`, at a later time. */
async function metricsAfter(seconds: number, ...series: (CommandSeries | ServerSeries)[]) {
  const totals = new Totals([{ name: 'a "b"', servers: [{ name: 's' }, { name: 'idle' }] }], () => NOW_S);
  const writer = new ReportWriter();
  writer.begin();
  for (const one of series) writer.add(one);
  totals.take(1, 0, Buffer.from(writer.take()), null);
  const text = new MetricsText();
  await latencyMetrics(text, totals.latencies(), NOW_S + seconds, new Slices());
  const metrics = parsePrometheusText(text.toString());
  return (name: string, labels: Readonly<Record<string, string>> = {}) =>
    metrics
      .get(name.replace(/_(bucket|sum|count)$/, ''))!
      .samples.filter(
        sample => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
      )
      .map(({ value }) => value);
}

const commands = () => [
  new CommandSeries('a "b"', 'get', histogramOf(40, 150, 150, 2500)),
  new CommandSeries('a "b"', 'set', histogramOf(90_000_000)),
];

test('a pool: cumulative buckets, sum and count of all its commands', async () => {
  const values = await metricsAfter(0, ...commands());
  const pool = { pool: 'a "b"' };
  const name = 'ringmaster_pool_request_duration_seconds';
  assert.deepEqual(
    ['0.00005', '0.0001', '0.0002', '0.002', '0.003', '5', '+Inf'].map(le => values(`${name}_bucket`, { ...pool, le })),
    [[1], [1], [3], [3], [4], [4], [5]],
  );
  assert.deepEqual(values(`${name}_count`, pool), [5]);
  assert.deepEqual(values(`${name}_sum`, pool), [90.00284]);
});

test('quantiles of a pool by window, as long as something is in it', async () => {
  const name = 'ringmaster_pool_latency_seconds';
  const values = await metricsAfter(0, ...commands());
  assert.equal(values(name).length, 21);
  assert.deepEqual(values(name, { window: '10s', quantile: '1' }), [90]);
  assert.ok(Math.abs(values(name, { window: '15m', quantile: '0.5' })[0]! - 0.00015) < 0.000003);
  const later = await metricsAfter(30, ...commands());
  assert.deepEqual(later(name, { window: '10s' }), []);
  assert.deepEqual(later(name, { window: '1m', quantile: '1' }), [90]);
  assert.deepEqual((await metricsAfter(1000, ...commands()))(name), []);
});

test('commands: quantiles of the last minute, sum and count since the start', async () => {
  const name = 'ringmaster_pool_command_duration_seconds';
  const get = { command: 'get' };
  const values = await metricsAfter(0, ...commands());
  assert.deepEqual(values(name, { ...get, quantile: '1' }), [0.0025]);
  assert.deepEqual(values(`${name}_count`, get), [4]);
  assert.deepEqual(values(`${name}_sum`, get), [0.00284]);
  const later = await metricsAfter(100, ...commands());
  assert.deepEqual(later(name), []);
  assert.deepEqual(later(`${name}_count`, get), [4]);
});

test('servers: buckets of their own time, sum and count of what requests waited for them; none of those never asked', async () => {
  const server = new ServerSeries('a "b"', 's', new BackendStats(), [histogramOf(400, 600), histogramOf(30, 20)]);
  const values = await metricsAfter(0, server);
  const name = 'ringmaster_server_request_duration_seconds';
  assert.deepEqual(values(`${name}_bucket`, { server: 's', le: '0.0005' }), [1]);
  assert.deepEqual(values(`${name}_count`), [2]);
  assert.deepEqual(values('ringmaster_server_queue_duration_seconds_sum'), [0.00005]);
  assert.deepEqual(values('ringmaster_server_queue_duration_seconds_count'), [2]);
});
