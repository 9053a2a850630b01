import { BACKEND_FIELDS } from '../figures/backend-fields.ts';
import { POOL_FIELDS } from '../figures/pool-fields.ts';
import type { StatKind } from '../figures/statistics.ts';
import { FAILURE_REASONS } from '../request/failure.ts';
import type { Slices } from '../system/slices.ts';
import { labelText, type MetricsText } from './metrics-text.ts';
import type { PoolNumbers } from './totals.ts';

/** What the health checks of one server have come to. */
export interface HealthFigures {
  readonly pool: string;
  readonly server: string;
  readonly isDown: boolean;
  readonly probes: number;
  /** Probes that failed. */
  readonly failures: number;
  /** Verdicts that it is down. */
  readonly downs: number;
}

const HEALTH_METRICS: readonly {
  readonly name: string;
  readonly kind: StatKind;
  readonly help: string;
  value(figures: HealthFigures): number;
}[] = [
  {
    name: 'ringmaster_server_down',
    kind: 'gauge',
    help: '1 while health checks find the server down, else 0; only of pools with health_check, as the next three',
    value: figures => (figures.isDown ? 1 : 0),
  },
  {
    name: 'ringmaster_server_downs_total',
    kind: 'counter',
    help: 'times health checks found the server down',
    value: figures => figures.downs,
  },
  {
    name: 'ringmaster_server_health_checks_total',
    kind: 'counter',
    help: 'health checks of the server',
    value: figures => figures.probes,
  },
  {
    name: 'ringmaster_server_health_check_failures_total',
    kind: 'counter',
    help: 'health checks of the server that failed; the log has the reason',
    value: figures => figures.failures,
  },
];

const typeOf = (kind: StatKind) => (kind === 'counter' ? 'counter' : 'gauge');

/** What is counted of pools and servers: written as it is read, since of thousands of servers this is nearly all there is. */
export async function poolMetrics(
  text: MetricsText,
  pools: readonly PoolNumbers[],
  health: readonly HealthFigures[],
  slices: Slices,
): Promise<void> {
  for (const [field, { metric, kind, help }] of POOL_FIELDS.entries()) {
    text.family(metric, typeOf(kind), help);
    for (const { name, numbers } of pools) text.value(labelText({ pool: name }), numbers[field]!);
    await slices.next();
  }
  const servers = pools.map(({ name: pool, servers }) =>
    servers.map(({ name: server, numbers }) => ({ labels: labelText({ pool, server }), numbers })),
  );
  for (const [field, { metric, kind, help }] of BACKEND_FIELDS.entries()) {
    text.family(metric, typeOf(kind), help);
    for (const ofPool of servers) {
      for (const { labels, numbers } of ofPool) text.value(labels, numbers[field]!);
      await slices.next();
    }
  }
  for (const { name, kind, help, value } of HEALTH_METRICS) {
    text.family(name, typeOf(kind), help);
    for (const figures of health) {
      text.sample('', { pool: figures.pool, server: figures.server }, value(figures));
      await slices.next();
    }
  }
  text.family('ringmaster_server_failures_total', 'counter', 'requests that the server did not answer, by reason');
  const reasons = FAILURE_REASONS.map(reason => `,${labelText({ reason })}`);
  for (const ofPool of servers) {
    for (const { labels, numbers } of ofPool) {
      for (const [i, reason] of reasons.entries()) text.value(labels + reason, numbers[BACKEND_FIELDS.length + i]!);
    }
    await slices.next();
  }
}
