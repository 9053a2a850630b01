// One port for several pools: the database that a client selects is a pool.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { askInOnePiece as ask } from '../support/ask-in-one-piece.ts';
import { run } from '../support/child.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

interface Databases {
  readonly servers: readonly [RedisServer, RedisServer];
  readonly daemon: Daemon;
}

async function start(t: TestContext, settings: readonly string[] = []): Promise<Databases> {
  const servers = [await startRedis(), await startRedis()] as const;
  for (const server of servers) t.after(() => server.kill());
  const pool = (server: RedisServer) => ({
    protocol: 'redis' as const,
    servers: [server.port],
    settings,
    hasNoPort: true,
  });
  const front = {
    protocol: 'redis' as const,
    servers: [],
    settings: ['pool_by: database', 'pools: { 0: a, 1: b, 7: b }'],
  };
  return { servers, daemon: await startDaemon(t, { front, a: pool(servers[0]), b: pool(servers[1]) }) };
}

test('SELECT leads to the pool of the database; clients begin in that of 0', async t => {
  const { servers, daemon } = await start(t);
  const client = await daemon.client('front');
  const replies = await ask(
    client,
    ['SET', 'k', 'a'],
    ['SELECT', '1'],
    ['GET', 'k'],
    ['SET', 'k', 'b'],
    ['SELECT', '0'],
    ['GET', 'k'],
  );
  assert.equal(replies, '+OK\r\n+OK\r\n$-1\r\n+OK\r\n+OK\r\n$1\r\na\r\n');
  assert.equal(String(await servers[0].command('GET', 'k')), 'a');
  assert.equal(String(await servers[1].command('GET', 'k')), 'b');
  assert.equal(
    await ask(client, ['SELECT', '7'], ['GET', 'k'], ['SELECT', '1'], ['GET', 'k']),
    '+OK\r\n$1\r\nb\r\n+OK\r\n$1\r\nb\r\n',
  );
  client.destroy();
});

test('databases that are not there, and what is no number, read as with a server', async t => {
  const { servers, daemon } = await start(t);
  const client = await daemon.client('front');
  const server = await RawClient.connect(servers[0].port);
  for (const database of ['-1', '99999', 'x', '1x', '', '99999999999999999999']) {
    assert.equal(await ask(client, ['SELECT', database]), await ask(server, ['SELECT', database]), database);
  }
  assert.equal(await ask(client, ['SELECT', '2'], ['PING']), '-ERR DB index is out of range\r\n+PONG\r\n');
  client.destroy();
  server.destroy();
});

test('RESET takes the client back to database 0, and keeps nothing of its name', async t => {
  const { daemon } = await start(t);
  const client = await daemon.client('front');
  await ask(client, ['SET', 'k', 'a'], ['SELECT', '1'], ['CLIENT', 'SETNAME', 'me']);
  assert.equal(
    await ask(client, ['CLIENT', 'GETNAME'], ['EXISTS', 'k'], ['RESET'], ['EXISTS', 'k'], ['CLIENT', 'GETNAME']),
    '$2\r\nme\r\n:0\r\n+RESET\r\n:1\r\n$-1\r\n',
  );
  client.destroy();
});

test('no SELECT of another pool inside a transaction, nor while keys are watched', async t => {
  const { daemon } = await start(t);
  const client = await daemon.client('front');
  assert.match(
    await ask(client, ['MULTI'], ['SELECT', '1'], ['EXEC']),
    /^\+OK\r\n-ERR [^\r]+\r\n-EXECABORT [^\r]+\r\n$/,
  );
  assert.match(
    await ask(client, ['WATCH', 'k'], ['SELECT', '1'], ['SELECT', '0'], ['UNWATCH']),
    /^\+OK\r\n-ERR [^\r]+\r\n\+OK\r\n\+OK\r\n$/,
  );
  client.destroy();
});

