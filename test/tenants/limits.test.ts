// Limits of a pool and of addresses: what is over them waits in its order, or is refused; over all workers, live, and seen.
// Rates are either so small that nothing fills while a test runs, or so that it does not matter how long it takes.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';
import { clientInEach } from '../support/worker-clients.ts';

const LIMITED = '-ERR over a limit for this client, its user or its pool: try again later\r\n';
const wire = (...lines: readonly string[]) => Buffer.concat(lines.map(line => encodeCommand(...line.split(' '))));

interface Started {
  readonly daemon: Daemon;
  readonly server: RedisServer;
  client(): Promise<RawClient>;
  /** One in each worker. */
  clients(): Promise<RawClient[]>;
  set(settings: Readonly<Record<string, string | null>>): Promise<void>;
}

async function start(t: TestContext, settings: readonly string[], workers = 2): Promise<Started> {
  const server = await startRedis();
  t.after(() => server.kill());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port], settings } }, { workers });
  const client = async () => {
    const connected = await daemon.client('pool', { timeoutMs: 20_000 });
    t.after(() => connected.destroy());
    return connected;
  };
  // Answered by the proxy whatever the limit is; before there is one, here.
  const clients = () => clientInEach(workers, client);
  const set = async (settings: Readonly<Record<string, string | null>>) => {
    const named = Object.entries(settings);
    const toDefault = named.flatMap(([path, value]) => (value === null ? [path] : []));
    const body = { set: Object.fromEntries(named.filter(([, value]) => value !== null)), toDefault };
    const { status, text } = await askAdmin(daemon.adminPort, '/api/v1/settings', { method: 'PATCH', body });
    assert.equal(status, 200, text);
  };
  return { daemon, server, client, clients, set };
}

/** The gets that the server has seen. */
async function getsAt(server: RedisServer): Promise<number> {
  const stats = String(await server.command('INFO', 'commandstats'));
  return Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

const gets = (count: number) => wire(...Array.from({ length: count }, (_, i) => `GET k${i}`));

test('over its rate a pipeline waits, is not answered further, and goes on in its order once there is no limit', async t => {
  const { daemon, server, client, set } = await start(t, ['limits: { requests: 5/24h, burst: 1h }'], 1);
  // 5 in 24 hours make a burst of one.
  const one = await client();
  one.send(wire('SET k 1', 'INCR k', 'INCR k', 'INCR k', 'GET k'));
  assert.equal(String(await one.readReply()), '+OK\r\n');
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  assert.equal(String(await server.command('GET', 'k')), '1');
  const other = await client();
  other.send(wire('INCR other'));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 2);
  await set({ 'pool.limits': 'off' });
  assert.deepEqual((await one.readReplies(4)).map(String), [':2\r\n', ':3\r\n', ':4\r\n', '$1\r\n4\r\n']);
  assert.equal(String(await other.readReply()), ':1\r\n');
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 0);
});

test('over all workers no more than the burst is let through, however clients spread; errors say the rest', async t => {
  const { daemon, server, clients, set } = await start(t, []);
  const both = await clients();
  await set({ 'pool.limits.requests': '240/24h', 'pool.limits.burst': '1h', 'pool.limits.over': 'error' });
  for (const client of both) client.send(gets(100));
  const replies = (await Promise.all(both.map(client => client.readReplies(100)))).flat().map(String);
  const let_ = replies.filter(reply => reply === '$-1\r\n').length;
  assert.equal(replies.filter(reply => reply === LIMITED).length, 200 - let_);
  assert.ok(let_ >= 1 && let_ <= 10, `${let_} were let through`);
  assert.equal(await getsAt(server), let_);
  await daemon.untilMetric('ringmaster_pool_limit_refusals_total', { pool: 'pool' }, 200 - let_);
});

