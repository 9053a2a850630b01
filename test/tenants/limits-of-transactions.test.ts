// A transaction that comes whole and is under limits: it goes over the connection that all share, is let through and charged as a
// whole, waits as a whole, or is refused as a whole; where there is never so much at once, it goes in parts.
// Rates are so small that nothing fills while a test runs, unless it says otherwise.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';

const LIMITED = '-ERR over a limit for this client, its user or its pool: try again later\r\n';
const TOO_LARGE = '-ERR the request is larger than the limits for this client, its user or its pool allow\r\n';
const ABORTED = '-EXECABORT Transaction discarded because of previous errors.\r\n';
const wire = (...lines: readonly string[]) => Buffer.concat(lines.map(line => encodeCommand(...line.split(' '))));

interface Started {
  readonly daemon: Daemon;
  readonly server: RedisServer;
  client(): Promise<RawClient>;
  set(settings: Readonly<Record<string, string | null>>): Promise<void>;
  /** The only connection that a client may have to itself is another's from now on. */
  takePrivate(): Promise<void>;
}

async function start(t: TestContext, settings: readonly string[], workers = 1): Promise<Started> {
  const server = await startRedis();
  t.after(() => server.kill());
  const all = ['private_connections: 1', 'queue_timeout: 100ms', ...settings];
  const daemon = await startDaemon(
    t,
    { pool: { protocol: 'redis', servers: [server.port], settings: all } },
    { workers },
  );
  const client = async () => {
    const connected = await daemon.client('pool', { timeoutMs: 20_000 });
    t.after(() => connected.destroy());
    return connected;
  };
  const set = async (changed: Readonly<Record<string, string | null>>) => {
    const named = Object.entries(changed);
    const toDefault = named.flatMap(([path, value]) => (value === null ? [path] : []));
    const body = { set: Object.fromEntries(named.filter(([, value]) => value !== null)), toDefault };
    const { status, text } = await askAdmin(daemon.adminPort, '/api/v1/settings', { method: 'PATCH', body });
    assert.equal(status, 200, text);
  };
  const takePrivate = async () => assert.equal(await (await client()).command('WATCH', 'held'), 'OK');
  return { daemon, server, client, set, takePrivate };
}

const read = async (client: RawClient, count: number) => (await client.readReplies(count)).map(String);
const waiting = (daemon: Daemon, clients: number) =>
  daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, clients);

test('it needs no connection of its own, with a prefix and without, and all of it is charged', async t => {
  for (const settings of [[], ["key_prefix: 'app:'"]]) {
    const { client, set, takePrivate, server } = await start(t, settings);
    await takePrivate();
    const one = await client();
    await set({ 'pool.limits.requests': '12/24h', 'pool.limits.burst': '24h', 'pool.limits.over': 'error' });
    for (let i = 1; i <= 2; i++) {
      one.send(wire('MULTI', 'INCR n', 'SET k v', 'GET k', 'EXEC'));
      assert.deepEqual(await read(one, 5), [
        '+OK\r\n',
        ...Array(3).fill('+QUEUED\r\n'),
        `*3\r\n:${i}\r\n+OK\r\n$1\r\nv\r\n`,
      ]);
    }
    one.send(wire('GET n', 'GET n', 'GET n'));
    assert.deepEqual(await read(one, 3), ['$1\r\n2\r\n', '$1\r\n2\r\n', LIMITED]);
    assert.equal(String(await server.command('GET', settings.length === 0 ? 'n' : 'app:n')), '2');
  }
});

test('it waits as a whole: nothing of it is begun before all of it may go on, and others come behind it', async t => {
  const { daemon, client, set, server, takePrivate } = await start(t, []);
  await takePrivate();
  const [one, other] = [await client(), await client()];
  await set({ 'pool.limits.requests': '6/24h', 'pool.limits.burst': '24h' });
  one.send(wire('SET a 0', 'SET b 0', 'MULTI', 'INCR a', 'INCR b', 'INCR a', 'EXEC', 'GET a'));
  assert.deepEqual(await read(one, 2), ['+OK\r\n', '+OK\r\n']);
  await waiting(daemon, 1);
  // There would be enough for this.
  other.send(wire('SET c 1'));
  await waiting(daemon, 2);
  const found = (await server.command('MGET', 'a', 'b', 'c')) as (Buffer | null)[];
  assert.deepEqual(found.map(String), ['0', '0', 'null']);
  await set({ 'pool.limits.requests': '1000/s', 'pool.limits.burst': '1s' });
  assert.deepEqual(await read(one, 6), [
    '+OK\r\n',
    ...Array(3).fill('+QUEUED\r\n'),
    '*3\r\n:1\r\n:1\r\n:2\r\n',
    '$1\r\n2\r\n',
  ]);
  assert.deepEqual(await read(other, 1), ['+OK\r\n']);
});

