import type { MetricDefinition, Sample } from './metric-definition.ts';
import type { CertificateRow, MetricsOptions } from './metrics-options.ts';
import { RESHARD_METRICS } from './reshard-metrics.ts';
import { TOPOLOGY_METRICS } from './topology-metrics.ts';
import type { WorkerFigures } from './totals.ts';
import { WORKER_METRICS } from './worker-metrics.ts';

/** What is no pool's, no user's and no series over time. `workerRows`: of the scrape that runs. */
export function processMetrics(
  options: MetricsOptions,
  workerRows: () => readonly WorkerFigures[],
): MetricDefinition[] {
  const { version, workers, logLines, events, steered, reshard, topologies, certificates, audited } = options;
  return [
    {
      name: 'ringmaster_build_info',
      kind: 'gauge',
      help: 'always 1; the labels say what runs',
      labels: ['version', 'node_version'],
      samples: () => [{ labels: { version, node_version: process.version }, value: 1 }],
    },
    {
      name: 'ringmaster_workers',
      kind: 'gauge',
      help: 'worker slots: those whose worker serves, those that wait because their workers keep dying, and all',
      labels: ['state'],
      samples: () => {
        const { running, backingOff, wanted } = workers();
        return [
          { labels: { state: 'backing_off' }, value: backingOff },
          { labels: { state: 'running' }, value: running },
          { labels: { state: 'wanted' }, value: wanted },
        ];
      },
    },
    {
      name: 'ringmaster_worker_restarts_total',
      kind: 'counter',
      help: 'workers started in place of one that died',
      labels: [],
      samples: () => [{ labels: {}, value: workers().restarts }],
    },
    {
      name: 'ringmaster_worker_hangs_total',
      kind: 'counter',
      help: 'workers killed because they did not report for worker_timeout; each is among the restarts',
      labels: [],
      samples: () => [{ labels: {}, value: workers().hangs }],
    },
    {
      name: 'ringmaster_log_lines_dropped_total',
      kind: 'counter',
      help: 'lines of the log of the master that nobody took',
      labels: [],
      samples: () => [{ labels: {}, value: logLines().dropped }],
    },
    {
      name: 'ringmaster_log_lines_held_back_total',
      kind: 'counter',
      help: 'lines of the log of the master that only repeated others',
      labels: [],
      samples: () => [{ labels: {}, value: logLines().heldBack }],
    },
    {
      name: 'ringmaster_audit_lines_total',
      kind: 'counter',
      help: 'lines of the audit log',
      labels: [],
      samples: () => [{ labels: {}, value: audited().written }],
    },
    {
      name: 'ringmaster_audit_lines_dropped_total',
      kind: 'counter',
      help: 'lines of the audit log that were lost: more than could wait, or a file that takes none',
      labels: [],
      samples: () => [{ labels: {}, value: audited().dropped }],
    },
    {
      name: 'ringmaster_events_total',
      kind: 'counter',
      help: 'what has happened, such as setting_changed, by the names of docs/api.md',
      labels: ['event'],
      samples: () => [...events()].map(([event, { count }]) => ({ labels: { event }, value: count })),
    },
    {
      name: 'ringmaster_event_last_timestamp_seconds',
      kind: 'gauge',
      help: 'when it happened last, in seconds since 1970',
      labels: ['event'],
      samples: () => [...events()].map(([event, { lastAtMs }]) => ({ labels: { event }, value: lastAtMs / 1000 })),
    },
    {
      name: 'ringmaster_settings_set',
      kind: 'gauge',
      help: 'settings that were set since the file was read',
      labels: [],
      samples: () => [{ labels: {}, value: steered().settings }],
    },
    {
      name: 'ringmaster_blocks',
      kind: 'gauge',
      help: 'keys, prefixes, commands and clients that operators have blocked',
      labels: [],
      samples: () => [{ labels: {}, value: steered().blocks }],
    },
    {
      name: 'ringmaster_certificate_not_after_seconds',
      kind: 'gauge',
      help: 'when a certificate that is shown to clients, servers or Sentinels, or one of its chain, expires, in seconds since 1970',
      labels: ['pool', 'side', 'file'],
      samples: () =>
        certificates().map(({ notAfterMs, ...labels }) => ({ labels: labelsOf(labels), value: notAfterMs / 1000 })),
    },
    ...RESHARD_METRICS.map(({ samples, ...metric }) => ({ ...metric, samples: () => samples(reshard()) })),
    ...TOPOLOGY_METRICS.map(({ value, ...metric }) => ({
      ...metric,
      labels: ['pool'],
      samples: () => topologies().flatMap(row => sampleOf(row.pool, value(row))),
    })),
    ...WORKER_METRICS.map(({ value, ...metric }) => ({
      ...metric,
      labels: ['worker'],
      samples: () => workerRows().map(worker => ({ labels: { worker: String(worker.slot) }, value: value(worker) })),
    })),
  ];
}

function labelsOf({ pool, side, file }: Omit<CertificateRow, 'notAfterMs'>): Record<string, string> {
  return { pool, side, file };
}

function sampleOf(pool: string, value: number | null): Sample[] {
  return value === null ? [] : [{ labels: { pool }, value }];
}
