import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { withMetricsReference } from '../../../scripts/metrics-reference.ts';
import { Metrics } from '../../../src/admin/metrics.ts';
import { Totals } from '../../../src/admin/totals.ts';
import { BACKEND_FIELDS } from '../../../src/figures/backend-fields.ts';
import { POOL_FIELDS } from '../../../src/figures/pool-fields.ts';
import { type BackendStats, newFailureCounts, type PoolStats } from '../../../src/figures/statistics.ts';
import { FAILURE_REASONS } from '../../../src/request/failure.ts';
import { type ParsedMetric, parsePrometheusText } from '../../support/prometheus-text.ts';
import { poolSnapshot, report, workerSnapshot } from '../../support/worker-figures.ts';

const POOLS = [{ name: 'sessions', servers: [{ name: 'a' }, { name: 'b' }] }];
const HEALTH = [{ pool: 'sessions', server: 'a', isDown: true, probes: 7, failures: 3, downs: 2 }];
const LOG_LINES = { dropped: 5, heldBack: 6 };
const TOPOLOGY = {
  ...{ pool: 'orders', kind: 'cluster' as const, why: 'start', refreshedAt: null, changedAt: null },
  ...{ refreshes: 9, failures: 2, failOvers: 1, unservedSlots: 5, nodes: [] },
} as const;
const WORKERS = { running: 1, wanted: 2, backingOff: 1, restarts: 3, hangs: 4 };

function metricsOf(totals: Totals): Metrics {
  return new Metrics({
    totals,
    version: '1.2.3',
    workers: () => WORKERS,
    health: () => HEALTH,
    logLines: () => LOG_LINES,
    events: () => new Map([['setting_changed', { count: 2, lastAtMs: 1_700_000_000_500 }]]),
    reshard: () => ({
      active: { pool: 'alpha', phase: 'both' },
      keysMoved: 1,
      bytesMoved: 2,
      keysExpected: 3,
      bytesExpected: 4,
      isStuck: true,
    }),
    topologies: () => [TOPOLOGY],
    audited: () => ({ written: 7, dropped: 2 }),
    certificates: () => [{ pool: 'alpha', side: 'clients', file: '/cert.pem', notAfterMs: 1_700_000_000_000 }],
    steered: () => ({ settings: 1, blocks: 3 }),
  });
}

async function scrape(totals: Totals): Promise<Map<string, ParsedMetric>> {
  return parsePrometheusText(await metricsOf(totals).render());
}

function samplesOf(metrics: Map<string, ParsedMetric>, name: string) {
  return metrics.get(name)?.samples.map(({ labels, value }) => ({ ...labels, value }));
}

test('every field of the tables is there, with its type, its help, its labels and its value', async () => {
  const totals = new Totals(POOLS);
  const pool: Partial<PoolStats> = {};
  const server: Partial<BackendStats> = {};
  for (const [i, { field }] of POOL_FIELDS.entries()) Object.assign(pool, { [field]: i + 1 });
  for (const [i, { field }] of BACKEND_FIELDS.entries()) Object.assign(server, { [field]: i + 100 });
  report(totals, 0, workerSnapshot(10, [poolSnapshot('sessions', pool, { b: server })]));

  const metrics = await scrape(totals);
  for (const [i, { metric, kind, help }] of POOL_FIELDS.entries()) {
    assert.equal(metrics.get(metric)?.type, kind === 'counter' ? 'counter' : 'gauge', metric);
    assert.equal(metrics.get(metric)?.help, help);
    assert.deepEqual(samplesOf(metrics, metric), [{ pool: 'sessions', value: i + 1 }]);
  }
  for (const [i, { metric, kind, help }] of BACKEND_FIELDS.entries()) {
    assert.equal(metrics.get(metric)?.type, kind === 'counter' ? 'counter' : 'gauge', metric);
    assert.equal(metrics.get(metric)?.help, help);
    assert.deepEqual(samplesOf(metrics, metric), [
      { pool: 'sessions', server: 'a', value: 0 },
      { pool: 'sessions', server: 'b', value: i + 100 },
    ]);
  }
});

test('failures have a series for each reason', async () => {
  const totals = new Totals([{ name: 'p', servers: [{ name: 's' }] }]);
  const failures = newFailureCounts();
  for (const [i, reason] of FAILURE_REASONS.entries()) failures[reason] = i;
  report(totals, 0, workerSnapshot(10, [poolSnapshot('p', {}, { s: { failures } })]));
  assert.deepEqual(
    samplesOf(await scrape(totals), 'ringmaster_server_failures_total'),
    FAILURE_REASONS.map((reason, value) => ({ pool: 'p', server: 's', reason, value })),
  );
});

test('health checks: one series for each server that has them', async () => {
  const metrics = await scrape(new Totals(POOLS));
  const values = { down: 1, downs_total: 2, health_checks_total: 7, health_check_failures_total: 3 };
  for (const [name, value] of Object.entries(values)) {
    assert.deepEqual(samplesOf(metrics, `ringmaster_server_${name}`), [{ pool: 'sessions', server: 'a', value }], name);
  }
});