test('a client that leaves while its transaction waits makes way when it is its turn', async t => {
  const { daemon, client, set } = await start(t, []);
  const [one, other] = [await client(), await client()];
  await set({ 'pool.limits.requests': '6/24h', 'pool.limits.burst': '24h' });
  one.send(wire('SET a 0', 'SET b 0', 'MULTI', 'INCR a', 'INCR a', 'INCR a', 'EXEC'));
  await read(one, 2);
  await waiting(daemon, 1);
  other.send(wire('SET c 1', 'GET a'));
  await waiting(daemon, 2);
  one.socket.resetAndDestroy();
  await set({ 'pool.limits.requests': '1000/s', 'pool.limits.burst': '1s' });
  // All of it, or nothing.
  assert.match((await read(other, 2)).join(''), /^\+OK\r\n\$1\r\n[03]\r\n$/);
  await waiting(daemon, 0);
  await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'pool' }, 1);
});

test('with errors it is refused as a whole, costs nothing, and no server hears of it', async t => {
  const { client, set, server, takePrivate, daemon } = await start(t, []);
  await takePrivate();
  const one = await client();
  await set({ 'pool.limits.requests': '4/24h', 'pool.limits.burst': '24h', 'pool.limits.over': 'error' });
  const multis = async () =>
    /cmdstat_multi:calls=(\d+)/.exec(String(await server.command('INFO', 'commandstats')))?.[1];
  one.send(wire('MULTI', 'SET a 1', 'SET a 2', 'SET a 3', 'EXEC', 'MULTI', 'SET a 1', 'INCR a', 'EXEC', 'GET a'));
  assert.deepEqual(await read(one, 10), [
    '+OK\r\n',
    ...Array(3).fill(LIMITED),
    ABORTED,
    '+OK\r\n',
    '+QUEUED\r\n',
    '+QUEUED\r\n',
    '*2\r\n+OK\r\n:2\r\n',
    LIMITED,
  ]);
  assert.equal(await multis(), '1');
  await daemon.untilMetric('ringmaster_pool_limit_refusals_total', { pool: 'pool' }, 4);
  // What the client wants no answer to it does not get.
  one.send(wire('CLIENT REPLY OFF', 'MULTI', 'SET a 4', 'SET a 4', 'SET a 4', 'EXEC', 'CLIENT REPLY ON'));
  assert.deepEqual(await read(one, 1), ['+OK\r\n']);
});

test('one request of it that is too large is named, the others are queued, and nothing is run or charged', async t => {
  const { client, set } = await start(t, []);
  const one = await client();
  await set({ 'pool.limits.requests': '4/24h', 'pool.limits.burst': '24h', 'pool.limits.request_bytes': '64' });
  one.send(wire('MULTI', 'SET a 1', `SET b ${'x'.repeat(64)}`, 'EXEC', 'GET a', 'MULTI', 'SET a 2', 'EXEC'));
  assert.deepEqual(await read(one, 8), [
    '+OK\r\n',
    '+QUEUED\r\n',
    TOO_LARGE,
    ABORTED,
    '$-1\r\n',
    '+OK\r\n',
    '+QUEUED\r\n',
    '*1\r\n+OK\r\n',
  ]);
});

test('one of more requests than the burst goes in parts, as they are let through', async t => {
  const { daemon, client, set } = await start(t, []);
  const one = await client();
  await set({ 'pool.limits.requests': '4/24h', 'pool.limits.burst': '24h' });
  one.send(wire('MULTI', 'SET a 1', 'INCR a', 'INCR a', 'EXEC', 'MULTI', 'DISCARD'));
  assert.deepEqual(await read(one, 4), ['+OK\r\n', ...Array(3).fill('+QUEUED\r\n')]);
  await waiting(daemon, 1);
  await set({ 'pool.limits': 'off' });
  assert.deepEqual(await read(one, 3), ['*3\r\n+OK\r\n:2\r\n:3\r\n', '+OK\r\n', '+OK\r\n']);
});

