// How reshards begin that are not alone, or that find what should not be there.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { PlanResult } from '../../src/master/reshard/resharding.ts';
import { probeKey } from '../../src/mover/probe-key.ts';
import { askAdmin } from '../support/admin-client.ts';
import { RawClient } from '../support/raw-client.ts';
import { ReshardPool } from '../support/reshard-pool.ts';
import { waitFor } from '../support/wait-for.ts';

test('a proxy that cannot write down how far it is stops it before it begins', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2, proxies: 2 });
  const body = { file: pool.config([0, 1, 2]), peers: pool.admins };
  for (const proxy of [0, 1]) {
    const accept = pool.refuseRecords(proxy);
    assert.match(await pool.reshardRefused('start', body), /not started: .*cannot write .*\.reshard\.json/);
    for (const each of [0, 1]) {
      await waitFor(async () => !(await pool.status(each)).isActive, { what: 'the end', timeoutMs: 30_000 });
    }
    accept();
  }
  await pool.reshard('start', body);
  await pool.untilOver();
});

test('the rings of two pools change one after the other', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2 });
  const [proxy] = pool.proxies;
  const file = (red: readonly number[], other: readonly number[]) =>
    `${pool.config(red)}${pool
      .config(other)
      .split('pools:\n')[1]!
      .replace('red:', 'blue:')
      .replace(/listen: .*/, 'listen: 127.0.0.1:0\n    redis_db: 1')}`;
  proxy!.writeConfig(file([0, 1], [0, 1]));
  assert.equal((await askAdmin(pool.adminPort(), '/-/reload', { method: 'POST' })).status, 200);
  const both = file([0, 1, 2], [0, 1, 2]);
  assert.match(await pool.reshardRefused('start', { file: both }), /rings of several pools \(red, blue\).*--pool/);
  await pool.reshard('start', { file: both, pool: 'blue' });
  await pool.untilOver();
  assert.match(await pool.reshardRefused('start', { file: both, pool: 'blue' }), /the same ring for blue/);
  await pool.reshard('start', { file: both });
  await pool.untilOver();
  assert.equal(pool.fileOf(), both);
});

test('of two that are started at once at two proxies at most one comes about', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}, {}], first: 2, proxies: 2 });
  const client = await pool.client();
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`);
  for (const key of keys) await client.command('SET', key, key);
  const start = (proxy: number, among: readonly number[]) =>
    askAdmin(pool.adminPort(proxy), '/api/v1/reshard/start', {
      method: 'POST',
      body: { file: pool.config(among, proxy), peers: pool.admins },
    });
  const answers = await Promise.all([start(0, [0, 1, 2]), start(1, [0, 1, 3])]);
  const [done] = [0, 1].filter(i => answers[i]!.status === 200);
  for (const { status, text } of answers) if (status !== 200) assert.match(text, /another reshard|one at a time/);
  assert.ok(answers.filter(({ status }) => status === 200).length < 2, answers.map(({ text }) => text).join('\n'));
  for (const proxy of [0, 1]) {
    await pool.until(({ phase, plan }) => phase === 'over' && plan === null, 'the end', proxy);
  }
  for (const key of keys) assert.equal(String(await client.command('GET', key)), key);
  await pool.assertPlaced(
    keys,
    done === undefined
      ? [0, 1]
      : [
          [0, 1, 2],
          [0, 1, 3],
        ][done]!,
  );
  client.destroy();
});

test('what another proxy tries at the same servers meanwhile is no key that was left there', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2 });
  for (const server of pool.servers) await server.command('SET', probeKey(), 'probe');
  const { report } = (await pool.reshard('plan', { file: pool.config([0, 1, 2]) })) as unknown as PlanResult;
  assert.deepEqual(report.orphans, []);
  await pool.reshard('start', { file: pool.config([0, 1, 2]) });
  await pool.untilOver();
  assert.equal((await pool.status()).reshard?.outcome, 'done');
});

test('hosts of which no proxy takes part are told, for one that was left out', async t => {
  const pool = await ReshardPool.start(t, { servers: [{ args: ['--protected-mode', 'no'] }, {}, {}], first: 2 });
  const file = pool.config([0, 1, 2]);
  const warnings = async () => String((await pool.reshard('plan', { file })).warnings);
  assert.equal(await warnings(), '');
  const socket = connect({ host: '127.0.0.1', port: pool.servers[0]!.port, localAddress: '127.0.0.2' });
  const stranger = new RawClient(socket);
  assert.equal(await stranger.command('PING'), 'PONG');
  assert.match(await warnings(), /connected to the old servers is 127\.0\.0\.2: a proxy there has to take part/);
  stranger.destroy();
});

test('keys that belong to no server of the old ring there are removed if that is wanted', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2 });
  const client = await pool.client();
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`);
  for (const key of keys) await client.command('SET', key, 'new');
  // As an ejection leaves them behind: older values where the new ring has the keys.
  for (const key of keys) await pool.servers[2]!.command('SET', key, 'old');
  const { orphansRemoved } = await pool.reshard('start', { file: pool.config([0, 1, 2]), orphans: 'remove' });
  assert.equal(orphansRemoved, keys.length);
  await pool.untilOver();
  for (const key of keys) assert.equal(String(await client.command('GET', key)), 'new');
  await pool.assertPlaced(keys, [0, 1, 2]);
  client.destroy();
});
