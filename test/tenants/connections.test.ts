// How many connections a user and an address may have: over all workers, in the protocol's words, live, and seen.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { askInOnePiece as ask } from '../support/ask-in-one-piece.ts';
import { packet, responseLength } from '../support/binary-packets.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const FULL = '-ERR max number of clients reached\r\n';
const NOAUTH = '-NOAUTH Authentication required.\r\n';
const MEMCACHED_FULL = 'ERROR Too many open connections\r\n';

const USERS = [
  'users:',
  '  app: { pools: [p], passwords: [secret], limits: { connections: 3 } }',
  '  other: { pools: [p], passwords: [secret] }',
];

async function start(t: TestContext, settings: readonly string[], users: readonly string[], workers = 3) {
  const server = await startRedis();
  t.after(() => server.kill());
  return startDaemon(
    t,
    { p: { protocol: 'redis', servers: [server.port], settings: [...settings] } },
    { workers, settings: [...users] },
  );
}

async function client(t: TestContext, daemon: Daemon, pool = 'p'): Promise<RawClient> {
  const connected = await daemon.client(pool, { timeoutMs: 20_000 });
  t.after(() => connected.destroy());
  return connected;
}

/** A client that has asked this, and what it read first; who is refused is gone. */
async function asked(t: TestContext, daemon: Daemon, ...command: readonly string[]) {
  const one = await client(t, daemon);
  one.send(encodeCommand(...command));
  const reply = String(await one.readReply());
  if (reply === FULL) await one.closed;
  return { one, reply };
}

/** Resolves when a client was counted there and, once it has left by `leave`, is no more: figures may be those of before it came. */
async function untilLeft(daemon: Daemon, pool: string, user: string, leave: () => unknown): Promise<void> {
  await daemon.untilMetric('ringmaster_user_connections', { pool, user }, 1);
  await leave();
  await daemon.untilMetric('ringmaster_user_connections', { pool, user }, 0);
}

const limits = async (daemon: Daemon) => JSON.parse((await askAdmin(daemon.adminPort, '/api/v1/limits')).text);

async function set(daemon: Daemon, settings: Readonly<Record<string, string>>, toDefault: readonly string[] = []) {
  const body = { set: settings, toDefault };
  const { status, text } = await askAdmin(daemon.adminPort, '/api/v1/settings', { method: 'PATCH', body });
  assert.equal(status, 200, text);
}

/** Fills what is left for the user; a place that was left may be on its way from worker to worker. */
async function untilSignedIn(t: TestContext, daemon: Daemon): Promise<RawClient> {
  for (;;) {
    const { one, reply } = await asked(t, daemon, 'AUTH', 'app', 'secret');
    if (reply === '+OK\r\n') return one;
    assert.equal(reply, FULL);
  }
}

test('of a user: as many as it may, over all workers; one more is told so and closed, and a place that is left is free', async t => {
  const daemon = await start(t, [], USERS);
  const inside: RawClient[] = [];
  for (let i = 0; i < 3; i++) {
    const { one, reply } = await asked(t, daemon, 'AUTH', 'app', 'secret');
    assert.equal(reply, '+OK\r\n');
    inside.push(one);
  }
  for (let i = 0; i < 6; i++) {
    const refused = await client(t, daemon);
    refused.send(encodeCommand('AUTH', 'app', 'secret'));
    refused.send(encodeCommand('PING'));
    assert.equal(String(await refused.readToEnd()), FULL);
  }
  const hello = await client(t, daemon);
  hello.send(encodeCommand('HELLO', '3', 'AUTH', 'app', 'secret', 'SETNAME', 'x'));
  assert.equal(String(await hello.readToEnd()), FULL);
  // A wrong password reads as before, and others are not touched.
  assert.match((await asked(t, daemon, 'AUTH', 'app', 'wrong')).reply, /^-WRONGPASS/);
  assert.equal((await asked(t, daemon, 'AUTH', 'other', 'secret')).reply, '+OK\r\n');
  for (const one of inside) assert.equal(await one.command('PING'), 'PONG');

  const of = { pool: 'p', user: 'app' };
  await daemon.untilMetric('ringmaster_user_connections', of, 3);
  await daemon.untilMetric('ringmaster_user_turned_away_connections_total', of, 7);
  const over = (await limits(daemon)).over.map(({ since: _, ...rest }: { since: string }) => rest);
  assert.deepEqual(over, [{ pool: 'p', scope: 'user', name: 'app', over: 'connections', workers: 0 }]);
  const rows = JSON.parse((await askAdmin(daemon.adminPort, '/api/v1/users')).text).users;
  assert.equal(rows.find(({ user }: { user: string }) => user === 'app').connections, 3);

  inside.pop()?.destroy();
  await daemon.untilMetric('ringmaster_user_connections', of, 2);
  await untilSignedIn(t, daemon);
  await daemon.untilMetric('ringmaster_user_connections', of, 3);
});