test('one sign-in is for all databases', async t => {
  const servers = [await startRedis({ requirepass: 'secret' }), await startRedis({ requirepass: 'secret' })] as const;
  for (const server of servers) t.after(() => server.kill());
  const pool = (server: RedisServer) => ({
    protocol: 'redis' as const,
    servers: [server.port],
    settings: ['redis_auth: secret'],
    hasNoPort: true,
  });
  const front = { protocol: 'redis' as const, servers: [], settings: ['pool_by: database', 'pools: { 0: a, 1: b }'] };
  const daemon = await startDaemon(t, { front, a: pool(servers[0]), b: pool(servers[1]) });
  const client = await daemon.client('front');
  const NOAUTH = '-NOAUTH Authentication required.\r\n';
  assert.equal(
    await ask(client, ['SELECT', '1'], ['GET', 'k'], ['AUTH', 'wrong']),
    `${NOAUTH}${NOAUTH}-WRONGPASS invalid username-password pair or user is disabled.\r\n`,
  );
  assert.equal(
    await ask(client, ['AUTH', 'secret'], ['SELECT', '1'], ['SET', 'k', 'b'], ['SELECT', '0'], ['EXISTS', 'k']),
    '+OK\r\n+OK\r\n+OK\r\n+OK\r\n:0\r\n',
  );
  assert.equal(await ask(client, ['RESET'], ['GET', 'k']), `+RESET\r\n${NOAUTH}`);
  client.destroy();
});

test('a user who may use both pools is signed in to both, one who may not to neither', async t => {
  const servers = [await startRedis(), await startRedis()] as const;
  for (const server of servers) t.after(() => server.kill());
  const pool = (server: RedisServer) => ({ protocol: 'redis' as const, servers: [server.port], hasNoPort: true });
  const front = { protocol: 'redis' as const, servers: [], settings: ['pool_by: database', 'pools: { 0: a, 1: b }'] };
  const settings = ['users:', '  both: { pools: [a, b], passwords: [x] }', '  one: { pools: [a], passwords: [y] }'];
  const daemon = await startDaemon(t, { front, a: pool(servers[0]), b: pool(servers[1]) }, { settings });
  const client = await daemon.client('front');
  const both = await ask(
    client,
    ['AUTH', 'both', 'x'],
    ['SELECT', '1'],
    ['ACL', 'WHOAMI'],
    ['SELECT', '0'],
    ['ACL', 'WHOAMI'],
  );
  assert.equal(both, '+OK\r\n+OK\r\n$4\r\nboth\r\n+OK\r\n$4\r\nboth\r\n');
  const one = await ask(client, ['AUTH', 'one', 'y'], ['SELECT', '1'], ['ACL', 'WHOAMI'], ['SET', 'k', 'v']);
  assert.equal(one, '+OK\r\n-NOAUTH Authentication required.\r\n$3\r\none\r\n+OK\r\n');
  client.destroy();
});

test('redis-cli -n, and ioredis and node-redis with a database', async t => {
  const { servers, daemon } = await start(t);
  const port = daemon.port('front');
  await servers[0].command('SET', 'mine', 'a');
  await servers[1].command('SET', 'mine', 'b');
  const cli = (database: string) => run('redis-cli', ['-p', String(port), '-n', database, 'get', 'mine']);
  assert.equal((await cli('0')).stdout.trim(), 'a');
  assert.equal((await cli('1')).stdout.trim(), 'b');
  const ioredis = new Redis({ port, host: '127.0.0.1', db: 1 });
  t.after(() => ioredis.disconnect());
  assert.equal(await ioredis.get('mine'), 'b');
  const nodeRedis = createClient({ database: 7, socket: { port, host: '127.0.0.1' } });
  // It ends before the daemon does, whose end would be an error to it.
  await nodeRedis.connect();
  const mine = await nodeRedis.get('mine');
  nodeRedis.destroy();
  assert.equal(mine, 'b');
});
