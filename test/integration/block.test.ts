import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { type MemcachedServer, startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { RespError } from '../support/resp-reader.ts';
import { runRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const BLOCKED = /^ERR blocked by an operator of the proxy$/;

let redis: readonly RedisServer[];
let memcached: MemcachedServer;
let daemon: Daemon;
const ended: (() => unknown)[] = [];

before(async () => {
  redis = await Promise.all([startRedis(), startRedis()]);
  memcached = await startMemcached();
  const servers = redis.map(({ port }) => port);
  daemon = await startDaemon(
    { after: end => void ended.push(end as () => unknown) },
    {
      red: { protocol: 'redis', servers },
      mem: { protocol: 'memcached', servers: [memcached.port] },
    },
    { workers: 2 },
  );
});

after(async () => {
  for (const end of ended) await end();
  await Promise.all([...redis.map(server => server.kill()), memcached?.kill()]);
});

const cli = (...args: string[]) => runRingmaster([...args, '-c', daemon.ringmaster.configFile]);

async function block(body: object): Promise<number> {
  const answer = await askAdmin(daemon.adminPort, '/api/v1/blocks', { method: 'POST', body });
  assert.equal(answer.status, 200, answer.text);
  return answer.json<{ block: { id: number } }>().block.id;
}

async function unblock(id: number): Promise<void> {
  assert.equal((await askAdmin(daemon.adminPort, `/api/v1/blocks/${id}`, { method: 'DELETE' })).status, 200);
}

function isBlocked(reply: unknown): void {
  assert.ok(reply instanceof RespError, String(reply));
  assert.match(reply.text, BLOCKED);
}

/** One at each worker, as far as chance allows. */
const clients = (pool: string) => Promise.all(Array.from({ length: 12 }, () => daemon.client(pool)));

describe('once the answer is there', () => {
  test('requests of a key are refused by all workers, others are not, and the connection stays', async () => {
    const all = await clients('red');
    for (const client of all) assert.equal(await client.command('SET', 'hot', '1'), 'OK');
    const id = await block({ pool: 'red', key: 'hot' });
    for (const client of all) {
      isBlocked(await client.command('GET', 'hot'));
      isBlocked(await client.command('MGET', 'a', 'b', 'hot', 'c'));
      assert.equal(await client.command('GET', 'hotter'), null);
    }
    await daemon.untilMetric('ringmaster_pool_blocked_requests_total', { pool: 'red' }, 24);
    await unblock(id);
    for (const client of all) {
      assert.equal(String(await client.command('GET', 'hot')), '1');
      client.destroy();
    }
  });

  test('in their turn of a pipeline', async () => {
    const id = await block({ pool: 'red', prefix: 'secret:' });
    const client = await daemon.client('red');
    client.send('SET a 1\r\nGET secret:1\r\nGET a\r\nPING\r\nGET secret:2\r\nGET a\r\n');
    const error = '-ERR blocked by an operator of the proxy\r\n';
    const expected = `+OK\r\n${error}$1\r\n1\r\n+PONG\r\n${error}$1\r\n1\r\n`;
    assert.equal(String(await client.readUntil(expected.length)), expected);
    client.destroy();
    await unblock(id);
  });

  test('requests of a command are', async () => {
    const id = await block({ pool: 'red', command: 'HGETALL' });
    const client = await daemon.client('red');
    isBlocked(await client.command('HGETALL', 'x'));
    assert.equal(await client.command('HGET', 'x', 'y'), null);
    client.destroy();
    await unblock(id);
  });

  test('requests of a client are, and not those of others', async () => {
    const [client, other] = [await daemon.client('red'), await daemon.client('red')];
    const id = await block({ pool: 'red', client: `127.0.0.1:${client.socket.localPort}` });
    isBlocked(await client.command('GET', 'x'));
    assert.equal(await client.command('PING'), 'PONG');
    assert.equal(await other.command('GET', 'x'), null);
    await unblock(id);
    const all = await block({ pool: 'red', client: '127.0.0.1' });
    isBlocked(await other.command('GET', 'x'));
    await unblock(all);
    for (const each of [client, other]) {
      assert.equal(await each.command('GET', 'x'), null);
      each.destroy();
    }
  });

  test('a transaction with a blocked request is not run', async () => {
    const id = await block({ pool: 'red', key: 'hot' });
    const client = await daemon.client('red');
    await client.command('SET', '{hot}2', 'before');
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('SET', '{hot}2', 'after'), 'QUEUED');
    isBlocked(await client.command('SET', 'hot', '2'));
    const ran = await client.command('EXEC');
    assert.ok(ran instanceof RespError && ran.text.startsWith('EXECABORT'), String(ran));
    assert.equal(String(await client.command('GET', '{hot}2')), 'before');
    client.destroy();
    await unblock(id);
  });

  test('memcached clients read it in the words of their dialect', async () => {
    const id = await block({ pool: 'mem', key: 'hot' });
    const client = await daemon.client('mem');
    const error = 'SERVER_ERROR blocked by an operator of the proxy\r\n';
    client.send('get hot\r\nset hot 0 0 1 noreply\r\n1\r\nget a hot b\r\nset a 0 0 1\r\n1\r\nmg hot v\r\n');
    const expected = `${error}${error}STORED\r\n${error}`;
    assert.equal(String(await client.readUntil(expected.length)), expected);
    client.send('version\r\n');
    assert.match(String(await client.readUntil('\r\n')), /^VERSION/);
    client.destroy();
    const binary = await daemon.client('mem');
    binary.send(
      Buffer.from(
        `80000003${'00'.repeat(4)}00000003${'00000007'}${'00'.repeat(8)}${Buffer.from('hot').toString('hex')}`,
        'hex',
      ),
    );
    const head = await binary.readUntil(24);
    assert.equal(head.readUInt8(0), 0x81);
    assert.notEqual(head.readUInt16BE(6), 0);
    const text = String(await binary.readUntil(head.readUInt32BE(8)));
    assert.match(text, /blocked by an operator of the proxy/);
    binary.destroy();
    await unblock(id);
  });
});

test('workers that start later refuse it, too, from their first request on; a reload keeps it', async () => {
  const id = await block({ pool: 'red', key: 'hot' });
  assert.equal((await askAdmin(daemon.adminPort, '/-/restart-workers', { method: 'POST' })).status, 200);
  assert.equal((await askAdmin(daemon.adminPort, '/-/reload', { method: 'POST' })).status, 200);
  for (const client of await clients('red')) {
    isBlocked(await client.command('GET', 'hot'));
    client.destroy();
  }
  await unblock(id);
});

test('a block ends by itself', async () => {
  await block({ pool: 'red', key: 'brief', for: '50ms' });
  const client = await RawClient.connect(daemon.port('red'));
  await waitFor(async () => (await client.command('GET', 'brief')) === null, { what: 'the end of the block' });
  client.destroy();
});

test('from the command line', async () => {
  const { stdout } = await cli('block', 'red', '--key', 'hot', '--for', '10m');
  const id = /^blocked, (\d+): key hot in red, until \S+\n$/.exec(stdout)?.[1];
  assert.ok(id, stdout);
  assert.match((await cli('blocks')).stdout, new RegExp(`^${id} +red +key +hot +`, 'm'));
  assert.match((await cli('unblock', id)).stdout, /^no longer blocked/);
  assert.equal((await cli('blocks')).stdout, 'nothing is blocked\n');
  assert.equal((await cli('unblock', id)).code, 1);
  assert.match((await cli('block', 'red')).stderr, /give one of --key/);
});
