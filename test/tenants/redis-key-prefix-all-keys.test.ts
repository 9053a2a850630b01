// DBSIZE, RANDOMKEY, FLUSHDB and FLUSHALL under a key prefix: about the keys with the prefix, of all servers, and no other.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import { type Answer, answering, startFakeBackend } from '../support/fake-backend.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { redisRequest, redisWords } from '../support/request-splitter.ts';
import { encodeCommand, RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const PREFIX = 'app:';
const OTHERS = ['', 'other:', 'ap', 'app;'];
const ALL_KEYS = 'it concerns all keys, those without the key_prefix too';

/** A pool under the prefix, whose servers have keys of others by the same names. */
async function start(t: TestContext, servers: number, settings: readonly string[] = []) {
  const pool = await startRedisPool(t, { servers, settings: [`key_prefix: "${PREFIX}"`, ...settings] });
  const client = await pool.client();
  t.after(() => client.destroy());
  const backends = await Promise.all(pool.servers.map(server => server.client()));
  t.after(() => backends.forEach(backend => void backend.destroy()));
  return { pool, client, backends };
}

async function fill(client: RawClient, names: readonly string[]): Promise<void> {
  client.send(Buffer.concat(names.map(name => encodeCommand('SET', name, 'v'))));
  for (const reply of await client.readReplies(names.length)) assert.equal(String(reply), '+OK\r\n');
}

const namesOf = (count: number, prefix = 'k') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

async function refuses(reply: Promise<unknown>, words: RegExp): Promise<void> {
  assert.match(JSON.stringify(await reply), words);
}

async function sizesOf(backends: readonly RawClient[]): Promise<number> {
  const sizes = await Promise.all(backends.map(backend => backend.command('DBSIZE')));
  return (sizes as number[]).reduce((sum, size) => sum + size, 0);
}

for (const servers of [1, 3]) {
  for (const version of [2, 3]) {
    test(`${servers} servers, RESP${version}: counted, chosen and removed are the keys with the prefix`, async t => {
      const { client, backends } = await start(t, servers);
      if (version === 3) await client.command('HELLO', 3);
      const ask = async (...words: readonly string[]) => {
        client.send(encodeCommand(...words));
        return String(await client.readReply());
      };
      const nothing = version === 3 ? '_\r\n' : '$-1\r\n';
      for (const backend of backends) for (const other of OTHERS) await fill(backend, namesOf(400, `${other}k`));
      const ofOthers = await sizesOf(backends);
      assert.equal(await ask('DBSIZE'), ':0\r\n');
      assert.equal(await ask('RANDOMKEY'), nothing);
      assert.equal(await ask('FLUSHDB'), '+OK\r\n');
      for (const flush of [
        ['FLUSHDB'],
        ['FLUSHDB', 'ASYNC'],
        ['flushdb', 'sync'],
        ['FLUSHALL'],
        ['FLUSHALL', 'ASYNC'],
      ]) {
        await fill(client, ['only']);
        assert.equal(await ask('RANDOMKEY'), '$4\r\nonly\r\n');
        await fill(client, namesOf(1700));
        assert.equal(await ask('DBSIZE'), ':1701\r\n');
        assert.match(await ask('RANDOMKEY'), /^\$\d\r\n(?:k\d+|only)\r\n$/);
        assert.equal(await ask(...flush), '+OK\r\n');
        assert.equal(await ask('DBSIZE'), ':0\r\n');
        assert.equal(await sizesOf(backends), ofOthers);
      }
      assert.equal(await ask('DBSIZE', 'x'), "-ERR wrong number of arguments for 'dbsize' command\r\n");
      for (const wrong of [
        ['FLUSHDB', 'x'],
        ['FLUSHALL', 'ASYNC', 'SYNC'],
      ]) {
        assert.equal(await ask(...wrong), '-ERR syntax error\r\n');
      }
    });
  }
}

test('each key may be chosen', async t => {
  const { client, backends } = await start(t, 3);
  for (const backend of backends) await fill(backend, namesOf(200, 'other:k'));
  const names = namesOf(12);
  await fill(client, names);
  const seen = new Set<string>();
  await waitFor(
    async () => {
      seen.add(String(await client.command('RANDOMKEY')));
      return seen.size === names.length;
    },
    { what: 'each key' },
  );
  assert.deepEqual([...seen].sort(), [...names].sort());
});

test('in a pipeline, cut at any byte, each request is done after those before it', async t => {
  const { client, backends } = await start(t, 2);
  await fill(backends[0]!, ['k1', 'other:k1']);
  const script = Buffer.concat(
    [
      ['MSET', 'k1', 'v', 'k2', 'v', 'k3', 'v'],
      ['DBSIZE'],
      ['FLUSHDB'],
      ['SET', 'k4', 'v'],
      ['DBSIZE'],
      ['RANDOMKEY'],
      ['GET', 'k1'],
      ['FLUSHALL'],
      ['DBSIZE'],
    ].map(words => encodeCommand(...words)),
  );
  const read = '+OK\r\n:3\r\n+OK\r\n+OK\r\n:1\r\n$2\r\nk4\r\n$-1\r\n+OK\r\n:0\r\n';
  for (let i = 1; i < script.length; i += 3) {
    client.send(script.subarray(0, i));
    await new Promise(resolve => setImmediate(resolve));
    client.send(script.subarray(i));
    assert.equal(String(Buffer.concat(await client.readReplies(9))), read, `cut at ${i}`);
  }
});

test('a client that watches keys goes on watching them, and transactions have none of it', async t => {
  const { client, pool } = await start(t, 2);
  const other = await pool.client();
  t.after(() => other.destroy());
  await fill(client, ['{a}1', '{a}2']);
  assert.equal(await client.command('WATCH', '{a}1'), 'OK');
  assert.equal(await client.command('DBSIZE'), 2);
  assert.equal(await client.command('MULTI'), 'OK');
  for (const name of ['dbsize', 'randomkey', 'flushdb', 'flushall']) {
    const words = `ERR '${name}' cannot be used through Ringmaster: ${ALL_KEYS}`;
    assert.deepEqual(await client.command(name), new RespError(words));
  }
  await refuses(client.command('EXEC'), /EXECABORT /);
  assert.equal(await client.command('WATCH', '{a}1'), 'OK');
  assert.equal(await client.command('DBSIZE'), 2);
  assert.equal(await other.command('FLUSHDB'), 'OK');
  assert.equal(await client.command('MULTI'), 'OK');
  assert.equal(await client.command('SET', '{a}1', 'mine'), 'QUEUED');
  assert.equal(await client.command('EXEC'), null);
  assert.equal(await client.command('DBSIZE'), 0);
  client.send(encodeCommand('CLIENT', 'REPLY', 'SKIP'));
  client.send(Buffer.concat([encodeCommand('FLUSHDB'), encodeCommand('PING')]));
  assert.equal(String(await client.readReply()), '+PONG\r\n');
});

test('databases: each has its own keys, FLUSHALL is for all that clients may choose from', async t => {
  const { client, backends } = await start(t, 2, ['databases: 3']);
  for (const backend of backends) {
    for (const database of [0, 1, 2, 5]) {
      await backend.command('SELECT', database);
      await fill(backend, ['k', 'app:none-of-the-pool'].slice(0, database === 5 ? 2 : 1));
    }
  }
  for (const database of [0, 1, 2]) {
    await client.command('SELECT', database);
    await fill(client, namesOf(10 + database));
  }
  await client.command('SELECT', 1);
  assert.equal(await client.command('DBSIZE'), 11);
  assert.equal(await client.command('FLUSHDB'), 'OK');
  assert.equal(await client.command('DBSIZE'), 0);
  await client.command('SELECT', 2);
  assert.equal(await client.command('DBSIZE'), 12);
  assert.equal(await client.command('FLUSHALL'), 'OK');
  for (const database of [0, 1, 2]) {
    await client.command('SELECT', database);
    assert.equal(await client.command('DBSIZE'), 0);
  }
  for (const backend of backends) {
    for (const database of [0, 1, 2, 5]) {
      await backend.command('SELECT', database);
      assert.equal(await backend.command('DBSIZE'), database === 5 ? 2 : 1);
    }
  }
});

test('a user that may use some databases empties no other', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const hash = createHash('sha256').update('1').digest('hex');
  const user = `  one: { pools: [pool], passwords: ['#${hash}'], key_prefix: 'one:', databases: [1] }`;
  const pool = { protocol: 'redis', servers: [redis.port], settings: ['databases: 2'] } as const;
  const daemon = await startDaemon(t, { pool }, { settings: ['users:', user] });
  const server = await redis.client();
  await fill(server, ['one:k']);
  const client = await daemon.client('pool');
  await client.command('AUTH', 'one', '1');
  await refuses(client.command('FLUSHALL'), /NOPERM /);
  await refuses(client.command('FLUSHDB'), /NOPERM /);
  await client.command('SELECT', 1);
  await fill(client, ['k']);
  await refuses(client.command('FLUSHALL'), /NOPERM /);
  assert.equal(await client.command('FLUSHDB'), 'OK');
  assert.equal(await client.command('DBSIZE'), 0);
  assert.equal(await server.command('EXISTS', 'one:k'), 1);
  for (const each of [client, server]) each.destroy();
});

