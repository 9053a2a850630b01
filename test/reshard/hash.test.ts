// Another hash: keys move from each server to each other at once, both ways.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegisterLoad } from '../support/register-load.ts';
import { ReshardPool } from '../support/reshard-pool.ts';

const KEYS = Array.from({ length: 1500 }, (_, i) => `key:${i}`);

test('servers that give keys to each other never wait for each other, and clients notice nothing', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 3 });
  const client = await pool.client();
  for (const key of KEYS) client.send(`SET ${key} ${key}${'v'.repeat(500)}\r\n`);
  await client.readReplies(KEYS.length);
  const load = new RegisterLoad(await Promise.all(Array.from({ length: 8 }, () => pool.client())));
  const file = pool.config([0, 1, 2]).replace('hash: murmur', 'hash: md5');
  let trouble: string | null = null;
  await pool.reshard('start', { file, pace: '2mb/s' });
  await pool.until(({ phase, plan }) => {
    trouble ??= plan?.trouble ?? null;
    return phase === 'over' && plan === null;
  }, 'the end of the reshard');
  const written = await load.end();
  assert.equal((await pool.status()).reshard?.outcome, 'done');
  assert.equal(trouble, null);
  // A MIGRATE that times out is counted by the server that wanted to give its keys away.
  for (const server of pool.servers) assert.doesNotMatch(String(await server.command('INFO', 'errorstats')), /IOERR/);
  await pool.assertPlaced([...KEYS, ...written], [0, 1, 2], text => text.replace('hash: murmur', 'hash: md5'));
});
