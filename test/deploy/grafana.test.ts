// The Grafana dashboard: its queries ask for what exists, and a real Prometheus that scrapes a running Ringmaster answers them.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Child, temporaryDirectory } from '../support/child.ts';
import { dashboardQueries, filledIn } from '../support/dashboard.ts';
import { freePort } from '../support/free-port.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { knownSeries, unknownParts } from '../support/promql.ts';
import { startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[];
  };
}

/** Only in trouble is there anything to show. */
const EMPTY_IN_PEACE = ['panel Failures by reason', 'annotation Ejections'];

test('its queries ask for metrics and labels that exist', () => {
  const known = knownSeries();
  for (const { where, query, legend } of dashboardQueries()) {
    assert.deepEqual(unknownParts(query, known), [], where);
    for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
      const isKept = !/\bby \(/.test(query) || new RegExp(`\\bby \\([^)]*\\b${label}\\b`).test(query);
      assert.ok(isKept, `${where}: the legend names ${label}, which the query drops`);
    }
  }
});

test('a Prometheus that scrapes Ringmaster has an answer to each of them', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const daemon = await startDaemon(t, { red: { protocol: 'redis', servers: [redis.port] } }, { workers: 2 });
  const client = await daemon.client('red');
  t.after(() => client.destroy());

  const directory = temporaryDirectory('prometheus');
  const config = path.join(directory, 'prometheus.yml');
  writeFileSync(
    config,
    'global: { scrape_interval: 500ms }\nscrape_configs:\n' +
      `  - { job_name: ringmaster, static_configs: [{ targets: ['127.0.0.1:${daemon.adminPort}'] }] }\n`,
  );
  const port = await freePort();
  const prometheus = new Child('prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${path.join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  t.after(() => prometheus.kill());
  const ask = async (query: string): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`);
    return (await response.json()) as Answer;
  };
  // Until it has seen requests being made: two scrapes with different figures.
  const hasRates = async () => {
    await client.command('GET', 'key');
    const answer = await ask('rate(ringmaster_pool_requests_total[1m])').catch(() => null);
    return Number(answer?.data?.result[0]?.value[1] ?? 0) > 0;
  };
  await prometheus.until(hasRates, 'a rate of requests', 30_000, 100);

  for (const { where, query } of dashboardQueries()) {
    const expression = filledIn(query, '1m');
    let last: Answer | null = null;
    const isAnswered = async () => {
      last = await ask(expression);
      assert.equal(last.status, 'success', `${where}: ${last.error}`);
      return EMPTY_IN_PEACE.includes(where) || last.data!.result.length > 0;
    };
    await waitFor(isAnswered, { what: `an answer to ${where}: ${expression}` });
  }
});