test('who signs in again, as somebody else, or as nobody, leaves its place', async t => {
  const daemon = await start(t, [], USERS, 1);
  const one = await client(t, daemon);
  const three = [await client(t, daemon), await client(t, daemon)];
  for (const each of [one, ...three]) assert.equal(await each.command('AUTH', 'app', 'secret'), 'OK');
  // The same user again is the same connection.
  assert.equal(await one.command('AUTH', 'app', 'secret'), 'OK');
  assert.equal((await asked(t, daemon, 'AUTH', 'app', 'secret')).reply, FULL);
  assert.equal(await one.command('AUTH', 'other', 'secret'), 'OK');
  const { one: next, reply } = await asked(t, daemon, 'AUTH', 'app', 'secret');
  assert.equal(reply, '+OK\r\n');
  assert.equal((await asked(t, daemon, 'AUTH', 'app', 'secret')).reply, FULL);
  assert.equal(await ask(next, ['RESET'], ['GET', 'k']), `+RESET\r\n${NOAUTH}`);
  assert.equal((await asked(t, daemon, 'AUTH', 'app', 'secret')).reply, '+OK\r\n');
  // One that is no longer anybody may come back as well as not: it is full, and that is its last word.
  next.send(encodeCommand('AUTH', 'app', 'secret'));
  assert.equal(String(await next.readToEnd()), FULL);
});

test('a pipeline that signs in goes on in its order while the place is asked for, at any split', async t => {
  const daemon = await start(t, [], USERS, 2);
  const pipeline = Buffer.concat([
    encodeCommand('ECHO', 'before'),
    encodeCommand('HELLO', '2', 'AUTH', 'app', 'secret', 'SETNAME', 'me'),
    encodeCommand('SET', 'k', 'v'),
    encodeCommand('CLIENT', 'GETNAME'),
    encodeCommand('GET', 'k'),
    encodeCommand('ECHO', 'after'),
  ]);
  for (let at = 1; at < pipeline.length; at += 13) {
    const one = await untilGone(t, daemon);
    one.send(pipeline.subarray(0, at));
    one.send(pipeline.subarray(at));
    const [before, hello, ...rest] = (await one.readReplies(6)).map(String);
    assert.equal(before, NOAUTH);
    assert.match(hello ?? '', /^\*14/);
    assert.deepEqual(rest, ['+OK\r\n', '$2\r\nme\r\n', '$1\r\nv\r\n', '$5\r\nafter\r\n'], `split at ${at}`);
    one.end();
    await one.closed;
  }
});

/** A new client, once all that were signed in before are gone. */
async function untilGone(t: TestContext, daemon: Daemon): Promise<RawClient> {
  await daemon.untilMetric('ringmaster_user_connections', { pool: 'p', user: 'app' }, 0);
  return client(t, daemon);
}

