// `ringmaster reshard abort`: what has moved moves back, and the old ring stays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegisterLoad } from '../support/register-load.ts';
import { ReshardPool } from '../support/reshard-pool.ts';
import { waitFor } from '../support/wait-for.ts';

test('a reshard that is taken back leaves every key where it was', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2, proxies: 2 });
  const client = await pool.client();
  const keys = Array.from({ length: 300 }, (_, i) => `key:${i}`);
  for (const key of keys) await client.command('SET', key, 'v'.repeat(1000));
  const before = pool.fileOf();
  const load = new RegisterLoad(await Promise.all([pool.client(0), pool.client(1), pool.client(0)]));
  await pool.reshard('start', { file: pool.config([0, 1, 2]), pace: '20kb/s', peers: pool.admins });
  await pool.until(({ plan }) => (plan?.keysMoved ?? 0) > 30, 'keys that moved');
  // So slow that a busy machine has time for all that follows.
  await pool.reshard('pace', { pace: '1kb/s' });
  await pool.reshard('abort');
  await pool.until(({ phase, isBack }) => phase === 'both' && isBack, 'keys that move back');
  assert.match(await pool.reshardRefused('abort'), /goes back already/);
  const { rounds } = load;
  await waitFor(() => load.rounds > rounds + 100, { what: 'rounds of the clients on the way back' });
  await pool.reshard('pace', { pace: '1gb/s' });
  await pool.untilOver();
  assert.equal((await pool.status()).reshard?.outcome, 'undone');
  await pool.until(({ phase }) => phase === 'over', 'the end at the other proxy', 1);
  await pool.assertPlaced([...keys, ...(await load.end())], [0, 1]);
  assert.equal(pool.fileOf(), before);
  client.destroy();
});
