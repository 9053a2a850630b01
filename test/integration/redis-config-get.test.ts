// CONFIG GET: what all servers of a pool agree on, without what is nobody's business.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedisPool } from '../support/pool-under-test.ts';
import { encodeCommand } from '../support/resp-reader.ts';

const ask = (...words: string[]) => encodeCommand('CONFIG', 'GET', ...words);

test('a pool of one server answers CONFIG GET as the server does', async t => {
  const pool = await startRedisPool(t, { redis: { args: ['--maxmemory-policy', 'allkeys-lru'] } });
  const [client, direct] = [await pool.client(), await pool.servers[0]!.client()];
  t.after(() => direct.destroy());
  const cases = [['maxmemory*'], ['MAXMEMORY-policy', 'save'], ['nosuch'], ['list-max-*', 'hash-max-*'], ['notify*']];
  for (const hello of [null, encodeCommand('HELLO', '3')]) {
    if (hello !== null) for (const each of [client, direct]) await each.command('HELLO', '3');
    for (const words of cases) {
      client.send(ask(...words));
      direct.send(ask(...words));
      assert.equal(String(await client.readReplies(1)), String(await direct.readReplies(1)), words.join(' '));
    }
  }
});

test('servers that differ have only the rest in common, the databases are those of the pool, and passwords stay here', async t => {
  const pool = await startRedisPool(t, {
    servers: 3,
    redis: { requirepass: 'secret', args: ['--masteruser', 'somebody', '--masterauth', 'secret'] },
    settings: ['redis_auth: secret', 'databases: 4'],
  });
  await pool.servers[1]!.command('CONFIG', 'SET', 'maxmemory', '100mb');
  const client = await pool.client();
  assert.equal(await client.command('AUTH', 'secret'), 'OK');
  const get = async (...words: string[]) => {
    client.send(ask(...words));
    return String(await client.readReplies(1));
  };
  assert.equal(await get('maxmemory', 'databases'), '*2\r\n$9\r\ndatabases\r\n$1\r\n4\r\n');
  assert.equal(await get('maxmemory', 'save'), '*2\r\n$4\r\nsave\r\n$0\r\n\r\n');
  const all = await get('*');
  assert.match(all, /\r\nmaxmemory-policy\r\n/);
  assert.doesNotMatch(all, /secret|somebody|requirepass|masterauth|masteruser|key-file-pass/);
  assert.equal(await get('requirepass', 'master*'), '*0\r\n');
  // Nor inside a transaction.
  client.send(Buffer.concat([encodeCommand('MULTI'), ask('requirepass'), encodeCommand('EXEC')]));
  assert.match((await client.readReplies(3)).join(''), /^\+OK\r\n-ERR 'config\|get' [^\r]*\r\n-EXECABORT [^\r]*\r\n$/);
  for (const word of ['SET maxmemory 1', 'RESETSTAT', 'REWRITE']) {
    client.send(encodeCommand('CONFIG', ...word.split(' ')));
    assert.match(String(await client.readReplies(1)), /it manages one server; send it to that server/);
  }
});

test('where servers have no CONFIG, programs are told what they look for', async t => {
  const pool = await startRedisPool(t, { redis: { args: ['--rename-command', 'CONFIG', 'hidden'] } });
  const client = await pool.client();
  client.send(ask('save', 'append*'));
  assert.equal(String(await client.readReplies(1)), '*4\r\n$10\r\nappendonly\r\n$2\r\nno\r\n$4\r\nsave\r\n$0\r\n\r\n');
});
