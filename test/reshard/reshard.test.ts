// `ringmaster reshard` from two servers to three, and back to two others, while clients work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegisterLoad } from '../support/register-load.ts';
import { ReshardPool } from '../support/reshard-pool.ts';
import { waitFor } from '../support/wait-for.ts';

/** One key of each type, with what shows that it is whole. */
const KINDS: readonly [set: readonly (string | number)[], ask: readonly string[], want: string][] = [
  [['SET', 'KEY', 'text'], ['GET', 'KEY'], 'text'],
  [['HSET', 'KEY', 'a', 1, 'b', 2], ['HGETALL', 'KEY'], 'a,1,b,2'],
  [['RPUSH', 'KEY', 'x', 'y', 'z'], ['LRANGE', 'KEY', '0', '-1'], 'x,y,z'],
  [['SADD', 'KEY', 1, 2, 3], ['SMEMBERS', 'KEY'], '1,2,3'],
  [['ZADD', 'KEY', 1, 'one', 2, 'two'], ['ZRANGE', 'KEY', '0', '-1', 'WITHSCORES'], 'one,1,two,2'],
  [['XADD', 'KEY', '1-1', 'f', 'v'], ['XRANGE', 'KEY', '-', '+'], '1-1,f,v'],
  [['PFADD', 'KEY', 'a', 'b', 'c'], ['PFCOUNT', 'KEY'], '3'],
];
const PER_KIND = 60;

test('keys of all types move while clients work, each to its new server and to no other', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}, {}], first: 2 });
  const client = await pool.client();
  const wanted: string[] = [];
  for (const [kind, [set]] of KINDS.entries()) {
    for (let i = 0; i < PER_KIND; i++) {
      const key = `kind:${kind}:${i}`;
      wanted.push(key);
      await client.command(...set.map(word => (word === 'KEY' ? key : word)));
      if (i % 2 === 0) await client.command('PEXPIRE', key, 3_600_000);
    }
  }
  const check = async () => {
    for (const [kind, [, ask, want]] of KINDS.entries()) {
      for (let i = 0; i < PER_KIND; i++) {
        const key = `kind:${kind}:${i}`;
        const reply = await client.command(...ask.map(word => (word === 'KEY' ? key : word)));
        assert.equal([reply].flat(3).map(String).join(), want, key);
        const ttl = (await client.command('PTTL', key)) as number;
        if (i % 2 === 0) assert.ok(ttl > 3_000_000 && ttl <= 3_600_000, `${key}: ${ttl}`);
        else assert.equal(ttl, -1, key);
      }
    }
  };

  const load = new RegisterLoad(await Promise.all([pool.client(), pool.client(), pool.client(), pool.client()]));
  await waitFor(() => load.rounds > 200, { what: 'rounds of the clients' });
  const plan = (await pool.reshard('plan', { file: pool.config([0, 1, 2]) })) as unknown as {
    readonly report: { readonly movingKeys: number; readonly keys: number };
  };
  assert.ok(plan.report.movingKeys > plan.report.keys / 5 && plan.report.movingKeys < plan.report.keys / 2);

  const change = async (among: readonly number[]) => {
    const rounds = load.rounds;
    await pool.reshard('start', { file: pool.config(among), pace: '1kb/s' });
    await pool.until(({ phase }) => phase === 'both', 'keys that move');
    // Clients may bring all there is, and then it would be over.
    await pool.reshard('pause');
    // Nothing stands still for those that wait.
    await waitFor(() => load.rounds > rounds + 200, { what: 'rounds of the clients while keys move' });
    await check();
    await pool.reshard('pace', { pace: '1gb/s' });
    await pool.reshard('resume');
    await pool.untilOver();
    assert.equal((await pool.status()).reshard?.outcome, 'done');
    assert.equal(pool.fileOf(), pool.config(among));
    await check();
  };
  await change([0, 1, 2]);
  await change([1, 2, 3]);
  const written = await load.end();
  await check();
  await pool.assertPlaced([...wanted, ...written], [1, 2, 3]);
  client.destroy();
});
