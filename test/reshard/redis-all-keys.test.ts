import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawClient } from '../support/raw-client.ts';
import { KEYS, startTwoRings } from '../support/two-rings.ts';

/** All keys that a scan tells; `between` is called after each of its steps. */
async function scan(client: RawClient, between: (step: number) => Promise<void>): Promise<Set<string>> {
  const found = new Set<string>();
  let cursor = '0';
  for (let step = 0; ; step++) {
    const [next, keys] = (await client.command('SCAN', cursor, 'COUNT', 5)) as [Buffer, Buffer[]];
    for (const key of keys) found.add(String(key));
    cursor = String(next);
    if (cursor === '0') return found;
    await between(step);
  }
}

test('a scan passes over no key, whenever keys move and phases change', async t => {
  const { worker, moving, go } = await startTwoRings(t);
  const [client, other] = [await worker.client(), await worker.client()];
  for (const key of KEYS) await client.command('SET', key, 'v');
  const phases = ['hold', 'both', 'new'] as const;
  for (let late = 0; late < 6; late++) {
    // There and back: of the two ways one leads to servers that are asked before those that keys come from.
    for (const isBack of [false, true]) {
      let phase = 0;
      let brought = 0;
      const found = await scan(client, async step => {
        if (step >= late && step % 2 === 0 && phase < 2) await go(phases[phase++] ?? null, isBack);
        // A few at a time, while the scan goes on.
        if (phase >= 2) for (const key of moving.slice(brought, brought + 3)) await other.command('GET', key);
        if (phase >= 2) brought += 3;
        if (brought >= moving.length && phase === 2) await go(phases[phase++] ?? null, isBack);
      });
      assert.deepEqual([...found].sort(), [...KEYS].sort(), `from step ${late} on, ${isBack ? 'back' : 'there'}`);
      while (phase < 2) await go(phases[phase++] ?? null, isBack);
      for (const key of moving) await other.command('GET', key);
      await go('new', isBack);
    }
  }
});

test('what counts and what empties concerns the servers of both rings', async t => {
  const { servers, worker, moving, go } = await startTwoRings(t);
  const client = await worker.client();
  for (const key of KEYS) await client.command('SET', key, 'v');
  await go('hold');
  await go('both');
  for (const key of moving.slice(0, 4)) await client.command('GET', key);
  assert.equal(await client.command('DBSIZE'), KEYS.length);
  assert.equal(((await client.command('KEYS', '*')) as Buffer[]).length, KEYS.length);
  assert.equal(await client.command('FLUSHALL'), 'OK');
  assert.equal(await client.command('DBSIZE'), 0);
  for (const server of servers) assert.equal(await server.command('DBSIZE'), 0);
  for (const key of KEYS) await client.command('SET', key, 'v');
  client.send(`${moving.map(key => `GET ${key}\r\n`).join('')}FLUSHDB\r\n`);
  await client.readReplies(moving.length + 1);
  for (const server of servers) assert.equal(await server.command('DBSIZE'), 0);
});
