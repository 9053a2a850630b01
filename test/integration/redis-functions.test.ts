// Libraries of functions: all servers of a pool have them, those that come later or lose them, too.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { portsOf, startClusterPool } from '../support/cluster-pool.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startCluster } from '../support/redis-cluster.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { encodeCommand, RespError, type RespValue } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const ADD = `#!lua name=counts
redis.register_function('add', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)`;
const NAME = `#!lua name=names
redis.register_function{function_name='nameof', callback=function(keys) return keys[1] end, flags={'no-writes'}}`;
const SCRIPT = 'return KEYS[1]';
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');
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
});

const call = (key: string) => encodeCommand('FCALL', 'add', '1', key, '1');
const evaluate = (key: string) => encodeCommand('EVALSHA', sha1(SCRIPT), '1', key);

/** It has lost what it had beside its keys, and its connections. */
async function begunAnew(server: RedisServer, client: RawClient, keys: readonly string[]): Promise<void> {
  await server.command('FUNCTION', 'FLUSH');
  await server.command('SCRIPT', 'FLUSH');
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
  for (const key of keys) {
    await waitFor(async () => !textOf(await client.command('EXISTS', key)).startsWith('-'), {
      what: 'new connections',
    });
  }
}

test('in pipelines and transactions a server that began anew has the library before it is asked', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await pool.client();
  const keys = Array.from({ length: 9 }, (_, i) => `k${i}`);
  assert.equal(textOf(await client.command('FUNCTION', 'LOAD', ADD)), 'counts');
  assert.equal(textOf(await client.command('SCRIPT', 'LOAD', SCRIPT)), sha1(SCRIPT));
  const say = async (...requests: Buffer[]) => {
    client.send(Buffer.concat(requests));
    return (await client.readReplies(requests.length)).join('');
  };
  for (let n = 1; n <= 12; n += 4) {
    for (const server of pool.servers) await begunAnew(server, client, keys);
    for (const key of keys)
      assert.equal(await say(call(key), encodeCommand('GET', key)), `:${n}\r\n$${`${n}`.length}\r\n${n}\r\n`);
    for (const server of pool.servers) await begunAnew(server, client, keys);
    // In one piece, both of them in it, …
    const whole = (key: string) => [encodeCommand('MULTI'), call(key), evaluate(key), encodeCommand('EXEC')];
    for (const key of keys) {
      assert.equal(
        await say(...whole(key)),
        `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:${n + 1}\r\n$${key.length}\r\n${key}\r\n`,
      );
    }
    // … step by step, …
    for (const server of pool.servers) await begunAnew(server, client, keys);
    for (const key of keys) {
      for (const request of whole(key).slice(0, 3)) await say(request);
      assert.equal(await say(encodeCommand('EXEC')), `*2\r\n:${n + 2}\r\n$${key.length}\r\n${key}\r\n`);
    }
    // … and by a client that watches.
    for (const server of pool.servers) await begunAnew(server, client, keys);
    for (const key of keys) {
      assert.equal(await say(encodeCommand('WATCH', key)), '+OK\r\n');
      assert.equal(await say(call(key)), `:${n + 3}\r\n`);
      assert.equal(await say(encodeCommand('UNWATCH')), '+OK\r\n');
    }
  }
  // Somebody has taken it away, and the connections stayed: it is missed once where it can't be asked again, and then there.
  assert.equal(await say(call('k0')), ':13\r\n');
  for (const server of pool.servers) await server.command('FUNCTION', 'FLUSH');
  assert.equal(await say(call('k0'), encodeCommand('GET', 'k0')), '-ERR Function not found\r\n$2\r\n13\r\n');
  assert.equal(await say(call('k0'), encodeCommand('GET', 'k0')), ':14\r\n$2\r\n14\r\n');
  // A transaction does not miss it, however it comes.
  for (let n = 15; n <= 17; n += 2) {
    for (const server of pool.servers) await server.command('FUNCTION', 'FLUSH');
    for (const request of [encodeCommand('MULTI'), call('k0')]) await say(request);
    assert.equal(await say(encodeCommand('EXEC')), `*1\r\n:${n}\r\n`);
    for (const server of pool.servers) await server.command('FUNCTION', 'FLUSH');
    const whole = await say(encodeCommand('MULTI'), call('k0'), encodeCommand('EXEC'));
    assert.equal(whole, `+OK\r\n+QUEUED\r\n*1\r\n:${n + 1}\r\n`);
  }
  client.destroy();
});

test('in a cluster, too', async t => {
  const cluster = await startCluster({ primaries: 2 });
  t.after(() => cluster.stop());
  const daemon = await startClusterPool(t, portsOf(cluster));
  const client = await daemon.client('orders');
  const say = async (...requests: Buffer[]) => {
    client.send(Buffer.concat(requests));
    return (await client.readReplies(requests.length)).join('');
  };
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
  assert.equal(textOf(await client.command('FUNCTION', 'LOAD', ADD)), 'counts');
  assert.equal(textOf(await client.command('SCRIPT', 'LOAD', SCRIPT)), sha1(SCRIPT));
  const forget = async () => {
    for (const { server } of cluster.nodes) {
      await server.command('FUNCTION', 'FLUSH');
      await server.command('SCRIPT', 'FLUSH');
    }
  };
  await forget();
  // Step by step, and in one piece: the first on each connection brings it along.
  for (const key of keys) {
    assert.equal(await say(encodeCommand('MULTI')), '+OK\r\n');
    assert.equal(await say(evaluate(key)), '+QUEUED\r\n');
    assert.equal(await say(call(key)), '+QUEUED\r\n');
    assert.equal(await say(encodeCommand('EXEC')), `*2\r\n$1\r\n${key}\r\n:1\r\n`);
  }
  // It is asked once more, as nothing was asked behind it.
  for (let n = 2; n <= 3; n++) {
    await forget();
    for (const key of keys) assert.equal(await say(call(key)), `:${n}\r\n`);
    for (const key of keys) assert.equal(await say(evaluate(key)), `$1\r\n${key}\r\n`);
  }
  // A transaction does not miss what was taken away.
  for (const key of keys) {
    await forget();
    const whole = [encodeCommand('MULTI'), evaluate(key), call(key), encodeCommand('EXEC')];
    assert.equal(await say(...whole), `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\n${key}\r\n:4\r\n`);
  }
  client.destroy();
});

test('of two texts of a library all workers bring back the newer, and none brings back what is deleted', async t => {
  const pool = await startRedisPool(t, { workers: 2 });
  const [server] = pool.servers;
  // Of both workers, by all odds.
  const clients = await Promise.all(Array.from({ length: 12 }, () => pool.client()));
  const forget = () => server!.command('FUNCTION', 'FLUSH');
  const textOfStep = (step: number) => ADD.replace("'INCRBY', keys[1], args[1]", `'INCRBY', keys[1], ${step}`);
  const large = `-- ${'x'.repeat(200_000)}`;
  for (const [round, client] of clients.entries()) {
    const step = round + 1;
    // One of those that are told by their digest, now and then.
    const text = round % 3 === 2 ? `${textOfStep(step)}\n${large}` : textOfStep(step);
    assert.equal(textOf(await client.command('FUNCTION', 'LOAD', 'REPLACE', text)), 'counts');
    for (const other of clients) {
      await forget();
      await other.command('SET', 'k', 0);
      const heard = async () => {
        const said = textOf(await other.command('FCALL', 'add', 1, 'k', 0));
        if (said === String(step)) return true;
        // It has not heard of it yet, or only that its own is not the newest: then it has none.
        await forget();
        await other.command('SET', 'k', 0);
        return round % 3 === 2 && said === '-ERR Function not found';
      };
      await waitFor(heard, { what: 'the newer text' });
    }
  }
  assert.equal(textOf(await clients[0]!.command('FUNCTION', 'LOAD', 'REPLACE', ADD)), 'counts');
  assert.equal(textOf(await clients[0]!.command('FUNCTION', 'DELETE', 'counts')), 'OK');
  for (const other of clients) {
    const isForgotten = async () => {
      if (textOf(await other.command('FCALL', 'add', 1, 'k', 1)) === '-ERR Function not found') return true;
      await forget();
      return false;
    };
    await waitFor(isForgotten, { what: 'the library to be forgotten' });
  }
  for (const client of clients) client.destroy();
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