test('of large replies no more are asked for at once than the burst has room for, by what the last ones had', async t => {
  const { daemon, server, client } = await start(t, ['limits: { bytes_out: 24mb/24h, burst: 1h }'], 1);
  await server.command('SET', 'large', 'x'.repeat(100_000));
  const clients = await Promise.all(Array.from({ length: 31 }, client));
  const first = clients.pop() as RawClient;
  await first.command('GET', 'large');
  server.freeze();
  let answered = 0;
  for (const each of clients) {
    each.send(wire('GET large'));
    each.readReply().then(
      () => answered++,
      () => {},
    );
  }
  // Of 1 MiB ten more begin, the last of which is more than there is.
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 20);
  server.thaw();
  await waitFor(() => answered === 10, { what: 'the replies to those that began' });
  assert.equal(await getsAt(server), 11);
});

test('one worker gets what the other does not use', async t => {
  const { server, clients, set } = await start(t, []);
  const [one] = (await clients()) as [RawClient];
  await set({ 'pool.limits.requests': '2400/24h', 'pool.limits.burst': '1h' });
  one.send(gets(95));
  assert.equal((await one.readReplies(95)).length, 95);
  assert.ok((await getsAt(server)) >= 95);
});

test('an error in a transaction aborts it, and what ends it is let through', async t => {
  const { client } = await start(t, ['limits: { requests: 1/24h, over: error }'], 1);
  const one = await client();
  one.send(wire('SET a 1', 'MULTI', 'SET a 2', 'INCR a', 'EXEC', 'MULTI', 'DISCARD', 'GET a'));
  assert.deepEqual((await one.readReplies(8)).map(String), [
    '+OK\r\n',
    '+OK\r\n',
    LIMITED,
    LIMITED,
    '-EXECABORT Transaction discarded because of previous errors.\r\n',
    '+OK\r\n',
    '+OK\r\n',
    LIMITED,
  ]);
});

test('more of what is never refused than a burst has its client wait, and nobody else', async t => {
  const { daemon, client, set } = await start(t, ['limits: { requests: 240/24h, burst: 1h, over: error }'], 1);
  const one = await client();
  // Ten are a burst, and ten more the debt that there may be.
  one.send(wire(...Array.from({ length: 21 }, () => 'PING'), 'GET k', ...Array.from({ length: 1000 }, () => 'PING')));
  assert.equal((await one.readReplies(20)).length, 20);
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  const other = await client();
  other.send(wire('GET k', 'GET k', 'PING', 'GET k'));
  assert.deepEqual((await other.readReplies(4)).map(String), [LIMITED, LIMITED, '+PONG\r\n', LIMITED]);
  // Each waits for a while only, and what may be refused is.
  assert.deepEqual((await one.readReplies(3)).map(String), ['+PONG\r\n', LIMITED, '+PONG\r\n']);
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  await set({ 'pool.limits': 'off' });
  assert.equal((await one.readReplies(999)).length, 999);
});

test('signing in anew, as somebody else, gets nobody out of that', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const users = [1, 2].map(
    i => `  app${i}: { pools: [p], passwords: [geheim], limits: { requests: 2/24h, over: error } }`,
  );
  const daemon = await startDaemon(
    t,
    { p: { protocol: 'redis', servers: [server.port] } },
    { workers: 1, settings: ['users:', ...users] },
  );
  const one = await daemon.client('p', { timeoutMs: 20_000 });
  t.after(() => one.destroy());
  one.send(wire(...Array.from({ length: 1000 }, (_, i) => `AUTH app${1 + (i % 2)} geheim`)));
  // Each user's burst, and its debt, is one request.
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'p' }, 1);
  await one.readReplies(8);
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'p' }, 1);
});