/** A pool of one real server and one that answers this. */
async function startWith(t: TestContext, answer: Answer, settings: readonly string[] = []) {
  const redis: RedisServer = await startRedis();
  const fake = await startFakeBackend(answering(redisRequest, answer));
  t.after(() => Promise.all([redis.kill(), fake.close()]));
  const lines = [`key_prefix: '${PREFIX}'`, 'auto_eject_hosts: false', ...settings];
  const pool = { protocol: 'redis', servers: [redis.port, fake.port], settings: lines } as const;
  const daemon = await startDaemon(t, { pool });
  const client = await daemon.client('pool');
  t.after(() => client.destroy());
  return { daemon, client, fake, redis };
}

const COMMANDS = ['DBSIZE', 'RANDOMKEY', 'FLUSHDB', 'FLUSHALL'];
const named = (request: Buffer) => String(redisWords(request)[0]).toLowerCase();
const page = (cursor: number, ...names: readonly string[]) =>
  `*2\r\n$${String(cursor).length}\r\n${cursor}\r\n*${names.length}\r\n${names.map(name => `$${name.length}\r\n${name}\r\n`).join('')}`;

test('what a server answers instead is what the client reads, and nothing more is asked', async t => {
  const errors = [
    '-LOADING Redis is loading the dataset in memory\r\n',
    "-NOPERM this user has no permissions to run the 'scan' command\r\n",
    '-MASTERDOWN Link with MASTER is down\r\n',
  ];
  let error = '';
  const { client } = await startWith(t, () => error);
  for (error of errors) {
    for (const command of COMMANDS) {
      client.send(encodeCommand(command));
      assert.equal(String(await client.readReply()), error, command);
    }
  }
  for (error of [
    '+OK\r\n',
    '*2\r\n$1\r\nx\r\n*0\r\n',
    '*2\r\n$1\r\n0\r\n*1\r\n:1\r\n',
    '*1\r\n$1\r\n0\r\n',
    ':5\r\n',
  ]) {
    for (const command of COMMANDS) {
      const words = `ERR '${command.toLowerCase()}': a server answered SCAN with something else`;
      assert.deepEqual(await client.command(command), new RespError(words), `${command} ${error}`);
    }
  }
  assert.equal(await client.command('PING'), 'PONG');
});