test('of an address: refused when it comes; a worker that dies gives its places back', async t => {
  const daemon = await start(t, ['address_limits: { connections: 4 }'], [], 2);
  const inside: RawClient[] = [];
  for (let i = 0; i < 4; i++) inside.push(await client(t, daemon));
  for (const one of inside) assert.equal(await one.command('PING'), 'PONG');
  for (let i = 0; i < 3; i++) {
    const refused = await client(t, daemon);
    assert.equal(String(await refused.readToEnd()), FULL);
  }
  await daemon.untilMetric('ringmaster_pool_limit_turned_away_clients_total', { pool: 'p' }, 3);
  await daemon.untilMetric('ringmaster_pool_clients_turned_away_total', { pool: 'p' }, 3);
  assert.equal((await limits(daemon)).over[0].name, '127.0.0.1');

  const before = daemon.ringmaster.workerPids();
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await Promise.all(inside.map(one => one.closed));
  await waitFor(() => daemon.ringmaster.workerPids().filter(pid => !before.includes(pid)).length === 2, {
    what: 'two new workers',
  });
  for (let i = 0; i < 4; i++) assert.equal(await (await client(t, daemon)).command('PING'), 'PONG');
  assert.equal(String(await (await client(t, daemon)).readToEnd()), FULL);
});

test('live: who is in stays and counts, by a limit that comes, falls or goes', async t => {
  const daemon = await start(t, [], USERS, 2);
  const inside = await Promise.all([1, 2, 3].map(() => client(t, daemon)));
  for (const one of inside) assert.equal(await one.command('AUTH', 'app', 'secret'), 'OK');
  await set(daemon, { 'users.app.limits.connections': '2' });
  assert.equal((await asked(t, daemon, 'AUTH', 'app', 'secret')).reply, FULL);
  await set(daemon, {}, ['users.app.limits']);
  inside.push((await asked(t, daemon, 'AUTH', 'app', 'secret')).one);
  assert.equal(await inside[3]?.command('PING'), 'PONG');
  await set(daemon, { 'users.app.limits.connections': '4', 'p.address_limits.connections': '5' });
  assert.equal((await asked(t, daemon, 'AUTH', 'app', 'secret')).reply, FULL);
  for (const one of inside) assert.equal(await one.command('PING'), 'PONG');
  // All of them have come from one address, with who was refused gone: one more may come.
  await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'p' }, 4);
  const fifth = await client(t, daemon);
  assert.equal(await fifth.command('AUTH', 'other', 'secret'), 'OK');
  assert.equal(String(await (await client(t, daemon)).readToEnd()), FULL);
});

test('a user that clients are from the begin is full when they come', async t => {
  const users = ['users:', '  default: { pools: [p], nopass: true, limits: { connections: 1 } }', ...USERS.slice(1)];
  const daemon = await start(t, [], users, 1);
  const one = await client(t, daemon);
  assert.equal(String(await one.command('ACL', 'WHOAMI')), 'default');
  assert.equal(String(await (await client(t, daemon)).readToEnd()), FULL);
  assert.equal(await one.command('AUTH', 'app', 'secret'), 'OK');
  const next = await client(t, daemon);
  assert.equal(await next.command('PING'), 'PONG');
});

test('memcached: in its words, text and binary', async t => {
  const server = await startMemcached();
  t.after(() => server.kill());
  const users = ['users:', '  app: { pools: [p], passwords: [secret], limits: { connections: 1 } }'];
  const daemon = await startDaemon(
    t,
    { p: { protocol: 'memcached', servers: [server.port] } },
    { workers: 2, settings: users },
  );
  const SIGN_IN = 'set x 0 0 10\r\napp secret\r\n';
  const one = await client(t, daemon);
  one.send(`${SIGN_IN}set k 0 0 1\r\nv\r\nget k\r\n`);
  assert.equal(String(await one.readUntil(37)), 'STORED\r\nSTORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n');
  const text = await client(t, daemon);
  text.send(`${SIGN_IN}get k\r\n`);
  assert.equal(String(await text.readToEnd()), MEMCACHED_FULL);
  const binary = await client(t, daemon);
  const plain = packet(0x21, { key: 'PLAIN', value: '\0app\0secret' });
  binary.send(plain);
  const refusal = await binary.readToEnd();
  assert.equal(refusal.readUInt16BE(6), 0x85);
  assert.equal(String(refusal.subarray(24)), 'Too many open connections');
  await untilLeft(daemon, 'p', 'app', () => one.destroy());
  const again = await client(t, daemon);
  again.send(plain);
  const reply = await again.readUntil(arrived => responseLength(arrived));
  assert.equal(reply.readUInt16BE(6), 0);
});

