// Libraries of functions: all servers of a pool have them, those that come later or lose them, too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedisPool } from '../support/pool-under-test.ts';
import { encodeCommand, RespError, type RespValue } from '../support/resp-reader.ts';

const ADD = `#!lua name=counts
redis.register_function('add', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)`;
const NAME = `#!lua name=names
redis.register_function{function_name='nameof', callback=function(keys) return keys[1] end, flags={'no-writes'}}`;
const textOf = (reply: RespValue): string => (reply instanceof RespError ? `-${reply.text}` : String(reply));

test('a server that has lost a library is given it and asked again, once', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await pool.client();
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
  const forget = () => Promise.all(pool.servers.map(server => server.command('FUNCTION', 'FLUSH')));
  assert.equal(textOf(await client.command('FUNCTION', 'LOAD', ADD)), 'counts');
  assert.equal(textOf(await client.command('FUNCTION', 'LOAD', NAME)), 'names');
  for (let round = 1; round <= 3; round++) {
    for (const key of keys) assert.equal(await client.command('FCALL', 'add', 1, key, 1), round, key);
    await forget();
  }
  await client.command('HELLO', 3);
  for (const key of keys) assert.equal(textOf(await client.command('FCALL_RO', 'nameof', 1, key)), key);
  // One library more is in no way in the others' place.
  assert.match(textOf(await client.command('FUNCTION', 'LOAD', ADD.replace('INCRBY', 'DECRBY'))), /^(counts|-ERR)/);
});

test('what servers refuse is not kept, and what is deleted is forgotten', async t => {
  const pool = await startRedisPool(t);
  const [server] = pool.servers;
  const client = await pool.client();
  const call = async () => textOf(await client.command('FCALL', 'add', 1, 'k', 1));
  assert.equal(await call(), '-ERR Function not found');
  assert.match(textOf(await client.command('FUNCTION', 'LOAD', '#!lua name=counts\nwrong(')), /^-ERR/);
  assert.equal(textOf(await client.command('FUNCTION', 'LOAD', ADD)), 'counts');
  // Refused: it is there already.
  assert.match(textOf(await client.command('FUNCTION', 'LOAD', ADD.replace('INCRBY', 'DECRBY'))), /already exists/);
  await server!.command('FUNCTION', 'FLUSH');
  assert.equal(await call(), '1');
  assert.equal(textOf(await client.command('FUNCTION', 'LOAD', 'REPLACE', ADD.replace('INCRBY', 'DECRBY'))), 'counts');
  await server!.command('FUNCTION', 'FLUSH');
  assert.equal(await call(), '0');
  const dump = (await client.command('FUNCTION', 'DUMP')) as Buffer;
  assert.equal(textOf(await client.command('FUNCTION', 'DELETE', 'counts')), 'OK');
  assert.equal(await call(), '-ERR Function not found');
  assert.equal(textOf(await client.command('FUNCTION', 'RESTORE', dump)), 'OK');
  await server!.command('FUNCTION', 'FLUSH');
  assert.equal(await call(), '-1');
  assert.equal(textOf(await client.command('FUNCTION', 'FLUSH')), 'OK');
  assert.equal(await call(), '-ERR Function not found');
  // Where more was asked behind it, the server would do it too late.
  await client.command('FUNCTION', 'LOAD', ADD);
  await server!.command('FUNCTION', 'FLUSH');
  client.send(Buffer.concat([encodeCommand('FCALL', 'add', '1', 'k', '1'), encodeCommand('GET', 'k')]));
  assert.equal((await client.readReplies(2)).join(''), '-ERR Function not found\r\n$2\r\n-1\r\n');
});

test('FUNCTION LIST tells of each library once, and FUNCTION STATS of what runs', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await pool.client();
  await client.command('FUNCTION', 'LOAD', ADD);
  await pool.servers[1]!.command('FUNCTION', 'LOAD', NAME);
  for (const version of [2, 3]) {
    await client.command('HELLO', version);
    client.send(encodeCommand('FUNCTION', 'LIST'));
    const list = String(await client.readReply());
    assert.match(list, /^\*2\r\n/);
    assert.deepEqual(
      list
        .match(/\r\n(counts|names)\r\n/g)
        ?.map(name => name.trim())
        .sort(),
      ['counts', 'names'],
    );
    client.send(encodeCommand('FUNCTION', 'STATS'));
    assert.match(String(await client.readReply()), /running_script\r\n(\$-1|_)\r\n/);
  }
});