test('a transaction that has to wait is run whole, and a client that listens hears meanwhile', async t => {
  const { daemon, client, set } = await start(t, ['limits: { requests: 3/24h, burst: 24h }'], 1);
  const one = await client();
  one.send(wire('SUBSCRIBE news'));
  await one.readReply();
  const other = await client();
  other.send(wire('PUBLISH news hi', 'MULTI', 'SET a 1', 'INCR a', 'EXEC'));
  assert.deepEqual((await other.readReplies(2)).map(String), [':1\r\n', '+OK\r\n']);
  assert.match(String(await one.readReply()), /news\r\n\$2\r\nhi\r\n$/);
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  await set({ 'pool.limits.requests': '100/s' });
  assert.deepEqual((await other.readReplies(3)).map(String), ['+QUEUED\r\n', '+QUEUED\r\n', '*2\r\n+OK\r\n:2\r\n']);
});

test('a category and a command have limits of their own, and others do not wait behind them', async t => {
  const { daemon, client, set } = await start(
    t,
    ["limits: { commands: ['@write 2/24h', 'strlen 1/24h'], burst: 24h }"],
    1,
  );
  const [one, other] = [await client(), await client()];
  one.send(wire('SET a 1', 'GET a', 'SET a 2', 'SET a 3', 'GET a'));
  assert.deepEqual((await one.readReplies(3)).map(String), ['+OK\r\n', '$1\r\n1\r\n', '+OK\r\n']);
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  other.send(wire('GET a', 'STRLEN a', 'GET a'));
  assert.deepEqual((await other.readReplies(3)).map(String), ['$1\r\n2\r\n', ':1\r\n', '$1\r\n2\r\n']);
  other.send(wire('STRLEN a'));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 2);
  await set({ 'pool.limits.commands': '@write 1000/s' });
  assert.deepEqual((await one.readReplies(2)).map(String), ['+OK\r\n', '$1\r\n3\r\n']);
  assert.equal(String(await other.readReply()), ':1\r\n');
});

test('a request that comes in pieces waits when it is whole, and what is behind it comes after it', async t => {
  const { daemon, client, set } = await start(t, ['limits: { requests: 1/24h }'], 1);
  const one = await client();
  const request = wire('APPEND log 1');
  one.send(Buffer.concat([wire('PING'), request.subarray(0, 20)]));
  assert.equal(String(await one.readReply()), '+PONG\r\n');
  one.send(Buffer.concat([request.subarray(20), wire('APPEND log 2', 'GET log')]));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  await set({ 'pool.limits.requests': null });
  assert.deepEqual((await one.readReplies(3)).map(String), [':1\r\n', ':2\r\n', '$2\r\n12\r\n']);
});

test('bytes: what a reply had is made up for before the next request', async t => {
  const { daemon, server, client, set } = await start(t, ['limits: { bytes_out: 1000/1h, burst: 1h }'], 1);
  await server.command('SET', 'big', 'x'.repeat(100_000));
  const one = await client();
  one.send(wire('GET big', 'GET k', 'GET k'));
  assert.equal((await one.readReply()).length, 100_000 + '$100000\r\n\r\n'.length);
  // The second may have gone out with the first.
  one.send(wire('GET k'));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  await set({ 'pool.limits.bytes_out': null, 'pool.limits.bytes_in': '300/1h' });
  assert.deepEqual((await one.readReplies(3)).map(String), ['$-1\r\n', '$-1\r\n', '$-1\r\n']);
  one.send(wire(`SET k ${'y'.repeat(1000)}`, 'PING'));
  assert.equal(String(await one.readReply()), '+OK\r\n');
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
});

test('too large and too wide are refused, also where others wait', async t => {
  const { client } = await start(t, ['limits: { request_bytes: 100, request_keys: 2 }'], 1);
  const one = await client();
  one.send(wire('MGET a b', 'MGET a b c', `SET a ${'x'.repeat(100)}`, 'GET a'));
  assert.deepEqual((await one.readReplies(4)).map(String), [
    '*2\r\n$-1\r\n$-1\r\n',
    '-ERR the request names more keys than the limits for this client, its user or its pool allow\r\n',
    '-ERR the request is larger than the limits for this client, its user or its pool allow\r\n',
    '$-1\r\n',
  ]);
});