test('the limit of a category holds all that are in it, and nobody else', async t => {
  const { daemon, client, set, server, takePrivate } = await start(t, []);
  await takePrivate();
  const [one, other, third] = [await client(), await client(), await client()];
  await set({ 'pool.limits.commands': '@write 5/24h', 'pool.limits.burst': '24h' });
  const whole = wire('MULTI', 'SET a 1', 'GET a', 'INCR a', 'INCR a', 'EXEC');
  one.send(Buffer.concat([whole, whole]));
  assert.deepEqual(await read(one, 6), [
    '+OK\r\n',
    ...Array(4).fill('+QUEUED\r\n'),
    '*4\r\n+OK\r\n$1\r\n1\r\n:2\r\n:3\r\n',
  ]);
  await waiting(daemon, 1);
  other.send(wire('MULTI', 'GET a', 'EXEC', 'GET a'));
  assert.deepEqual(await read(other, 4), ['+OK\r\n', '+QUEUED\r\n', '*1\r\n$1\r\n3\r\n', '$1\r\n3\r\n']);
  // The first saves up for what there would be enough of for this one.
  third.send(wire('SET c 1'));
  await waiting(daemon, 2);
  assert.equal(await server.command('GET', 'c'), null);
  await set({ 'pool.limits.commands': '@write 1000/s' });
  assert.equal((await read(one, 6)).at(-1), '*4\r\n+OK\r\n$1\r\n1\r\n:2\r\n:3\r\n');
  assert.deepEqual(await read(third, 1), ['+OK\r\n']);
});

test('as many requests are pending as it has, also while the limit changes', async t => {
  const { daemon, client, set, server } = await start(t, ['limits: { pending: 8 }']);
  const [one, other] = [await client(), await client()];
  await one.command('SET', 'a', '0');
  await other.command('PING');
  server.freeze();
  const whole = wire('MULTI', 'INCR a', 'INCR a', 'INCR a', 'EXEC');
  one.send(whole);
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'pool' }, 5);
  other.send(whole);
  await waiting(daemon, 1);
  await set({ 'pool.limits.pending': '9' });
  await waiting(daemon, 1);
  await set({ 'pool.limits.pending': '10' });
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'pool' }, 10);
  one.send(wire('GET a'));
  await waiting(daemon, 1);
  server.thaw();
  assert.equal((await read(one, 6)).at(-1), '$1\r\n6\r\n');
  assert.equal((await read(other, 5)).at(-1), '*3\r\n:4\r\n:5\r\n:6\r\n');
  // All places are free again.
  server.freeze();
  one.send(wire('MULTI', ...Array(8).fill('INCR a'), 'EXEC'));
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'pool' }, 10);
  server.thaw();
  assert.equal((await read(one, 10)).length, 10);
});

test('cut at any byte it is answered as by the server', async t => {
  const { client, server } = await start(t, [
    'limits: { requests: 100000/s, pending: 1000 }',
    'address_limits: { requests: 100000/s }',
  ]);
  const one = await client();
  const bytes = wire(
    'MULTI',
    'SET a 1',
    'INCR a',
    'MULTI',
    'GET a',
    'EXEC',
    'MULTI',
    'SET a',
    'EXEC',
    'MULTI',
    'SET a 9',
    'DISCARD',
  );
  const direct = await server.client();
  t.after(() => direct.destroy());
  direct.send(bytes);
  const expected = await read(direct, 12);
  for (let cut = 1; cut < bytes.length; cut++) {
    one.send(Buffer.concat([wire('PING'), bytes.subarray(0, cut)]));
    assert.deepEqual(await read(one, 1), ['+PONG\r\n']);
    one.send(bytes.subarray(cut));
    assert.deepEqual(await read(one, 12), expected, `cut at ${cut}`);
  }
});

test('it comes to its turn beside clients that always have something to ask', async t => {
  const { daemon, client, set, takePrivate } = await start(t, []);
  await takePrivate();
  const [one, ...floods] = await Promise.all(Array.from({ length: 4 }, client));
  await set({ 'pool.limits.requests': '50/s', 'pool.limits.burst': '200ms' });
  for (const flood of floods) flood.send(wire(...Array(1000).fill('GET a')));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 3);
  (one as RawClient).send(wire('MULTI', ...Array(6).fill('INCR n'), 'EXEC'));
  assert.match((await read(one as RawClient, 8)).at(-1) as string, /^\*6\r\n:1\r\n/);
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 3);
  await set({ 'pool.limits': 'off' });
  for (const flood of floods) assert.equal((await flood.readReplies(1000)).length, 1000);
});

test('CLIENT REPLY SKIP before it leaves out the reply to MULTI, with limits and without', async t => {
  for (const settings of [[], ['limits: { requests: 100000/s }']]) {
    const { client } = await start(t, settings);
    const one = await client();
    one.send(wire('CLIENT REPLY SKIP', 'MULTI', 'SET a 1', 'EXEC'));
    assert.deepEqual(await read(one, 2), ['+QUEUED\r\n', '*1\r\n+OK\r\n']);
  }
});
