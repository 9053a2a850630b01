// What goes on when processes of a reshard are killed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { PartRequest } from '../../src/master/reshard/peer.ts';
import { askAdmin } from '../support/admin-client.ts';
import { RegisterLoad } from '../support/register-load.ts';
import { ReshardPool } from '../support/reshard-pool.ts';
import { waitFor } from '../support/wait-for.ts';

const KEYS = Array.from({ length: 300 }, (_, i) => `key:${i}`);

async function filled(pool: ReshardPool): Promise<void> {
  const client = await pool.client();
  for (const key of KEYS) await client.command('SET', key, `${key} ${'v'.repeat(1000)}`);
  client.destroy();
}

/** At a pace at which it goes on for minutes: whatever is killed has to come back meanwhile, on a busy machine, too. */
async function begun(pool: ReshardPool, peers: readonly string[] = []): Promise<void> {
  await pool.reshard('start', { file: pool.config([0, 1, 2]), pace: '1kb/s', peers });
  await pool.until(({ plan }) => (plan?.keysMoved ?? 0) > 0, 'the first keys that moved');
}

async function finished(pool: ReshardPool, more: readonly string[] = []): Promise<void> {
  await pool.reshard('pace', { pace: '1gb/s' });
  await pool.untilOver();
  assert.equal((await pool.status()).reshard?.outcome, 'done');
  await pool.assertPlaced([...KEYS, ...more], [0, 1, 2]);
}

test('a mover that is killed has a successor, and clients notice nothing', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2 });
  await filled(pool);
  const load = new RegisterLoad(await Promise.all([pool.client(), pool.client()]));
  await begun(pool);
  const pid = (await pool.status()).reshard?.plan?.moverPid as number;
  process.kill(pid, 'SIGKILL');
  await pool.until(({ plan }) => plan !== null && plan.moverPid !== null && plan.moverPid !== pid, 'another mover');
  await finished(pool, await load.end());
});

test('a paused one moves nothing until it is resumed', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2 });
  await filled(pool);
  await begun(pool);
  await pool.reshard('pause');
  await pool.until(({ plan }) => plan?.moverPid === null && plan.isPaused, 'the end of the mover');
  const before = await pool.keys();
  await pool.reshard('pace', { pace: '1gb/s' });
  assert.deepEqual(await pool.keys(), before);
  await pool.reshard('resume');
  await finished(pool);
});

test('a master that is killed goes on where it was', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2 });
  await filled(pool);
  await begun(pool);
  await pool.killProxy(0);
  await pool.restartProxy(0);
  // It comes up in its phase: before anything has moved on, keys are where they are asked for.
  const client = await pool.client();
  for (const key of KEYS.slice(0, 100)) assert.match(String(await client.command('GET', key)), new RegExp(`^${key} `));
  client.destroy();
  await pool.until(({ plan }) => plan?.phase === 'both' && plan.moverPid !== null, 'another mover');
  await finished(pool);
  await pool.killProxy(0);
  await pool.restartProxy(0);
  assert.equal((await pool.status()).isActive, false);
});

test('a server that is away for a while stops it, and it goes on by itself', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2 });
  await filled(pool);
  await begun(pool);
  const [, , third] = pool.servers;
  await third!.command('CONFIG', 'SET', 'maxmemory', '1');
  await pool.reshard('pace', { pace: '1gb/s' });
  await pool.until(({ plan }) => /OOM/.test(plan?.trouble ?? ''), 'a mover that says what is wrong');
  await third!.command('CONFIG', 'SET', 'maxmemory', '0');
  await finished(pool);
});

