// What a pool says of commands: deny_commands, commands, keyless_scripts, redis_db; and what one server makes possible.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedisPool } from '../support/pool-under-test.ts';
import { RespError, type RespValue } from '../support/resp-reader.ts';

const textOf = (value: RespValue): RespValue =>
  value instanceof RespError ? `-${value.text}` : Buffer.isBuffer(value) ? value.toString() : value;

test('deny_commands refuses, and nothing reaches a server', async t => {
  const pool = await startRedisPool(t, { settings: ['deny_commands: [flushdb, script, config|get]'] });
  const client = await pool.client();
  const direct = await pool.servers[0]!.client();
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  for (const [words, name] of [
    [['FLUSHDB'], 'flushdb'],
    [['SCRIPT', 'FLUSH'], 'script|flush'],
    [['CONFIG', 'GET', 'save'], 'config|get'],
  ] as const) {
    const denied = `-ERR '${name}' is denied by the setting deny_commands of this pool`;
    assert.equal(textOf(await client.command(...words)), denied);
  }
  assert.equal(textOf(await client.command('GET', 'k')), 'v');
  assert.doesNotMatch(String(await direct.command('INFO', 'commandstats')), /cmdstat_(?:flushdb|script|config)/);
});

test('commands that nobody knows go by the keys that the pool declares', async t => {
  const pool = await startRedisPool(t, {
    servers: 3,
    settings: ['commands: [my.get 1 1 1 read, my.mset 1 -1 2 write]'],
  });
  const client = await pool.client();
  // The servers do not have them: it is their answer that shows where a request went.
  assert.match(String(textOf(await client.command('MY.GET', 'k'))), /^-ERR unknown command 'MY.GET'/);
  assert.match(String(textOf(await client.command('MY.MSET', 'a', 1))), /^-ERR unknown command 'MY.MSET'/);
  assert.match(String(textOf(await client.command('MY.GET'))), /^-ERR 'my.get' cannot be used through Ringmaster: /);
  const keys = Array.from({ length: 20 }, (_, i) => [`key:${i}`, '1']).flat();
  assert.match(
    String(textOf(await client.command('MY.MSET', ...keys))),
    /^-ERR keys of this command are on different servers/,
  );
  assert.match(String(textOf(await client.command('MY.OTHER', 'k'))), /^-ERR unknown command 'MY.OTHER'/);
});

test('a script without keys runs on no, any or all of several servers', async t => {
  const script = ['EVAL', "return redis.call('INCR', 'count')", 0] as const;
  const counts = async (settings: readonly string[]): Promise<[RespValue, RespValue[]]> => {
    const pool = await startRedisPool(t, { servers: 3, settings });
    const client = await pool.client();
    const reply = textOf(await client.command(...script));
    const servers = await Promise.all(pool.servers.map(server => server.client()));
    return [reply, (await Promise.all(servers.map(server => server.command('GET', 'count')))).map(textOf)];
  };
  const [refused, none] = await counts([]);
  assert.match(String(refused), /^-ERR 'eval' cannot be used through Ringmaster: without keys .* keyless_scripts/);
  assert.deepEqual(none, [null, null, null]);
  const [one, any] = await counts(['keyless_scripts: any']);
  assert.deepEqual([one, any.sort()], [1, ['1', null, null].sort()]);
  assert.deepEqual(await counts(['keyless_scripts: all']), [1, ['1', '1', '1']]);
});

test('no key leaves a pool that is one database of its servers', async t => {
  const pool = await startRedisPool(t, { settings: ['redis_db: 3'] });
  const client = await pool.client();
  const direct = await pool.servers[0]!.client();
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  const refused = /^-ERR '(?:move|copy)' cannot be used through Ringmaster: .*\(redis_db\)$/;
  assert.match(String(textOf(await client.command('MOVE', 'k', 1))), refused);
  assert.match(String(textOf(await client.command('COPY', 'k', 'l', 'DB', 1))), refused);
  assert.match(String(textOf(await client.command('COPY', 'k', 'l', 'REPLACE', 'db', 1))), refused);
  assert.equal(await client.command('COPY', 'k', 'l', 'REPLACE'), 1);
  assert.equal(await direct.command('SELECT', 1), 'OK');
  assert.equal(await direct.command('DBSIZE'), 0);
});

test('a pool of one server is asked for all its keys', async t => {
  const pool = await startRedisPool(t);
  const client = await pool.client();
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  assert.deepEqual(((await client.command('KEYS', '*')) as Buffer[]).map(String), ['k']);
  assert.deepEqual(textOf(((await client.command('SCAN', 0)) as RespValue[])[0]!), '0');
  assert.equal(await client.command('FLUSHDB'), 'OK');
  assert.equal(await client.command('EVAL', 'return 7', 0), 7);
});