test('a removal that a server refuses is told', async t => {
  const refusal = "-READONLY You can't write against a read only replica.\r\n";
  const { client } = await startWith(t, request => (named(request) === 'scan' ? page(0, 'app:x') : refusal));
  client.send(Buffer.concat([encodeCommand('FLUSHDB'), encodeCommand('PING')]));
  assert.equal(String(Buffer.concat(await client.readReplies(2))), `${refusal}+PONG\r\n`);
});

test('a server that tells a name twice has it once', async t => {
  const pages = [page(7, 'app:a', 'app:b'), page(3, 'app:b', 'app:c'), page(0, 'app:a', 'app:d')];
  const { client } = await startWith(t, (_, nth) => pages[nth % 3]!);
  assert.equal(await client.command('DBSIZE'), 4);
});

test('a server that does not take a cursor by chance is asked from the beginning', async t => {
  const answer: Answer = request => {
    const [command, cursor] = redisWords(request).map(String);
    if (command !== 'SCAN') return ':1\r\n';
    return cursor === '0' ? page(0, 'app:a') : '-ERR invalid cursor\r\n';
  };
  const { client } = await startWith(t, answer);
  assert.equal(String(await client.command('RANDOMKEY')), 'a');
});

test('a server that does not answer costs the timeout, and the client reads that', async t => {
  const { client } = await startWith(t, () => null, ['timeout: 200ms']);
  for (const command of COMMANDS) {
    assert.deepEqual(await client.command(command), new RespError('ERR Connection timed out'), command);
  }
});

