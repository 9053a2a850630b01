// One port for several pools: the user that a Redis client signs in as chooses the pool.
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { askInOnePiece as ask } from '../support/ask-in-one-piece.ts';
import { run } from '../support/child.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';

const ALICES = 'alices-password';
const BOBS = 'bobs-password';

let alices: RedisServer;
let bobs: RedisServer;
let daemon: Daemon;
const release: (() => unknown)[] = [];

before(async () => {
  alices = await startRedis();
  bobs = await startRedis();
  const pool = (server: RedisServer) => ({ protocol: 'redis' as const, servers: [server.port], hasNoPort: true });
  const pools = {
    front: { protocol: 'redis' as const, servers: [], settings: ['pool_by: user'] },
    a: pool(alices),
    b: pool(bobs),
  };
  const users = [`alice: { pools: [a], passwords: [${ALICES}] }`, `bob: { pools: [b, a], passwords: [${BOBS}] }`];
  const settings = ['users:', ...users.map(line => `  ${line}`)];
  daemon = await startDaemon({ after: end => release.push(end as () => unknown) }, pools, { workers: 2, settings });
});

after(async () => {
  for (const end of release) await end();
  await alices.kill();
  await bobs.kill();
});

async function connect(t: TestContext): Promise<RawClient> {
  const client = await daemon.client('front');
  t.after(() => client.destroy());
  return client;
}

const NOAUTH = '-NOAUTH Authentication required.\r\n';
const WRONGPASS = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';

test('before it signs in a client reads what a server with a password answers', async t => {
  const requests = [
    ['PING'],
    ['GET', 'k'],
    ['CLIENT', 'SETNAME', 'me'],
    ['HELLO', '3'],
    ['NONSENSE'],
    ['GET'],
    ['AUTH', 'nobody', 'x'],
    ['AUTH', 'x'],
    ['AUTH', 'a', 'b', 'c'],
    ['MULTI'],
    ['SUBSCRIBE', 'c'],
    ['RESET'],
    ['QUIT'],
  ];
  const client = await connect(t);
  const guarded = await startRedis({ requirepass: 'secret' });
  t.after(() => guarded.kill());
  const server = await RawClient.connect(guarded.port);
  t.after(() => server.destroy());
  assert.equal(await ask(client, ...requests), await ask(server, ...requests));
  await client.closed;
});

test('AUTH leads to the pool of the user, and what was sent behind it is asked there', async t => {
  const [alice, bob] = [await connect(t), await connect(t)];
  assert.equal(
    await ask(alice, ['AUTH', 'alice', ALICES], ['SET', 'who', 'alice'], ['GET', 'who']),
    '+OK\r\n+OK\r\n$5\r\nalice\r\n',
  );
  assert.equal(
    await ask(bob, ['GET', 'who'], ['AUTH', 'bob', BOBS], ['GET', 'who'], ['SET', 'who', 'bob']),
    `${NOAUTH}+OK\r\n$-1\r\n+OK\r\n`,
  );
  assert.equal(await ask(alice, ['GET', 'who']), '$5\r\nalice\r\n');
  assert.equal(String(await alices.command('GET', 'who')), 'alice');
  assert.equal(String(await bobs.command('GET', 'who')), 'bob');
});

test('requests split at every byte', async t => {
  const bytes = Buffer.concat([
    encodeCommand('AUTH', 'alice', ALICES),
    encodeCommand('SET', 'split', 'v'),
    encodeCommand('AUTH', 'bob', BOBS),
    encodeCommand('EXISTS', 'split'),
  ]);
  const want = '+OK\r\n+OK\r\n+OK\r\n:0\r\n';
  const client = await connect(t);
  for (let at = 1; at < bytes.length; at++) {
    client.send(bytes.subarray(0, at));
    await new Promise(resolve => setImmediate(resolve));
    client.send(bytes.subarray(at));
    assert.equal((await client.readUntil(want.length)).toString(), want, `at ${at}`);
  }
});

test('a wrong password leaves the client where it was, as who it was', async t => {
  const client = await connect(t);
  assert.equal(await ask(client, ['AUTH', 'alice', 'wrong'], ['GET', 'who']), WRONGPASS + NOAUTH);
  assert.equal(await ask(client, ['AUTH', 'alice', ALICES], ['SET', 'where', 'a']), '+OK\r\n+OK\r\n');
  assert.equal(await ask(client, ['AUTH', 'bob', ALICES], ['GET', 'where']), `${WRONGPASS}$1\r\na\r\n`);
  assert.equal(await ask(client, ['AUTH', 'nobody', ALICES], ['GET', 'where']), `${WRONGPASS}$1\r\na\r\n`);
  assert.equal(await ask(client, ['HELLO', '2', 'AUTH', 'bob', 'x'], ['GET', 'where']), `${WRONGPASS}$1\r\na\r\n`);
});

test('another user later: between two requests, with all that was asked before answered first', async t => {
  const client = await connect(t);
  await ask(client, ['AUTH', 'alice', ALICES], ['SET', 'turn', 'a']);
  const gets = Array.from({ length: 500 }, () => ['GET', 'turn']);
  const replies = await ask(
    client,
    ...gets,
    ['AUTH', 'bob', BOBS],
    ['SET', 'turn', 'b'],
    ...gets,
    ['AUTH', 'alice', ALICES],
    ...gets,
  );
  const [a, b] = ['$1\r\na\r\n'.repeat(500), '$1\r\nb\r\n'.repeat(500)];
  assert.equal(replies, `${a}+OK\r\n+OK\r\n${b}+OK\r\n${a}`);
});