test('pending: no more is asked of the servers at once; the next goes when one is answered', async t => {
  const { daemon, server, clients } = await start(t, ['limits: { pending: 2 }'], 1);
  const [one] = (await clients()) as [RawClient];
  server.freeze();
  one.send(wire('GET a', 'GET b', 'GET c', 'GET d'));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  await daemon.untilMetric('ringmaster_pool_requests_total', { pool: 'pool' }, 3);
  server.thaw();
  assert.equal((await one.readReplies(4)).length, 4);
});

test('pending: over all workers no more is asked of the servers at once, and one gets what the other has left', async t => {
  const { daemon, server, clients, set } = await start(t, []);
  const both = (await clients()) as [RawClient, RawClient];
  await set({ 'pool.limits.pending': '4' });
  server.freeze();
  for (const client of both) client.send(gets(8));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 2);
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'pool' }, 4);
  server.thaw();
  for (const client of both) assert.equal((await client.readReplies(8)).length, 8);
  const [one] = both;
  server.freeze();
  one.send(gets(8));
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'pool' }, 4);
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  server.thaw();
  assert.equal((await one.readReplies(8)).length, 8);
});

test('addresses have each their own', async t => {
  const { daemon, client } = await start(t, ['address_limits: { requests: 1/24h }', 'proxy_protocol: [127.0.0.1]'], 1);
  const as = async (address: string, ...lines: readonly string[]) => {
    const one = await client();
    const family = address.includes(':') ? 'TCP6' : 'TCP4';
    const to = address.includes(':') ? '::1' : '10.0.0.1';
    one.send(Buffer.concat([Buffer.from(`PROXY ${family} ${address} ${to} 1000 2000\r\n`), wire(...lines)]));
    return one;
  };
  const answered = async (one: RawClient) => assert.equal(String(await one.readReply()), '$-1\r\n');
  await answered(await as('10.1.1.1', 'GET a', 'GET a'));
  await as('10.1.1.1', 'GET a');
  await answered(await as('10.1.1.2', 'GET a', 'GET a'));
  await answered(await as('2001:db8:0:1::1', 'GET a'));
  await as('2001:db8:0:1:ffff::2', 'GET a');
  await answered(await as('2001:db8:0:2::1', 'GET a'));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 4);
});

test('who is over a limit is told in the API, the events and the list of clients', async t => {
  const { daemon, client, set } = await start(t, ['limits: { requests: 1/24h }'], 1);
  const one = await client();
  one.send(wire('GET a', 'GET a'));
  await one.readReply();
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  const over = async () => JSON.parse((await daemon.page('/api/v1/limits')).body).over;
  await waitFor(async () => (await over()).length === 1, { what: 'it to be told' });
  const [{ since, ...told }] = await over();
  assert.deepEqual(told, { pool: 'pool', scope: 'pool', name: 'pool', over: 'requests', workers: 1 });
  assert.ok(Date.parse(since) > 0);
  const { clients } = JSON.parse((await daemon.page('/api/v1/clients')).body);
  assert.equal(clients[0].isLimited, true);
  await set({ 'pool.limits': 'off' });
  await one.readReply();
  await waitFor(async () => (await over()).length === 0, { what: 'it to be over' });
  const { events } = JSON.parse((await daemon.page('/api/v1/events')).body);
  const names = events.map(({ event }: { event: string }) => event);
  assert.ok(names.includes('limited') && names.includes('limit_over'), names.join());
});

