import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Totals } from '../../../src/admin/totals.ts';
import { trafficPages } from '../../../src/admin/traffic-pages.ts';
import { Histogram } from '../../../src/figures/histogram.ts';
import { CommandSeries, ServerSeries } from '../../../src/figures/series.ts';
import type { SlowLogEntry } from '../../../src/figures/slow-request.ts';
import { BackendStats } from '../../../src/figures/statistics.ts';
import { ReportWriter } from '../../../src/ipc/report-writer.ts';

function histogramOf(...durationsUs: number[]): Histogram {
  const histogram = new Histogram();
  for (const us of durationsUs) histogram.record(us);
  return histogram;
}

/** Asks a page about two pools, of which `p` had some requests 100 s after the start, at `nowS`. */
function pagesAt(nowS: number) {
  let clockS = 0;
  const totals = new Totals(
    [
      { name: 'p', servers: [{ name: 's' }] },
      { name: 'q', servers: [] },
    ],
    () => clockS,
  );
  clockS = 100;
  const writer = new ReportWriter();
  writer.add(new CommandSeries('p', 'get', histogramOf(10, 20, 30, 40)));
  writer.add(new CommandSeries('p', 'set', histogramOf(5000)));
  writer.add(new ServerSeries('p', 's', new BackendStats(), [histogramOf(7, 9), histogramOf(1, 2)]));
  totals.take(1, 0, Buffer.from(writer.take()), null);
  clockS = nowS;
  const slowlog = (pool: string | null, count: number) => [{ pool, id: count } as unknown as SlowLogEntry];
  const pages = trafficPages({ totals, fresh: async () => {}, insights: async () => [], slowlog });
  return async (page: string, query = '') => {
    const { status, body } = await pages.get(`/api/v1/${page}`)!(new URLSearchParams(query));
    return { status, body: JSON.parse(JSON.stringify(body)) };
  };
}

test('latency: by pool and server, in windows and since the start', async () => {
  const { body } = await pagesAt(200)('latency', 'pool=p');
  const [{ pool, total, servers }] = body.pools;
  assert.equal(pool, 'p');
  assert.deepEqual(Object.keys(total), ['10s', '1m', '15m', 'start']);
  assert.deepEqual([total['10s'].requests, total['1m'].requests, total['15m'].requests], [0, 0, 5]);
  assert.deepEqual([total.start.requests, total.start.perSecond, total.start.maxUs], [5, 5 / 200, 5000]);
  assert.deepEqual([total.start.p50Us, total.start.p90Us], [30, 5000]);
  assert.deepEqual([servers[0].server, servers[0].taken.start.maxUs, servers[0].waited.start.maxUs], ['s', 9, 2]);
  const all = await pagesAt(200)('latency');
  assert.deepEqual(
    all.body.pools.map((each: { pool: string; total: object }) => [each.pool, Object.keys(each.total).length]),
    [
      ['p', 4],
      ['q', 0],
    ],
  );
});

test('commands: those of most requests in the last minute first', async () => {
  const { body } = await pagesAt(130)('commands', 'pool=p&count=1');
  const [get, ...others] = body.pools[0].commands;
  assert.deepEqual(
    [get.command, get.requests, get.lastMinute.requests, get.lastMinute.perSecond],
    ['get', 4, 4, 4 / 60],
  );
  assert.deepEqual(others, []);
});

test('every page takes a pool and a count, and refuses others', async () => {
  const ask = pagesAt(100);
  assert.deepEqual((await ask('slowlog', 'pool=q&count=7')).body, { entries: [{ pool: 'q', id: 7 }] });
  assert.deepEqual((await ask('slowlog')).body, { entries: [{ pool: null, id: 20 }] });
  for (const page of ['slowlog', 'hotkeys', 'bigkeys', 'busyclients', 'commands', 'latency']) {
    assert.equal((await ask(page)).status, 200, page);
    assert.equal((await ask(page, 'pool=x')).status, 404, page);
    for (const count of ['0', '1001', '1.5', 'many']) {
      assert.equal((await ask(page, `count=${count}`)).status, 400, `${page} ${count}`);
    }
  }
});

test('lists are told in parts', async () => {
  const { body } = await pagesAt(130)('commands', 'pool=p&count=1&offset=1');
  assert.deepEqual(
    body.pools[0].commands.map(({ command }: { command: string }) => command),
    ['set'],
  );
  assert.equal((await pagesAt(130)('commands', 'offset=x')).status, 400);
});
