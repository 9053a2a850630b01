// memcached servers that can't list their keys: these move when they are asked for, until a time to live is over.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load.ts';
import type { ReshardStatus } from '../../src/master/reshard/reshard-status.ts';
import { KeyOwners } from '../../src/mover/key-owners.ts';
import { askAdmin } from '../support/admin-client.ts';
import { isAlive } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { type MemcachedServer, startMemcached } from '../support/memcached-server.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const KEYS = Array.from({ length: 120 }, (_, i) => `key:${i}`);

async function between(t: TestContext, args: readonly (readonly string[])[], settings: readonly string[] = []) {
  const servers = await Promise.all(args.map(each => startMemcached({ args: each })));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const config = (among: readonly number[]): string =>
    [
      `admin: 127.0.0.1:${adminPort}`,
      'shutdown_timeout: 1s',
      'pools:',
      '  red:',
      `    listen: 127.0.0.1:${port}`,
      '    protocol: memcached',
      '    hash: murmur',
      ...settings.map(line => `    ${line}`),
      '    servers:',
      ...among.map(i => `      - 127.0.0.1:${servers[i]!.port}:1 s${i}`),
      '',
    ].join('\n');
  let ringmaster = await startRingmaster({ config: config([0, 1]), workers: 2 });
  t.after(() => ringmaster.kill());
  /** Kills the proxy and starts it again, as if so much time had passed meanwhile. */
  const restart = async (passedMs: number) => {
    const { configFile } = ringmaster;
    const pids = ringmaster.workerPids();
    await ringmaster.killMaster();
    await waitFor(() => pids.every(pid => !isAlive(pid)), { what: 'the end of the workers' });
    const file = `${configFile}.reshard.json`;
    const record = JSON.parse(readFileSync(file, 'utf8'));
    record.plan.bringingSinceMs -= passedMs;
    writeFileSync(file, JSON.stringify(record));
    ringmaster = await startRingmaster({ configFile, config: '', workers: 2 });
    return RawClient.connect(port);
  };
  const post = async (verb: string, body: object) => {
    const { status, text } = await askAdmin(adminPort, `/api/v1/reshard/${verb}`, { method: 'POST', body });
    return { status, answer: JSON.parse(text) };
  };
  const status = async () =>
    ((await (await fetch(`http://127.0.0.1:${adminPort}/api/v1/reshard`)).json()) as ReshardStatus).reshard;
  const until = async (isSo: (reshard: NonNullable<ReshardStatus['reshard']>) => boolean, what: string) => {
    const look = async () => {
      const reshard = await status();
      return reshard !== null && isSo(reshard);
    };
    await waitFor(look, { what, timeoutMs: 60_000 });
  };
  const owners = new KeyOwners(
    parseConfig(config([0, 1]), 'f').pools[0]!,
    parseConfig(config([0, 1, 2]), 'f').pools[0]!,
  );
  const moves = (key: string) => owners.from(Buffer.from(key)) !== owners.to(Buffer.from(key));
  const client = await RawClient.connect(port);
  return { servers, config, restart, post, status, until, moves, client };
}

async function get(client: RawClient | MemcachedServer, key: string): Promise<string> {
  const words = `get ${key}\r\n`;
  if (!(client instanceof RawClient)) return (await client.ask(words, 'END\r\n')).toString('latin1');
  client.send(words);
  return (await client.readUntil('END\r\n')).toString('latin1');
}

async function ask(client: RawClient, words: string): Promise<string> {
  client.send(words);
  return (await client.readUntil('\r\n')).toString('latin1');
}

const value = (key: string, data = key) => `VALUE ${key} 0 ${data.length}\r\n${data}\r\nEND\r\n`;

