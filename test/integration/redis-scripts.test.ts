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
  const [server] = pool.servers;
  await server!.command('SCRIPT', 'FLUSH');
  const ask = async () => {
    client.send(Buffer.concat([encodeCommand('EVALSHA', sha1(ADD), '1', 'k', '1'), encodeCommand('GET', 'k')]));
    return (await client.readReplies(2)).map(String);
  };
  // The first on a connection brings it along, …
  assert.deepEqual(await ask(), [':1\r\n', '$1\r\n1\r\n']);
  assert.deepEqual(await ask(), [':2\r\n', '$1\r\n2\r\n']);
  await server!.command('SCRIPT', 'FLUSH');
  assert.deepEqual(await ask(), [`${NO_SCRIPT}\r\n`, '$1\r\n2\r\n']);
  // … and so does the next after the server has said that it lacks it.
  assert.deepEqual(await ask(), [':3\r\n', '$1\r\n3\r\n']);
  // What the client means to forget is forgotten.
  assert.equal(await client.command('SCRIPT', 'FLUSH'), 'OK');
  assert.equal(textOf(await client.command('EVALSHA', sha1(ADD), 1, 'k', 1)), NO_SCRIPT);
  assert.match(textOf(await client.command('SCRIPT', 'LOAD', 'wrong(')), /^-ERR Error compiling script/);
  assert.equal(textOf(await client.command('EVALSHA', sha1('wrong('), 1, 'k')), NO_SCRIPT);
  assert.equal(String(await client.command('GET', 'k')), '3');
});

test('a script that one server was sent is known to all, in the middle of pipelines', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await pool.client();
  const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
  assert.equal(await client.command('EVAL', ADD, 1, 'k0', 1), 1);
  const requests = keys.flatMap(key => [
    encodeCommand('SET', key, '5'),
    encodeCommand('EVALSHA', sha1(ADD), '1', key, '2'),
    encodeCommand('GET', key),
  ]);
  client.send(Buffer.concat(requests));
  const replies = (await client.readReplies(requests.length)).map(String);
  assert.deepEqual(
    replies,
    keys.flatMap(() => ['+OK\r\n', ':7\r\n', '$1\r\n7\r\n']),
  );
  const loads = await Promise.all(pool.servers.map(server => server.command('INFO', 'commandstats')));
  for (const stats of loads) assert.match(String(stats), /cmdstat_script\|load:calls=1,/);
});

test('transactions find scripts that another server was sent', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await pool.client();
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
  const forget = () => Promise.all(pool.servers.map(server => server.command('SCRIPT', 'FLUSH')));
  assert.equal(await client.command('EVAL', ADD, 1, 'k0', 0), 0);
  const runWhole = async (key: string) => {
    const whole = [['MULTI'], ['EVALSHA', sha1(ADD), '1', key, '1'], ['EXEC']];
    client.send(Buffer.concat(whole.map(request => encodeCommand(...request))));
    return (await client.readReplies(3)).join('').replace('+OK\r\n+QUEUED\r\n*1\r\n', '');
  };
  // In one piece, …
  for (const key of keys) assert.equal(await runWhole(key), ':1\r\n', key);
  await forget();
  assert.equal(await runWhole('k0'), ':2\r\n');
  const other = await pool.client();
  const BY = "return redis.call('INCRBY', KEYS[1], 10)";
  assert.equal(await other.command('EVAL', BY, 1, 'k0'), 12);
  for (const key of keys.slice(1)) {
    // … and step by step, the script coming behind what the server has queued.
    assert.equal(await other.command('MULTI'), 'OK');
    assert.equal(String(await other.command('INCR', key)), 'QUEUED');
    other.send(Buffer.concat([encodeCommand('EVALSHA', sha1(BY), '1', key), encodeCommand('EXEC')]));
    assert.equal((await other.readReplies(2)).join(''), '+QUEUED\r\n*2\r\n:2\r\n:12\r\n', key);
  }
  // On the connection of a client that watches, outside of a transaction.
  const watcher = await pool.client();
  const NAME = 'return KEYS[1]';
  assert.equal(String(await watcher.command('EVAL', NAME, 1, 'k0')), 'k0');
  for (const key of keys) {
    assert.equal(await watcher.command('WATCH', key), 'OK');
    assert.equal(String(await watcher.command('EVALSHA', sha1(NAME), 1, key)), key);
    assert.equal(await watcher.command('UNWATCH'), 'OK');
  }
});

test('transactions do not notice that somebody has emptied a server’s scripts', async t => {
  const pool = await startRedisPool(t, { servers: 2 });
  const client = await pool.client();
  const keys = Array.from({ length: 6 }, (_, i) => `k${i}`);
  const forget = () => Promise.all(pool.servers.map(server => server.command('SCRIPT', 'FLUSH')));
  const small = "return redis.call('INCR', KEYS[1])";
  const large = `${small} --${'x'.repeat(2000)}`;
  await client.command('SCRIPT', 'LOAD', small);
  await client.command('SCRIPT', 'LOAD', large);
  const evaluate = (script: string, key: string) => encodeCommand('EVALSHA', sha1(script), '1', key);
  const say = async (...requests: Buffer[]) => {
    client.send(Buffer.concat(requests));
    return (await client.readReplies(requests.length)).join('');
  };
  const [open, run] = [encodeCommand('MULTI'), encodeCommand('EXEC')];
  for (let n = 1; n <= 25; n += 4) {
    for (const key of keys) {
      // Step by step, …
      await forget();
      assert.equal(await say(open), '+OK\r\n');
      assert.equal(await say(evaluate(small, key)), '+QUEUED\r\n');
      assert.equal(await say(evaluate(large, key), evaluate(large, key)), '+QUEUED\r\n+QUEUED\r\n');
      assert.equal(await say(run), `*3\r\n:${n}\r\n:${n + 1}\r\n:${n + 2}\r\n`);
      // … and in one piece.
      await forget();
      assert.equal(await say(open, evaluate(small, key), run), `+OK\r\n+QUEUED\r\n*1\r\n:${n + 3}\r\n`);
    }
  }
  // Of a large one that goes out in one piece it is seen afterwards: it is missed once.
  await forget();
  const whole = () => say(open, evaluate(large, 'k0'), run);
  assert.equal(await whole(), `+OK\r\n+QUEUED\r\n*1\r\n${NO_SCRIPT}\r\n`);
  assert.equal(await whole(), '+OK\r\n+QUEUED\r\n*1\r\n:29\r\n');
  client.destroy();
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