test('one that cannot write down how far it is stops where it is, says why, and goes on once it can', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2, proxies: 2 });
  await filled(pool);
  for (const proxy of [0, 1]) {
    const among = proxy === 0 ? [0, 1, 2] : [0, 1];
    await pool.reshard('start', { file: pool.config(among), pace: '8kb/s', peers: pool.admins });
    await pool.until(({ plan }) => (plan?.keysMoved ?? 0) > 0, 'the first keys that moved');
    const accept = pool.refuseRecords(proxy);
    if (proxy === 0) assert.match(await pool.reshardRefused('pace', { pace: '1gb/s' }), /cannot write .*reshard\.json/);
    else await pool.reshard('pace', { pace: '1gb/s' });
    if (proxy === 1)
      await pool.until(
        ({ plan }) => plan?.participants.some(({ why }) => /cannot write .*reshard\.json/.test(why ?? '')) ?? false,
        'who can’t write',
      );
    const client = await pool.client();
    for (const key of KEYS) assert.match(String(await client.command('GET', key)), new RegExp(`^${key} `));
    client.destroy();
    // All have been brought by now: nothing is left but to write it down.
    if (proxy === 0) await pool.until(({ plan }) => /cannot write/.test(plan?.trouble ?? ''), 'why it gets no further');
    accept();
    await pool.untilOver();
    await pool.until(({ phase }) => phase === 'over', 'the end', 1);
    await pool.assertPlaced(KEYS, among);
  }
});

test('another proxy that is killed comes back in the phase, and gets the new file', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2, proxies: 2 });
  await filled(pool);
  await begun(pool, pool.admins);
  assert.equal((await pool.status(1)).reshard?.phase, 'both');
  await pool.killProxy(1);
  await pool.restartProxy(1);
  assert.equal((await pool.status(1)).reshard?.phase, 'both');
  const client = await pool.client(1);
  for (const key of KEYS.slice(0, 100)) assert.match(String(await client.command('GET', key)), new RegExp(`^${key} `));
  client.destroy();
  await pool.killProxy(1);
  await pool.reshard('pace', { pace: '1gb/s' });
  await pool.until(({ plan }) => plan?.phase === 'new', 'the last phase, which waits for the other proxy');
  await waitFor(
    async () => (await pool.status()).reshard?.plan?.participants.some(({ why }) => why === 'ECONNREFUSED') ?? false,
    { what: 'who it waits for' },
  );
  await pool.restartProxy(1);
  await finished(pool);
  for (const proxy of [0, 1]) {
    await pool.until(({ phase }) => phase === 'over', 'the end', proxy);
    assert.match(pool.fileOf(proxy), / s2/);
  }
});

test('a proxy that does not hold stops it before anything has moved', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2, proxies: 2 });
  await filled(pool);
  const before = await pool.keys();
  // The second proxy behind one that tells it of all but `hold`, and answers for it.
  const told: string[] = [];
  const between = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request.setEncoding('utf8')) body += piece;
    const phase = body === '' ? null : (JSON.parse(body) as PartRequest).decision.phase;
    if (phase !== null) told.push(phase);
    const held = { status: 200, text: JSON.stringify({ result: 'refused', error: 'it holds nothing' }) };
    const { method = 'GET', url = '/' } = request;
    const more = body === '' ? {} : { body: JSON.parse(body) as object };
    const answer = phase === 'hold' ? held : await askAdmin(pool.adminPort(1), url, { method, ...more });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.text);
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  t.after(() => between.close());
  const peers = [`127.0.0.1:${(between.address() as AddressInfo).port}`];
  await pool.reshard('start', { file: pool.config([0, 1, 2]), peers });
  await pool.until(({ phase, outcome }) => phase === 'over' && outcome === 'stopped', 'the end before anything moved');
  await pool.untilOver();
  await pool.until(({ phase }) => phase === 'over', 'the end', 1);
  assert.deepEqual([...new Set(told)], ['old', 'hold', 'over']);
  assert.deepEqual(await pool.keys(), before);
  const client = await pool.client(1);
  for (const key of KEYS) assert.match(String(await client.command('GET', key)), new RegExp(`^${key} `));
  client.destroy();
});
