import { LATENCY_WINDOWS } from '../figures/latency-windows.ts';
import type { Slices } from '../system/slices.ts';
import { type MetricsText, US_PER_SECOND } from './metrics-text.ts';
import type { PoolLatencies } from './totals.ts';

const POOL_QUANTILES = [0.5, 0.9, 0.95, 0.98, 0.99, 0.999, 1];
const COMMAND_QUANTILES = [0.5, 0.99, 1];
const COMMAND_WINDOW_S = 60;

/** Durations in Prometheus' text format. prom-client's own histograms count what they are told; these are told the counts. */
export async function latencyMetrics(
  text: MetricsText,
  pools: readonly PoolLatencies[],
  nowS: number,
  slices: Slices,
): Promise<void> {
  text.family('ringmaster_pool_request_duration_seconds', 'histogram', 'from reading a request to writing its reply');
  for (const { name, total } of pools) if (total !== null) text.histogram({ pool: name }, total.total);

  text.family(
    'ringmaster_pool_latency_seconds',
    'gauge',
    'the same, as quantiles of the last 10 seconds, minute and 15 minutes; 1 is the exact maximum',
  );
  for (const { name, total } of pools) {
    for (const { name: window, seconds } of LATENCY_WINDOWS) {
      const recent = total?.window(seconds, nowS);
      if (recent === undefined || recent.isEmpty) continue;
      for (const quantile of POOL_QUANTILES) {
        text.sample(
          '',
          { pool: name, quantile: String(quantile), window },
          recent.quantileUs(quantile) / US_PER_SECOND,
        );
      }
    }
  }

  text.family(
    'ringmaster_pool_command_duration_seconds',
    'summary',
    'the same, by command; the quantiles are those of the last minute',
  );
  for (const { name, commands } of pools) {
    await slices.next();
    for (const { name: command, total } of commands) {
      const labels = { pool: name, command };
      const recent = total.window(COMMAND_WINDOW_S, nowS);
      for (const quantile of recent.isEmpty ? [] : COMMAND_QUANTILES) {
        text.sample('', { ...labels, quantile: String(quantile) }, recent.quantileUs(quantile) / US_PER_SECOND);
      }
      text.sumAndCount(labels, total.total);
    }
  }

  text.family(
    'ringmaster_server_request_duration_seconds',
    'histogram',
    'from sending a request, or a part of one, to the server to the last byte of its reply',
  );
  for (const { name, servers } of pools) {
    for (const { name: server, server: times } of servers) {
      if (times === null) continue;
      text.histogram({ pool: name, server }, times.total);
      await slices.next();
    }
  }

  text.family('ringmaster_server_queue_duration_seconds', 'summary', 'what requests waited before they were sent');
  for (const { name, servers } of pools) {
    await slices.next();
    for (const { name: server, queue } of servers) {
      if (queue !== null) text.sumAndCount({ pool: name, server }, queue.total);
    }
  }
}
