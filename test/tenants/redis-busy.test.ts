// A server that runs a script for too long says so, and is told to stop, through the pool as by itself.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { encodeCommand, RespError, type RespValue } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const LIBRARY =
  "#!lua name=spin\nredis.register_function{function_name='spin', callback=function() while true do end end, flags={'no-writes'}}";
const RUNS: readonly (readonly [what: string, run: readonly string[], kill: readonly string[], ended: RegExp])[] = [
  ['script', ['EVAL', 'while true do end', '1', 'k'], ['SCRIPT', 'KILL'], /killed by user/i],
  ['function', ['FCALL', 'spin', '1', 'k'], ['FUNCTION', 'KILL'], /killed by user/i],
];
const REDIS = { args: ['--busy-reply-threshold', '50'] };

const said = (reply: RespValue): string => (reply instanceof RespError ? `-${reply.text}` : String(reply));

/** Runs it, and waits until the server says that it is busy. */
async function runUntilBusy(
  t: TestContext,
  runner: RawClient,
  server: { client(): Promise<RawClient> },
  run: readonly string[],
) {
  const direct = await server.client();
  t.after(() => direct.destroy());
  runner.send(encodeCommand(...run));
  return waitFor(
    async () => {
      const reply = said(await direct.command('GET', 'k'));
      return reply.startsWith('-BUSY') && reply;
    },
    { what: 'a busy server' },
  );
}

for (const [what, run, kill, ended] of RUNS) {
  test(`a server busy with a ${what}: new connections read BUSY, and KILL gets through`, async t => {
    const pool = await startRedisPool(t, { settings: ['databases: 16', 'timeout: 30s'], redis: REDIS });
    const [server] = pool.servers;
    await server!.command('FUNCTION', 'LOAD', LIBRARY);
    const [runner, other, third] = await Promise.all([pool.client(), pool.client(), pool.client()]);
    const busy = await runUntilBusy(t, runner, server!, run);
    // The connections to another database are opened now, and SELECT is refused.
    assert.equal(said(await other.command('SELECT', '3')), 'OK');
    assert.equal(said(await other.command('GET', 'k')), busy);
    assert.equal(said(await other.command('BLPOP', 'l', '1')), busy);
    // The other kind is not what runs.
    const [[, , wrongKill]] = RUNS.filter(([each]) => each !== what) as [(typeof RUNS)[number]];
    assert.equal(said(await third.command(...wrongKill)), busy);
    const stats = said(await third.command('FUNCTION', 'STATS'));
    if (what === 'script') assert.equal(stats, busy);
    else assert.match(stats, /running_script/);
    await third.command('HELLO', '3');
    assert.equal(said(await third.command(...kill)), 'OK');
    assert.match((await runner.readReply()).toString(), ended);
    assert.match(said(await third.command(...kill)), /^-NOTBUSY /);
    // All is well again, by itself.
    await waitFor(async () => said(await other.command('GET', 'k')) === 'null', { what: 'a server that serves again' });
    for (const client of [runner, other, third]) client.destroy();
  });
}

test('of several servers the one that runs a script is told, and the others have nothing to say', async t => {
  const pool = await startRedisPool(t, { servers: 3, settings: ['timeout: 30s'], redis: REDIS });
  const [runner, killer] = await Promise.all([pool.client(), pool.client()]);
  assert.match(said(await killer.command('SCRIPT', 'KILL')), /^-NOTBUSY /);
  runner.send(encodeCommand('EVAL', 'while true do end', '1', 'k'));
  await waitFor(async () => said(await killer.command('SCRIPT', 'KILL')) === 'OK', { what: 'a script that runs' });
  assert.match((await runner.readReply()).toString(), /killed by user/i);
  // One that is not there does not hide that.
  await pool.servers[0]!.kill();
  assert.match(said(await killer.command('SCRIPT', 'KILL')), /^-/);
  for (const client of [runner, killer]) client.destroy();
});

test('a busy server is well: it is not ejected', async t => {
  const settings = ['databases: 16', 'timeout: 30s', 'auto_eject_hosts: true', 'server_failure_limit: 1'];
  const pool = await startRedisPool(t, { servers: 2, settings, redis: REDIS });
  const [runner, other] = await Promise.all([pool.client(), pool.client()]);
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  await other.command('SELECT', '1');
  for (const key of keys) await other.command('SET', key, '1');
  const isOfFirst = await Promise.all(
    keys.map(
      async key =>
        said(
          await pool.servers[0]!.command(
            'EVAL',
            "redis.call('SELECT', 1) return redis.call('EXISTS', KEYS[1])",
            '1',
            key,
          ),
        ) === '1',
    ),
  );
  const key = keys[isOfFirst.indexOf(true)]!;
  const busy = await runUntilBusy(t, runner, pool.servers[0]!, ['EVAL', 'while true do end', '1', key]);
  await other.command('SELECT', '2');
  for (let i = 0; i < 5; i++) assert.equal(said(await other.command('GET', key)), busy);
  assert.equal(said(await other.command('SCRIPT', 'KILL')), 'OK');
  await waitFor(async () => said(await other.command('GET', key)) === 'null', { what: 'a server that serves again' });
  // Keys stayed where they were.
  await other.command('SELECT', '1');
  assert.equal(said(await other.command('GET', key)), '1');
  for (const client of [runner, other]) client.destroy();
});