test('the client is who it signed in as', async t => {
  const client = await connect(t);
  const whoami = await ask(
    client,
    ['AUTH', 'alice', ALICES],
    ['ACL', 'WHOAMI'],
    ['AUTH', 'bob', BOBS],
    ['ACL', 'WHOAMI'],
  );
  assert.equal(whoami, '+OK\r\n$5\r\nalice\r\n+OK\r\n$3\r\nbob\r\n');
});

test('HELLO with AUTH, in RESP3', async t => {
  const client = await connect(t);
  const hello = await ask(client, ['HELLO', '3', 'AUTH', 'bob', BOBS, 'SETNAME', 'robert']);
  assert.match(hello, /^%7\r\n/);
  assert.equal(await ask(client, ['CLIENT', 'GETNAME'], ['GET', 'no such key']), '$6\r\nrobert\r\n_\r\n');
});

test('not in a transaction, nor with watched keys or channels', async t => {
  const client = await connect(t);
  await ask(client, ['AUTH', 'alice', ALICES]);
  const inside = await ask(client, ['MULTI'], ['AUTH', 'bob', BOBS], ['EXEC'], ['SET', 'still', 'a']);
  assert.match(inside, /^\+OK\r\n-ERR [^\r]+\r\n-EXECABORT [^\r]+\r\n\+OK\r\n$/);
  const watching = await ask(
    client,
    ['WATCH', 'still'],
    ['AUTH', 'bob', BOBS],
    ['GET', 'still'],
    ['UNWATCH'],
    ['AUTH', 'bob', BOBS],
    ['EXISTS', 'still'],
  );
  assert.match(watching, /^\+OK\r\n-ERR [^\r]*watched[^\r]*\r\n\$1\r\na\r\n\+OK\r\n\+OK\r\n:0\r\n$/);
  const other = await connect(t);
  await ask(other, ['HELLO', '3', 'AUTH', 'alice', ALICES]);
  assert.match(await ask(other, ['SUBSCRIBE', 'c']), /^>3/);
  assert.match(await ask(other, ['AUTH', 'bob', BOBS]), /^-ERR [^\r]*channels[^\r]*\r\n$/);
  assert.match(await ask(other, ['UNSUBSCRIBE', 'c']), /^>3/);
  assert.equal(await ask(other, ['AUTH', 'bob', BOBS], ['EXISTS', 'still']), '+OK\r\n:0\r\n');
});

test('RESET, also inside a transaction, takes the client back to the begin', async t => {
  const client = await connect(t);
  await ask(client, ['AUTH', 'alice', ALICES], ['SET', 'x', '1']);
  assert.equal(
    await ask(client, ['MULTI'], ['SET', 'x', '2'], ['RESET'], ['GET', 'x']),
    `+OK\r\n+QUEUED\r\n+RESET\r\n${NOAUTH}`,
  );
  assert.equal(await ask(client, ['AUTH', 'bob', BOBS], ['EXISTS', 'x']), '+OK\r\n:0\r\n');
});

test('clients count in the pool that serves them', async t => {
  const connections = (pool: string) => daemon.untilMetric.bind(daemon, 'ringmaster_pool_client_connections', { pool });
  await connections('front')(0);
  const clients = [await connect(t), await connect(t), await connect(t)] as const;
  await connections('front')(3);
  await ask(clients[0], ['AUTH', 'alice', ALICES]);
  await ask(clients[1], ['AUTH', 'bob', BOBS]);
  await connections('front')(1);
  await connections('a')(1);
  await connections('b')(1);
  assert.match(await ask(clients[0], ['CLIENT', 'LIST']), /^\$\d+\r\nid=/);
  for (const client of clients) client.destroy();
  for (const pool of ['front', 'a', 'b']) await connections(pool)(0);
});

test('redis-cli, ioredis and node-redis', async t => {
  const port = daemon.port('front');
  await alices.command('SET', 'mine', 'alices');
  await bobs.command('SET', 'mine', 'bobs');
  const cli = (user: string, password: string) =>
    run('redis-cli', ['-p', String(port), '--no-auth-warning', '--user', user, '--pass', password, 'get', 'mine']);
  assert.equal((await cli('alice', ALICES)).stdout.trim(), 'alices');
  assert.equal((await cli('bob', BOBS)).stdout.trim(), 'bobs');
  const ioredis = new Redis({ port, host: '127.0.0.1', username: 'alice', password: ALICES });
  t.after(() => ioredis.disconnect());
  assert.equal(await ioredis.get('mine'), 'alices');
  const nodeRedis = createClient({ username: 'bob', password: BOBS, socket: { port, host: '127.0.0.1' } });
  await nodeRedis.connect();
  t.after(() => nodeRedis.destroy());
  assert.equal(await nodeRedis.get('mine'), 'bobs');
  const modern = createClient({ RESP: 3, username: 'bob', password: BOBS, socket: { port, host: '127.0.0.1' } });
  await modern.connect();
  t.after(() => modern.destroy());
  assert.equal(await modern.get('mine'), 'bobs');
});

test('the port is ready while workers listen: it has no servers', async () => {
  const { body } = await daemon.page('/readyz');
  const report = JSON.parse(body) as { pools: { name: string; ready: boolean }[] };
  assert.equal(report.pools.find(({ name }) => name === 'front')?.ready, true);
});
