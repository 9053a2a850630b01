// SLOWLOG of users with a key prefix: what concerns their own keys, by the names that they use.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

const userOf = (name: string, more = '') =>
  `  ${name}: { pools: [pool], passwords: ['#${createHash('sha256').update(name).digest('hex')}']${more} }`;

async function wordsIn(client: RawClient): Promise<string[]> {
  const entries = (await client.command('SLOWLOG', 'GET', '-1')) as [number, number, number, Buffer[]][];
  return entries.map(([, , , words]) => words.map(String).join(' ')).reverse();
}

test('a user with a prefix sees its own requests, one without all of the pool', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const settings = ["key_prefix: 'pool/'", 'slowlog_threshold: 0ms'];
  const users = ['users:', userOf('one', ", key_prefix: 'one:'"), userOf('two', ", key_prefix: 'two:'"), userOf('all')];
  const pool = { protocol: 'redis', servers: [redis.port], settings } as const;
  const daemon = await startDaemon(t, { pool }, { settings: users });
  const signedIn = async (user: string) => {
    const client = await daemon.client('pool');
    t.after(() => client.destroy());
    assert.equal(await client.command('AUTH', user, user), 'OK');
    return client;
  };
  const [one, two, all] = [await signedIn('one'), await signedIn('two'), await signedIn('all')];
  for (const client of [one, two, all]) {
    await client.command('SET', 'k', 'v');
    await client.command('MGET', 'l', 'k');
    await client.command('PING');
  }
  const isThere = async () => (await wordsIn(all)).filter(words => words === 'ping').length === 3;
  await waitFor(isThere, { what: 'all in the slow log' });
  assert.deepEqual(await wordsIn(one), ['set k', 'mget l']);
  assert.equal(await one.command('SLOWLOG', 'LEN'), 2);
  assert.deepEqual(await wordsIn(two), ['set k', 'mget l']);
  const seen = (await wordsIn(all)).filter(words => /^(?:set|mget|ping)/.test(words));
  assert.deepEqual(seen, [
    ...['set one:k', 'mget one:l', 'ping'],
    ...['set two:k', 'mget two:l', 'ping'],
    ...['set k', 'mget l', 'ping'],
  ]);
  const refused = /cannot be used through Ringmaster: with a key_prefix it would concern what all who share/;
  assert.match(JSON.stringify(await one.command('SLOWLOG', 'RESET')), refused);
  assert.equal(await one.command('MULTI'), 'OK');
  // The server's would be those of all.
  for (const words of ['LEN', 'RESET']) assert.equal(await one.command('SLOWLOG', words), 'QUEUED');
  const [length, reset] = (await one.command('EXEC')) as unknown[];
  assert.equal(length, 2);
  assert.match(JSON.stringify(reset), refused);
  assert.equal(await one.command('SLOWLOG', 'LEN'), 2);
  assert.equal(await all.command('SLOWLOG', 'RESET'), 'OK');
  await waitFor(async () => (await one.command('SLOWLOG', 'LEN')) === 0, { what: 'an empty slow log' });
});
