import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type FakeSentinel, type SaidMaster, startFakeSentinel } from '../support/fake-sentinel.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { RespError } from '../support/resp-reader.ts';
import { type SentinelPoolOptions, startSentinelPool } from '../support/sentinel-pool.ts';
import { waitFor } from '../support/wait-for.ts';

const QUICK = ['refresh_min: 100ms', 'refresh_interval: 200ms'];

async function server(t: TestContext, ...args: string[]): Promise<RedisServer> {
  const redis = await startRedis({ args });
  t.after(() => redis.kill());
  return redis;
}

async function sentinel(t: TestContext, masters: Readonly<Record<string, SaidMaster>>): Promise<FakeSentinel> {
  const fake = await startFakeSentinel(masters);
  t.after(() => fake.stop());
  return fake;
}

function pool(t: TestContext, sentinels: readonly FakeSentinel[], options: SentinelPoolOptions = {}): Promise<Daemon> {
  const ports = sentinels.map(({ port }) => port);
  return startSentinelPool(t, ports, { sentinel: QUICK, ...options });
}

/** Resolves once a write through the pool is at `redis`. */
async function untilAt(daemon: Daemon, redis: RedisServer, key: string): Promise<void> {
  let n = 0;
  const isThere = async () => {
    const client = await daemon.client('sessions');
    const value = `${++n}`;
    await client.command('SET', key, value);
    client.destroy();
    return String(await redis.command('GET', key)) === value;
  };
  await waitFor(isThere, { what: `writes to arrive at ${redis.port}`, everyMs: 20 });
}

test('a fail-over that a Sentinel tells of is followed at once, and moves no key', async t => {
  const [a, b, successor] = [await server(t), await server(t), await server(t)];
  const said = await sentinel(t, { 'shard-a': { port: a.port, epoch: 1 }, 'shard-b': { port: b.port, epoch: 1 } });
  const daemon = await pool(t, [said], {
    masters: ['shard-a', 'shard-b'],
    sentinel: ['refresh_min: 100ms', 'refresh_interval: 1h'],
  });
  const client = await daemon.client('sessions');
  const keys = Array.from({ length: 200 }, (_, i) => `key:${i}`);
  for (const key of keys) assert.equal(await client.command('SET', key, key), 'OK');
  const atA = new Set(
    (await Promise.all(keys.map(async key => ((await a.command('EXISTS', key)) === 1 ? key : '')))).filter(Boolean),
  );
  assert.ok(atA.size > 20 && atA.size < 180);
  await waitFor(() => said.listeners === 1, { what: 'the daemon to listen' });
  said.masters.set('shard-a', { port: successor.port, epoch: 2 });
  said.publish('+switch-master', `shard-a 127.0.0.1 ${a.port} 127.0.0.1 ${successor.port}`);
  await untilAt(daemon, successor, [...atA][0] as string);
  for (const key of keys) assert.equal(await client.command('SET', key, 'again'), 'OK');
  for (const key of keys) assert.equal(await successor.command('EXISTS', key), atA.has(key) ? 1 : 0, key);
  const [line] = await daemon.untilLogged(/fail-over/);
  assert.deepEqual([line?.server, line?.event, line?.why], ['shard-a', 'failed_over', '+switch-master of shard-a']);
  assert.deepEqual([line?.from, line?.to], [`127.0.0.1:${a.port}`, `127.0.0.1:${successor.port}`]);
  // The old one is of no use, and has no connection of ours.
  await waitFor(async () => !String(await a.command('CLIENT', 'LIST', 'TYPE', 'normal')).includes('cmd=set'), {
    what: 'connections to the old master to be closed',
  });
});

test('a fail-over that nobody told of is found by asking', async t => {
  const [a, successor] = [await server(t), await server(t)];
  const said = await sentinel(t, { 'shard-a': { port: a.port, epoch: 1 } });
  const daemon = await pool(t, [said]);
  await untilAt(daemon, a, 'k');
  said.masters.set('shard-a', { port: successor.port, epoch: 2 });
  await untilAt(daemon, successor, 'k');
});

test('READONLY of a server that was a master is a reason to ask', async t => {
  const [a, successor] = [await server(t), await server(t)];
  const said = await sentinel(t, { 'shard-a': { port: a.port, epoch: 1 } });
  const daemon = await pool(t, [said], { sentinel: ['refresh_min: 100ms', 'refresh_interval: 1h'] });
  await untilAt(daemon, a, 'k');
  said.masters.set('shard-a', { port: successor.port, epoch: 2 });
  await a.command('REPLICAOF', '127.0.0.1', successor.port);
  await untilAt(daemon, successor, 'k');
  assert.match(String((await daemon.untilLogged(/fail-over/))[0]?.why), /is not well/);
});

test('a server that is no master is not believed to be one, whatever a Sentinel says', async t => {
  const a = await server(t);
  const replica = await server(t, '--replicaof', '127.0.0.1', String(a.port));
  const liar = await sentinel(t, { 'shard-a': { port: a.port, epoch: 1 } });
  const daemon = await pool(t, [liar]);
  await untilAt(daemon, a, 'k');
  liar.masters.set('shard-a', { port: replica.port, epoch: 2 });
  await waitFor(() => daemon.logged(/nobody can name/)[0], { what: 'the log to say so' });
  assert.match(JSON.stringify((await daemon.untilLogged(/nobody can name/))[0]), /its role is \\"slave\\"/);
  await untilAt(daemon, a, 'k');
  // It is one at last.
  await replica.command('REPLICAOF', 'NO', 'ONE');
  await untilAt(daemon, replica, 'k');
});