test('a server that is not there', async t => {
  const { client, fake } = await startWith(t, () => null);
  await fake.close();
  for (const command of COMMANDS) {
    assert.deepEqual(await client.command(command), new RespError('ERR Connection refused'), command);
  }
});

test('a server that never comes to an end is given sweep_timeout', async t => {
  let cursor = 0;
  const answer: Answer = request => (named(request) === 'scan' ? page(++cursor) : ':0\r\n');
  const { client } = await startWith(t, answer, ['sweep_timeout: 100ms']);
  for (const command of COMMANDS) {
    const left = command.startsWith('FLUSH') ? '; some of the keys are removed' : '';
    const words = `ERR '${command.toLowerCase()}' under a key_prefix took longer than the setting sweep_timeout of this pool${left}`;
    assert.deepEqual(await client.command(command), new RespError(words));
  }
  assert.equal(await client.command('PING'), 'PONG');
});

/** A pool of one sweep at once, whose fake server answers SCAN when the test says so. */
async function startHeld(t: TestContext, settings: readonly string[] = []) {
  const held: (() => void)[] = [];
  const answer: Answer = (request, _, { socket }) => {
    if (named(request) !== 'scan') return ':0\r\n';
    held.push(() => void socket.write(page(0, 'app:k')));
    return null;
  };
  const pool = await startWith(t, answer, ['max_sweeps: 1', 'timeout: 30s', ...settings]);
  const others = await Promise.all([1, 2].map(() => pool.daemon.client('pool')));
  t.after(() => others.forEach(each => void each.destroy()));
  pool.client.send(encodeCommand('DBSIZE'));
  await waitFor(() => held.length === 1, { what: 'the first to be at the server' });
  return { ...pool, held, others };
}

test('more than max_sweeps wait for their turn, and those that are gone have none', async t => {
  const { client, daemon, held, others } = await startHeld(t);
  for (const other of others) other.send(encodeCommand('DBSIZE'));
  await daemon.untilMetric('ringmaster_pool_sweeps_waiting', {}, 2);
  await daemon.untilMetric('ringmaster_pool_sweep_waits_total', {}, 2);
  assert.equal(held.length, 1);
  others[0]!.reset();
  await daemon.untilMetric('ringmaster_pool_sweeps_waiting', {}, 1);
  client.reset();
  await daemon.untilMetric('ringmaster_pool_client_connections', {}, 1);
  assert.equal(held.length, 1, 'its turn lasts until the server has answered');
  held.shift()!();
  await waitFor(() => held.length === 1, { what: 'the one that waited to be at the server' });
  held.shift()!();
  assert.equal(String(await others[1]!.readReply()), ':1\r\n');
  await daemon.untilMetric('ringmaster_pool_sweeps_running', {}, 0);
});