test('a port that leads by user: each pool has its own count, and who is refused is told so', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const pool = { protocol: 'redis' as const, servers: [server.port], hasNoPort: true };
  const users = [
    'users:',
    '  one: { pools: [a], passwords: [secret], limits: { connections: 2 } }',
    '  two: { pools: [b], passwords: [secret], limits: { connections: 1 } }',
  ];
  const front = { protocol: 'redis' as const, servers: [], settings: ['pool_by: user'] };
  const daemon = await startDaemon(t, { front, a: pool, b: pool }, { workers: 2, settings: users });
  const as = async (name: string) => {
    const each = await client(t, daemon, 'front');
    each.send(Buffer.concat([encodeCommand('AUTH', name, 'secret'), encodeCommand('PING')]));
    return each;
  };
  const inside = [await as('one'), await as('two'), await as('one')];
  for (const each of inside) assert.deepEqual((await each.readReplies(2)).map(String), ['+OK\r\n', '+PONG\r\n']);
  assert.equal(String(await (await as('one')).readToEnd()), FULL);
  assert.equal(String(await (await as('two')).readToEnd()), FULL);
  // From one pool to the other: the place in the first is free then.
  await untilLeft(daemon, 'b', 'two', () => inside[1]?.destroy());
  assert.equal(await inside[0]?.command('AUTH', 'two', 'secret'), 'OK');
  const third = await as('one');
  assert.deepEqual((await third.readReplies(2)).map(String), ['+OK\r\n', '+PONG\r\n']);
  await daemon.untilMetric('ringmaster_user_connections', { pool: 'a', user: 'one' }, 2);
  await daemon.untilMetric('ringmaster_user_connections', { pool: 'b', user: 'two' }, 1);
});

test('a port that leads by database: one sign-in counts where the client is', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const pool = { protocol: 'redis' as const, servers: [server.port], hasNoPort: true };
  const users = ['users:', '  app: { pools: [a, b], passwords: [secret], limits: { connections: 1 } }'];
  const front = { protocol: 'redis' as const, servers: [], settings: ['pool_by: database', 'pools: { 0: a, 1: b }'] };
  const daemon = await startDaemon(t, { front, a: pool, b: pool }, { workers: 2, settings: users });
  const one = await client(t, daemon, 'front');
  assert.equal(await one.command('AUTH', 'app', 'secret'), 'OK');
  await untilLeft(daemon, 'a', 'app', async () => assert.equal(await one.command('SELECT', '1'), 'OK'));
  const two = await client(t, daemon, 'front');
  assert.equal(await two.command('AUTH', 'app', 'secret'), 'OK');
  await untilLeft(daemon, 'a', 'app', async () => {
    two.send(encodeCommand('SELECT', '1'));
    assert.equal(String(await two.readToEnd()), FULL);
  });
  await daemon.untilMetric('ringmaster_user_connections', { pool: 'b', user: 'app' }, 1);
  await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'a' }, 0);
  assert.equal(await one.command('SELECT', '0'), 'OK');
});

test('reload: a user that gets a limit counts those that are in', async t => {
  const users = ['users:', '  app: { pools: [p], passwords: [secret] }'];
  const daemon = await start(t, [], users, 2);
  const inside = await Promise.all([1, 2, 3].map(() => client(t, daemon)));
  for (const one of inside) assert.equal(await one.command('AUTH', 'app', 'secret'), 'OK');
  const { ringmaster } = daemon;
  const before = readFileSync(ringmaster.configFile, 'utf8');
  ringmaster.writeConfig(before.replace('passwords: [secret]', 'passwords: [secret], limits: { connections: 3 }'));
  ringmaster.signal('SIGHUP');
  await waitFor(async () => (await asked(t, daemon, 'AUTH', 'app', 'secret')).reply === FULL, { what: 'the limit' });
});
