// Requests that reach into another database than the client's, while keys of all databases move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTwoRings } from '../support/two-rings.ts';

test('keys are brought in each database that a request reaches', async t => {
  const { worker, moving, go } = await startTwoRings(t, { settings: ['databases: 4'] });
  const client = await worker.client();
  const [a, b, c, d, e, f, g] = moving as readonly string[];
  for (const [database, value] of [
    [3, 'old'],
    [0, 'new'],
  ] as const) {
    await client.command('SELECT', database);
    for (const key of moving) await client.command('SET', key, value);
  }
  await go('hold');
  await go('both');
  assert.equal(await client.command('MOVE', a as string, 3), 0);
  assert.equal(await client.command('COPY', b as string, b as string, 'DB', 3), 0);
  assert.equal(await client.command('COPY', c as string, c as string, 'DB', 3, 'REPLACE'), 1);
  client.send(`MULTI\r\nCOPY ${d} ${d} DB 3\r\nEXEC\r\n`);
  assert.deepEqual((await client.readReplies(3)).map(String), ['+OK\r\n', '+QUEUED\r\n', '*1\r\n:0\r\n']);

  const run = async (...requests: string[]) => {
    for (const request of ['MULTI', ...requests]) await client.command(...(request.split(' ') as [string]));
    const result = await client.command('EXEC');
    await client.command('SELECT', 0);
    return result;
  };
  assert.deepEqual(await run('SELECT 3', `GET ${e}`, `EXISTS ${f}`), ['OK', Buffer.from('old'), 1]);
  assert.deepEqual(await run('SELECT 3', `MOVE ${g} 0`), ['OK', 0]);
  client.send(`MULTI\r\nSELECT 3\r\nSETNX ${moving[7]} x\r\nEXEC\r\n`);
  assert.equal(String((await client.readReplies(4))[3]), '*2\r\n+OK\r\n:0\r\n');

  for (const [database, values] of [
    [3, { [c as string]: 'new' }],
    [0, {}],
  ] as const) {
    await client.command('SELECT', database);
    for (const key of [a, b, c, d, e, g] as string[]) {
      const expected = (values as Record<string, string>)[key] ?? (database === 3 ? 'old' : 'new');
      assert.equal(String(await client.command('GET', key)), expected, `${key} of ${database}`);
    }
  }
});