describe('processes', () => {
  test('build, workers and restarts', async () => {
    const metrics = await scrape(new Totals(POOLS));
    const build = { version: '1.2.3', node_version: process.version, value: 1 };
    assert.deepEqual(samplesOf(metrics, 'ringmaster_build_info'), [build]);
    assert.deepEqual(samplesOf(metrics, 'ringmaster_workers'), [
      { state: 'backing_off', value: 1 },
      { state: 'running', value: 1 },
      { state: 'wanted', value: 2 },
    ]);
    assert.deepEqual(samplesOf(metrics, 'ringmaster_worker_restarts_total'), [{ value: 3 }]);
    assert.ok(metrics.has('process_cpu_seconds_total'), "the master's own");
  });

  test('each worker, in seconds and bytes, until it dies', async () => {
    const totals = new Totals(POOLS);
    report(totals, 0, workerSnapshot(10, [poolSnapshot('sessions', { clientConnections: 7 })], 1500));
    report(totals, 1, workerSnapshot(11, []));
    totals.retire(1);
    const metrics = await scrape(totals);
    const expected = {
      cpu_user_seconds_total: 10,
      cpu_system_seconds_total: 5,
      resident_memory_bytes: 10_000,
      heap_used_bytes: 1000,
      external_memory_bytes: 100,
      event_loop_utilization_ratio: 0.25,
      uptime_seconds: 1.5,
      client_connections: 7,
    };
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(samplesOf(metrics, `ringmaster_worker_${name}`), [{ worker: '0', value }], name);
    }
  });
});

test('every name of ours is in its namespace, and ends in _total exactly when it is a counter', async () => {
  for (const { name, type } of (await scrape(new Totals(POOLS))).values()) {
    if (/^(process|nodejs)_/.test(name)) continue;
    assert.match(name, /^ringmaster_[a-z_]+$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
  }
});

test('names with quotes, backslashes and line ends come through', async () => {
  const name = 'a "quoted" \\ name\nof {two="lines"}, é';
  const metrics = await scrape(new Totals([{ name, servers: [{ name }] }]));
  assert.deepEqual(samplesOf(metrics, 'ringmaster_server_requests_total'), [{ pool: name, server: name, value: 0 }]);
});

test('a scrape shows the state of its own moment, also while another one runs', async () => {
  const totals = new Totals(POOLS);
  const metrics = metricsOf(totals);
  const renders: Promise<string>[] = [];
  for (let requests = 0; requests < 3; requests++) {
    report(totals, 0, workerSnapshot(10, [poolSnapshot('sessions', { requests }, { a: { requests } })]));
    renders.push(metrics.render());
  }
  for (const [i, text] of (await Promise.all(renders)).entries()) {
    const parsed = parsePrometheusText(text);
    assert.equal(samplesOf(parsed, 'ringmaster_pool_requests_total')?.[0]?.value, i);
    assert.equal(samplesOf(parsed, 'ringmaster_server_requests_total')?.[0]?.value, i);
  }
});

test('a server that leaves the config leaves the output', async () => {
  const totals = new Totals(POOLS);
  const metrics = metricsOf(totals);
  await metrics.render();
  totals.setPools([{ name: 'sessions', servers: [{ name: 'b' }] }]);
  const parsed = parsePrometheusText(await metrics.render());
  assert.deepEqual(samplesOf(parsed, 'ringmaster_server_requests_total'), [
    { pool: 'sessions', server: 'b', value: 0 },
  ]);
});

test('docs/metrics.md lists exactly what /metrics gives', async () => {
  const document = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
  assert.equal(document, await withMetricsReference(document), 'run: node scripts/metrics-reference.ts');
});

test('of very many servers only those are listed that were asked something', async () => {
  const servers = Array.from({ length: 10_001 }, (_, i) => ({ name: `s${i}` }));
  const totals = new Totals([{ name: 'sessions', servers }]);
  report(totals, 0, workerSnapshot(10, [poolSnapshot('sessions', { requests: 3 }, { s7: { requests: 3 }, s8: {} })]));
  const metrics = await scrape(totals);
  assert.deepEqual(samplesOf(metrics, 'ringmaster_server_requests_total'), [
    { pool: 'sessions', server: 's7', value: 3 },
  ]);
  assert.equal(samplesOf(metrics, 'ringmaster_server_failures_total')?.length, FAILURE_REASONS.length);
  assert.deepEqual(samplesOf(metrics, 'ringmaster_pool_requests_total'), [{ pool: 'sessions', value: 3 }]);
  totals.setPools([{ name: 'sessions', servers: servers.slice(1) }]);
  assert.equal(samplesOf(await scrape(totals), 'ringmaster_server_requests_total')?.length, 10_000);
});

test('pools whose servers are found have the figures of that', async () => {
  const metrics = await scrape(new Totals(POOLS));
  for (const [name, value] of [
    ['topology_refreshes_total', 9],
    ['topology_failures_total', 2],
    ['fail_overs_total', 1],
    ['unserved_slots', 5],
  ] as const) {
    assert.deepEqual(samplesOf(metrics, `ringmaster_pool_${name}`), [{ pool: 'orders', value }]);
  }
});