test('keys that can’t be listed move when they are asked for, until the time is over; the others are misses', async t => {
  const { servers, config, restart, post, status, until, moves, client } = await between(t, [
    ['-X'],
    ['-o', 'no_lru_crawler'],
    [],
  ]);
  for (const key of KEYS) assert.equal(await ask(client, `set ${key} 0 0 ${key.length}\r\n${key}\r\n`), 'STORED\r\n');
  const file = config([0, 1, 2]);
  const refused = await post('start', { file });
  assert.equal(refused.status, 409);
  assert.match(refused.answer.error, /lists no keys \(-X\)\. Or give --ttl/);
  assert.match(refused.answer.error, /has no crawler .*`lru_crawler enable` starts it/);
  const plan = (await post('plan', { file, ttl: '10m' })).answer;
  assert.deepEqual(plan.obstacles, []);
  assert.match(plan.warnings.join('\n'), /lists no keys: those that move do so when they are asked for/);
  assert.equal(plan.report.seconds, 600);
  const moving = KEYS.filter(moves);
  assert.ok(Math.abs(plan.report.movingKeys - moving.length) < 25, `${plan.report.movingKeys}, ${moving.length}`);

  assert.equal((await post('start', { file, ttl: '1h' })).status, 200);
  await until(({ plan }) => plan?.phase === 'both' && plan.expiresInSeconds !== null, 'keys that are brought');
  assert.equal((await status())?.plan?.unlisted.length, 2);
  const half = moving.filter((_, i) => i % 2 === 0);
  // Each kind of request: what is read, changed, deleted and overwritten is so at the new server.
  for (const [i, key] of half.entries()) {
    if (i % 4 === 0) assert.equal(await get(client, key), value(key));
    if (i % 4 === 1) assert.equal(await ask(client, `append ${key} 0 0 1\r\n!\r\n`), 'STORED\r\n');
    if (i % 4 === 2) assert.equal(await ask(client, `delete ${key}\r\n`), 'DELETED\r\n');
    if (i % 4 === 3) assert.equal(await ask(client, `set ${key} 0 0 3\r\nnew\r\n`), 'STORED\r\n');
  }
  const now = (key: string, i: number) => [value(key), value(key, `${key}!`), 'END\r\n', value(key, 'new')][i % 4];
  for (const [i, key] of half.entries()) assert.equal(await get(client, key), now(key, i));
  client.destroy();
  const later = await restart(3_600_000);
  await until(({ phase, plan }) => phase === 'over' && plan === null, 'the end of the reshard');
  assert.equal((await status())?.outcome, 'done');
  for (const key of KEYS) {
    const at = half.indexOf(key);
    const want = at >= 0 ? now(key, at) : moves(key) ? 'END\r\n' : value(key);
    assert.equal(await get(later, key), want, key);
    if (at >= 0)
      assert.deepEqual(await Promise.all([0, 1].map(i => get(servers[i]!, key))), ['END\r\n', 'END\r\n'], key);
  }
  later.destroy();
});

test('one that is taken back brings keys back for as long', async t => {
  const unlisted = ['-o', 'no_lru_crawler'];
  const { config, restart, post, status, until, client } = await between(t, [unlisted, unlisted, unlisted]);
  for (const key of KEYS) await ask(client, `set ${key} 0 0 ${key.length}\r\n${key}\r\n`);
  assert.equal((await post('start', { file: config([0, 1, 2]), ttl: '1h' })).status, 200);
  await until(({ phase }) => phase === 'both', 'keys that are brought');
  for (const key of KEYS) assert.equal(await get(client, key), value(key));
  assert.equal((await post('abort', {})).status, 200);
  await until(({ phase, isBack }) => phase === 'both' && isBack, 'keys that go back');
  for (const key of KEYS) assert.equal(await get(client, key), value(key));
  client.destroy();
  const later = await restart(3_600_000);
  await until(({ phase, plan }) => phase === 'over' && plan === null, 'the end of the reshard');
  assert.equal((await status())?.outcome, 'undone');
  for (const key of KEYS) assert.equal(await get(later, key), value(key));
  later.destroy();
});

test('a master that is killed meanwhile waits for what is left of the time', async t => {
  const { config, restart, post, until, client, moves, status } = await between(t, [['-X'], ['-X'], []]);
  for (const key of KEYS) await ask(client, `set ${key} 0 0 ${key.length}\r\n${key}\r\n`);
  assert.equal((await post('start', { file: config([0, 1, 2]), ttl: '1h' })).status, 200);
  // What can be listed has been looked at; the rest of the time is waited for.
  const isWaiting: Parameters<typeof until>[0] = ({ plan }) =>
    plan?.phase === 'both' && plan.moverPid === null && (plan.expiresInSeconds ?? 0) > 1000;
  await until(isWaiting, 'the wait');
  client.destroy();
  const later = await restart(1_800_000);
  await until(isWaiting, 'the wait, again');
  assert.ok(((await status())?.plan?.expiresInSeconds ?? 3600) <= 1800);
  for (const key of KEYS.filter(moves)) assert.equal(await get(later, key), value(key));
  assert.equal((await status())?.phase, 'both');
  later.destroy();
});

test('a new server that lists no keys is emptied of what it has, where that is wanted', async t => {
  const { servers, config, post, until, client } = await between(t, [[], [], ['-X']]);
  for (const key of KEYS) {
    await ask(client, `set ${key} 0 0 ${key.length}\r\n${key}\r\n`);
    await servers[2]!.ask(`set ${key} 0 0 3\r\nold\r\n`);
  }
  const file = config([0, 1, 2]);
  assert.match((await post('start', { file, ttl: '1s' })).answer.error, /--orphans remove/);
  assert.equal((await post('start', { file, ttl: '1s', orphans: 'remove' })).answer.orphansRemoved, KEYS.length);
  await until(({ phase, plan }) => phase === 'over' && plan === null, 'the end of the reshard');
  for (const key of KEYS) assert.equal(await get(client, key), value(key));
  client.destroy();
});

test('servers that lose keys by ejections, which can’t be found, are in the way', async t => {
  const settings = ['auto_eject_hosts: true', 'timeout: 1s'];
  const { config, post, client } = await between(t, [['-X'], ['-X'], []], settings);
  const { status, answer } = await post('start', { file: config([0, 1, 2]), ttl: '1h' });
  assert.equal(status, 409);
  assert.match(answer.error, /ejected by themselves: .*Set auto_eject_hosts to false/);
  client.destroy();
});