test('a Sentinel that has seen fewer fail-overs is not believed, unless most have: they were set up anew', async t => {
  const [old, now] = [await server(t), await server(t)];
  const stale = await sentinel(t, { 'shard-a': { port: old.port, epoch: 6 } });
  const knows = await sentinel(t, { 'shard-a': { port: now.port, epoch: 7 } });
  const daemon = await pool(t, [stale, knows], { sentinel: [...QUICK, 'timeout: 100ms'] });
  await untilAt(daemon, now, 'k');
  knows.isSilent = true;
  const before = stale.questions;
  await waitFor(() => stale.questions > before + 3, { what: 'some questions' });
  const client = await daemon.client('sessions');
  assert.equal(await client.command('SET', 'k', 'new'), 'OK');
  assert.deepEqual(await now.command('GET', 'k'), Buffer.from('new'));
  knows.isSilent = false;
  for (const each of [stale, knows]) each.masters.set('shard-a', { port: old.port, epoch: 1 });
  await untilAt(daemon, old, 'k');
});

test('Sentinels that are dead, silent, ask for another password or know nothing are passed over', async t => {
  const a = await server(t);
  const [silent, locked, ignorant, good] = [
    await sentinel(t, {}),
    await sentinel(t, { 'shard-a': { port: a.port, epoch: 1 } }),
    await sentinel(t, {}),
    await sentinel(t, { 'shard-a': { port: a.port, epoch: 1 } }),
  ] as [FakeSentinel, FakeSentinel, FakeSentinel, FakeSentinel];
  silent.isSilent = true;
  locked.password = 'another';
  const dead = await startFakeSentinel();
  await dead.stop();
  const daemon = await pool(t, [dead, silent, locked, ignorant, good], { sentinel: [...QUICK, 'timeout: 100ms'] });
  await untilAt(daemon, a, 'k');
});

test('Sentinels and servers have passwords of their own', async t => {
  const a = await startRedis({ requirepass: 'of-servers' });
  t.after(() => a.kill());
  const said = await sentinel(t, { 'shard-a': { port: a.port, epoch: 1 } });
  said.password = 'of-sentinels';
  const daemon = await pool(t, [said], {
    settings: ['redis_auth: of-servers'],
    sentinel: [...QUICK, 'password: of-sentinels'],
  });
  const client = await daemon.client('sessions');
  await client.command('AUTH', 'of-servers');
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  assert.deepEqual(await a.command('GET', 'k'), Buffer.from('v'));
  const { body } = await daemon.page('/config');
  assert.ok(!body.includes('of-sentinels') && !daemon.ringmaster.stderr().includes('of-sentinels'));
});

test('before anybody has named the master, requests fail at once; then they succeed', async t => {
  const a = await server(t);
  const said = await sentinel(t, {});
  const daemon = await pool(t, [said]);
  const client = await daemon.client('sessions');
  const reply = await client.command('GET', 'k');
  assert.ok(reply instanceof RespError);
  assert.match(reply.text, /Host is down/);
  const ready = await daemon.page('/readyz');
  assert.equal(ready.status, 503);
  assert.match(ready.body, /no Sentinel has said who is this master/);
  said.masters.set('shard-a', { port: a.port, epoch: 1 });
  await untilAt(daemon, a, 'k');
  await waitFor(async () => (await daemon.page('/readyz')).status === 200, { what: 'the daemon to be ready' });
});

test('a thousand hints are one question', async t => {
  const a = await server(t);
  const said = await sentinel(t, { 'shard-a': { port: a.port, epoch: 1 } });
  const daemon = await pool(t, [said], { sentinel: ['refresh_min: 1h', 'refresh_interval: 1h'] });
  await untilAt(daemon, a, 'k');
  const asked = said.questions;
  await waitFor(() => said.listeners === 1, { what: 'the daemon to listen' });
  for (let i = 0; i < 1000; i++) said.publish('+switch-master', `shard-a 127.0.0.1 ${a.port} 127.0.0.1 ${a.port}`);
  await untilAt(daemon, a, 'k');
  assert.equal(said.questions, asked);
});

test('a reload changes the Sentinels and adds a master; clients stay', async t => {
  const [a, b] = [await server(t), await server(t)];
  const first = await sentinel(t, { 'shard-a': { port: a.port, epoch: 1 } });
  const second = await sentinel(t, { 'shard-a': { port: a.port, epoch: 1 }, 'shard-b': { port: b.port, epoch: 1 } });
  const daemon = await pool(t, [first]);
  const client = await daemon.client('sessions');
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  const text = readFileSync(daemon.ringmaster.configFile, 'utf8');
  daemon.ringmaster.writeConfig(
    `${text.replace(`127.0.0.1:${first.port}`, `127.0.0.1:${second.port}`)}      - { master: shard-b }\n`,
  );
  daemon.ringmaster.signal('SIGHUP');
  const isShared = async () => {
    for (let i = 0; i < 50; i++) await client.command('SET', `n:${i}`, i);
    return Number(await b.command('DBSIZE')) > 5;
  };
  await waitFor(isShared, { what: 'keys to be at the new master' });
  await waitFor(() => first.listeners === 0, { what: 'the old Sentinel to be left' });
});