test('a worker that dies leaves its share to its successor, and who waits is served there again', async t => {
  const { daemon, clients, set } = await start(t, []);
  const both = await clients();
  await set({ 'pool.limits.requests': '1000/s' });
  for (const each of both) each.send(gets(50));
  await Promise.all(both.map(each => each.readReplies(50)));
  const [pid] = daemon.ringmaster.workerPids();
  process.kill(pid as number, 'SIGKILL');
  await waitFor(
    () => daemon.ringmaster.workerPids().length === 2 && !daemon.ringmaster.workerPids().includes(pid as number),
    {
      what: 'another worker',
    },
  );
  const one = await daemon.client('pool');
  t.after(() => one.destroy());
  one.send(gets(1500));
  assert.equal((await one.readReplies(1500)).length, 1500);
});

test('a master that hangs is waited for once: new addresses are served by what each worker takes for itself', async t => {
  const { daemon, client } = await start(t, ['address_limits: { requests: 1000/s }', 'proxy_protocol: [127.0.0.1]']);
  const first = await client();
  first.send(Buffer.concat([Buffer.from('PROXY TCP4 10.1.1.1 10.0.0.1 1 2\r\n'), wire('GET a')]));
  assert.equal(String(await first.readReply()), '$-1\r\n');
  process.kill(daemon.ringmaster.pid, 'SIGSTOP');
  try {
    for (const address of ['10.1.1.2', '10.1.1.3', '10.1.1.4']) {
      const one = await client();
      one.send(Buffer.concat([Buffer.from(`PROXY TCP4 ${address} 10.0.0.1 1 2\r\n`), gets(600)]));
      assert.equal((await one.readReplies(600)).length, 600);
    }
    first.send(gets(10));
    assert.equal((await first.readReplies(10)).length, 10);
  } finally {
    process.kill(daemon.ringmaster.pid, 'SIGCONT');
  }
});

test('a client that waits and leaves is gone, and its turn is the next one’s', async t => {
  const { daemon, client, set } = await start(t, ['limits: { requests: 1/24h }'], 1);
  const [one, other] = [await client(), await client()];
  one.send(wire('GET a', 'SET left 1'));
  await one.readReply();
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  other.send(wire('GET a'));
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 2);
  one.socket.resetAndDestroy();
  await set({ 'pool.limits.requests': '100/s' });
  assert.equal(String(await other.readReply()), '$-1\r\n');
  await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'pool' }, 1);
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 0);
});

test('a daemon that stops answers what had to wait', async t => {
  const { daemon, client } = await start(t, ['limits: { requests: 1/24h }'], 1);
  const one = await client();
  one.send(wire('SET a 1', 'INCR a', 'INCR a'));
  await one.readReply();
  await daemon.untilMetric('ringmaster_pool_limit_waiting_clients', { pool: 'pool' }, 1);
  daemon.ringmaster.signal('SIGTERM');
  assert.deepEqual((await one.readReplies(2)).map(String), [':2\r\n', ':3\r\n']);
  await one.closed;
});

test('a memcached pool has the same, in its words', async t => {
  const server = await startMemcached();
  t.after(() => server.kill());
  const settings = ["limits: { commands: ['@write 1/24h', 'get 2/24h'], over: error, burst: 24h }"];
  const daemon = await startDaemon(
    t,
    { pool: { protocol: 'memcached', servers: [server.port], settings } },
    { workers: 1 },
  );
  const one = await daemon.client('pool');
  t.after(() => one.destroy());
  const words = 'SERVER_ERROR over a limit for this client, its user or its pool: try again later\r\n';
  const expected = `STORED\r\n${words}END\r\nEND\r\n${words}`;
  one.send('set a 0 0 1\r\n1\r\nset a 0 0 1\r\n2\r\nget b\r\nget b\r\nget b\r\n');
  assert.equal(String(await one.readUntil(expected.length)), expected);
});

test('a category that there is not is refused', async t => {
  const { daemon } = await start(t, []);
  const { status, text } = await askAdmin(daemon.adminPort, '/api/v1/settings', {
    method: 'PATCH',
    body: { set: { 'pool.limits.commands': '@nonsense 1/s' } },
  });
  assert.equal(status, 400, text);
  assert.match(text, /there is no category \\"@nonsense\\"/);
});