test('none waits for its turn for longer than sweep_timeout', async t => {
  const { client, held, others } = await startHeld(t, ['sweep_timeout: 200ms']);
  const words =
    "-ERR 'flushdb' under a key_prefix was not begun within sweep_timeout: max_sweeps of such requests go on at once\r\n";
  for (const other of others) other.send(encodeCommand('FLUSHDB'));
  for (const other of others) assert.equal(String(await other.readReply()), words);
  assert.equal(held.length, 1);
  held.shift()!();
  const late = "-ERR 'dbsize' under a key_prefix took longer than the setting sweep_timeout of this pool\r\n";
  assert.equal(String(await client.readReply()), late);
});

test('names that are more than keys_limit are not collected', async t => {
  const { client } = await startWith(
    t,
    request => (named(request) === 'scan' ? page(0, `app:${'x'.repeat(8000)}`) : ':1\r\n'),
    ['keys_limit: 4kb'],
  );
  for (const command of COMMANDS) {
    const words = `ERR '${command.toLowerCase()}' cannot be used through Ringmaster: names of keys are more bytes than the setting keys_limit of this pool allows`;
    assert.deepEqual(await client.command(command), new RespError(words));
  }
});

test('a client that leaves is asked for no more', async t => {
  let hasLeft = () => {};
  let scans = 0;
  const answer: Answer = (request, _, { socket }) => {
    if (named(request) !== 'scan') return ':0\r\n';
    scans++;
    if (scans < 5) return page(scans);
    hasLeft = () => void socket.write(page(99));
    return null;
  };
  const { client, daemon, fake } = await startWith(t, answer);
  client.send(encodeCommand('DBSIZE'));
  await waitFor(() => scans === 5, { what: 'the fifth step' });
  // Once it was counted, nobody is who was not there yet.
  await daemon.untilMetric('ringmaster_pool_client_connections', {}, 1);
  client.destroy();
  await daemon.untilMetric('ringmaster_pool_client_connections', {}, 0);
  hasLeft();
  const next = await daemon.client('pool');
  t.after(() => next.destroy());
  // Whatever was asked for the one that left comes before what the next one asks.
  fake.handler = answering(redisRequest, () => page(0, `app:${++scans}`));
  assert.equal(await next.command('DBSIZE'), 1);
  assert.equal(scans, 6);
});

test('a cluster: keys of all nodes, also of a slot on its way from one to the other', async t => {
  const cluster = await startCluster({ primaries: 2 });
  t.after(() => cluster.stop());
  const settings = ['timeout: 5s', `key_prefix: '${PREFIX}'`];
  const daemon = await startClusterPool(t, portsOf(cluster), { settings });
  const client = await daemon.client('orders');
  t.after(() => client.destroy());
  const backends = cluster.nodes.map(({ server }) => server);
  const keys = namesOf(600);
  await fill(client, keys);
  for (const name of namesOf(50)) await (await cluster.ownerOf(slotOf(name))).server.command('SET', name, 'v');
  assert.equal(await client.command('DBSIZE'), 600);
  assert.ok(keys.includes(String(await client.command('RANDOMKEY'))));
  const slot = slotOf(`${PREFIX}{s}`);
  await fill(client, namesOf(20, '{s}'));
  const from = await cluster.ownerOf(slot);
  const to = cluster.nodes.find(node => node !== from)!;
  await cluster.moveSlot(slot, from, to, async () => {
    const some = (await from.server.command('CLUSTER', 'GETKEYSINSLOT', slot, 7)) as Buffer[];
    await from.server.command('MIGRATE', '127.0.0.1', to.server.port, '', 0, 5000, 'KEYS', ...some);
    assert.equal(await client.command('DBSIZE'), 620);
    assert.equal(await client.command('FLUSHALL'), 'OK');
    assert.equal(await client.command('DBSIZE'), 0);
  });
  const left = await Promise.all(backends.map(async server => (await server.command('DBSIZE')) as number));
  assert.equal(left[0]! + left[1]!, 50);
  await fill(client, namesOf(20, '{s}'));
  assert.equal(await client.command('FLUSHDB'), 'OK');
  assert.equal(await client.command('DBSIZE'), 0);
});
