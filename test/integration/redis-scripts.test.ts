// Scripts that a server has lost: it is given them, and asked again.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startRedisPool } from '../support/pool-under-test.ts';
import { encodeCommand, RespError, type RespValue } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
const NO_SCRIPT = '-NOSCRIPT No matching script. Please use EVAL.';
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');
const textOf = (reply: RespValue): string => (reply instanceof RespError ? `-${reply.text}` : String(reply));

test('a server that has lost a script is given it and asked again, once', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await pool.client();
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
  const forget = () => Promise.all(pool.servers.map(server => server.command('SCRIPT', 'FLUSH')));
  const add = (key: string) => client.command('EVALSHA', sha1(ADD), 1, key, 1);
  assert.equal(textOf(await add('k0')), NO_SCRIPT);
  assert.equal(String(await client.command('SCRIPT', 'LOAD', ADD)), sha1(ADD));
  for (let round = 1; round <= 3; round++) {
    for (const key of keys) assert.equal(await add(key), round, key);
    await forget();
  }
  // In RESP3, and of a script that EVAL has brought to one of the servers.
  await client.command('HELLO', 3);
  assert.equal(await client.command('EVAL', 'return #KEYS', 1, 'k1'), 1);
  for (const key of keys)
    assert.equal(await client.command('EVALSHA_RO', sha1('return #KEYS').toUpperCase(), 1, key), 1);
  assert.equal(await add('k5'), 4);
});

test('NOSCRIPT reaches a client that has asked more behind it, and what it asked is done once', async t => {
  const pool = await startRedisPool(t);
  const client = await pool.client();
  await client.command('SCRIPT', 'LOAD', ADD);
  await pool.servers[0]!.command('SCRIPT', 'FLUSH');
  client.send(Buffer.concat([encodeCommand('EVALSHA', sha1(ADD), '1', 'k', '1'), encodeCommand('GET', 'k')]));
  assert.deepEqual((await client.readReplies(2)).map(String), [`${NO_SCRIPT}\r\n`, '$-1\r\n']);
  assert.equal(await client.command('EVALSHA', sha1(ADD), 1, 'k', 1), 1);
  // What the client means to forget is forgotten.
  assert.equal(await client.command('SCRIPT', 'FLUSH'), 'OK');
  assert.equal(textOf(await client.command('EVALSHA', sha1(ADD), 1, 'k', 1)), NO_SCRIPT);
  assert.match(textOf(await client.command('SCRIPT', 'LOAD', 'wrong(')), /^-ERR Error compiling script/);
  assert.equal(textOf(await client.command('EVALSHA', sha1('wrong('), 1, 'k')), NO_SCRIPT);
  assert.equal(String(await client.command('GET', 'k')), '1');
});

test('scripts outlive a reload, and none are kept with script_memory: 0', async t => {
  const pool = await startRedisPool(t);
  const client = await pool.client();
  await client.command('SCRIPT', 'LOAD', ADD);
  const { ringmaster } = pool;
  const text = readFileSync(ringmaster.configFile, 'utf8');
  const reloadWith = async (setting: string) => {
    ringmaster.writeConfig(text.replace('    servers:', `    deny_commands: [lolwut]\n    ${setting}\n    servers:`));
    ringmaster.signal('SIGHUP');
  };
  await reloadWith('script_memory: 1mb');
  const isDenied = async () => /deny_commands/.test(textOf(await client.command('LOLWUT')));
  await waitFor(isDenied, { what: 'the reload' });
  await pool.servers[0]!.command('SCRIPT', 'FLUSH');
  assert.equal(await client.command('EVALSHA', sha1(ADD), 1, 'k', 1), 1);
  await reloadWith('script_memory: 0');
  const isLost = async () => {
    await pool.servers[0]!.command('SCRIPT', 'FLUSH');
    return textOf(await client.command('EVALSHA', sha1(ADD), 1, 'k', 1)) === NO_SCRIPT;
  };
  await waitFor(isLost, { what: 'nothing to be kept' });
});
