// CLIENT LIST, KILL and UNBLOCK: of all clients of the pool, whichever worker they are at.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor, within } from '../support/wait-for.ts';

const IDS_PER_PROCESS = 2 ** 24;

async function start(t: TestContext) {
  const server = await startRedis();
  t.after(() => server.kill());
  const pool = { protocol: 'redis', servers: [server.port] } as const;
  const daemon = await startDaemon(t, { p: pool, other: pool }, { workers: 2 });
  const connect = async (name = 'p') => {
    const client = await daemon.client(name);
    t.after(() => client.destroy());
    return { client, id: Number(await client.command('CLIENT', 'ID')) };
  };
  /** One client at each worker, and the numbers of both. */
  const apart = async () => {
    const one = await connect();
    let two = await connect();
    const workerOf = (id: number) => Math.floor(id / IDS_PER_PROCESS);
    for (let i = 0; i < 200 && workerOf(two.id) === workerOf(one.id); i++) two = await connect();
    assert.notEqual(workerOf(two.id), workerOf(one.id));
    return { one, two };
  };
  return { server, daemon, connect, apart };
}

const list = async (client: RawClient, ...args: (string | number)[]) =>
  String(await client.command('CLIENT', 'LIST', ...args.map(String)))
    .split('\n')
    .filter(line => line !== '');

const idOf = (line: string) => Number(/^id=(\d+) /.exec(line)?.[1]);

async function untilBlocked(server: RedisServer, count: number): Promise<void> {
  const blocked = async () =>
    Number(/blocked_clients:(\d+)/.exec(String(await server.command('INFO', 'clients')))?.[1]);
  await waitFor(async () => (await blocked()) === count, { what: `${count} blocked clients` });
}

test('LIST has the clients of all workers and of no other pool', async t => {
  const { connect, apart } = await start(t);
  const { one, two } = await apart();
  const stranger = await connect('other');
  await two.client.command('CLIENT', 'SETNAME', 'second');
  await two.client.command('GET', 'k');
  const lines = await list(one.client);
  const ids = lines.map(idOf);
  assert.ok(ids.includes(one.id) && ids.includes(two.id));
  assert.ok(!ids.includes(stranger.id));
  assert.deepEqual(
    ids,
    ids.toSorted((a, b) => a - b),
  );
  const line = lines.find(each => idOf(each) === two.id);
  assert.match(String(line), / name=second .* flags=N db=0 sub=0 .* cmd=get user=default /);
  assert.deepEqual((await list(one.client, 'ID', two.id, stranger.id, 7, one.id)).map(idOf), [two.id, one.id]);
  assert.deepEqual(await list(one.client, 'TYPE', 'replica'), []);
});

test('LIST tells who has subscribed, who waits and who is in a transaction', async t => {
  const { server, apart, connect } = await start(t);
  const { one, two } = await apart();
  const [waiting, open] = [await connect(), await connect()];
  await two.client.command('SUBSCRIBE', 'c');
  waiting.client.send(encodeCommand('BLPOP', 'l', '0'));
  await open.client.command('MULTI');
  await untilBlocked(server, 1);
  const pubsub = await list(one.client, 'TYPE', 'pubsub');
  assert.deepEqual(pubsub.map(idOf), [two.id]);
  assert.match(String(pubsub[0]), / flags=P db=0 sub=1 psub=0 ssub=0 multi=-1 .* cmd=subscribe /);
  const [first, second] = await list(one.client, 'ID', waiting.id, open.id);
  assert.match(String(first), / flags=b .* cmd=blpop /);
  assert.match(String(second), / flags=x .* cmd=multi /);
});

test('UNBLOCK ends the wait of a client at another worker, once', async t => {
  const { server, apart } = await start(t);
  const { one, two } = await apart();
  assert.equal(await one.client.command('CLIENT', 'UNBLOCK', String(two.id)), 0);
  for (const [how, reply] of [
    [[], '*-1\r\n'],
    [['TIMEOUT'], '*-1\r\n'],
    [['ERROR'], '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'],
  ] as const) {
    two.client.send(encodeCommand('BLPOP', 'l', '0'));
    await untilBlocked(server, 1);
    assert.equal(await one.client.command('CLIENT', 'UNBLOCK', String(two.id), ...how), 1);
    assert.equal((await two.client.readReply()).toString(), reply);
    assert.equal(await one.client.command('CLIENT', 'UNBLOCK', String(two.id), ...how), 0);
  }
  // Nothing is taken for it any more.
  assert.equal(await one.client.command('RPUSH', 'l', 'a'), 1);
  assert.equal(await two.client.command('LLEN', 'l'), 1);
});

test('UNBLOCK of a client that watches keys and waits no more finds nothing', async t => {
  const { apart } = await start(t);
  const { one, two } = await apart();
  await one.client.command('RPUSH', 'l', 'a');
  await two.client.command('WATCH', 'k');
  assert.deepEqual((await two.client.command('BLPOP', 'l', '0'))?.toString(), 'l,a');
  assert.equal(await one.client.command('CLIENT', 'UNBLOCK', String(two.id)), 0);
  assert.equal(await two.client.command('LLEN', 'l'), 0);
});

test('KILL cuts clients off at all workers, by what they are', async t => {
  const { apart, connect } = await start(t);
  const { one, two } = await apart();
  const address = `127.0.0.1:${two.client.socket.localPort}`;
  assert.equal(await one.client.command('CLIENT', 'KILL', 'ID', String(two.id), 'ADDR', '127.0.0.1:1'), 0);
  assert.equal(await one.client.command('CLIENT', 'KILL', 'ADDR', address, 'USER', 'default'), 1);
  await within(two.client.closed, { what: 'the end of the one that is killed' });
  one.client.send(encodeCommand('CLIENT', 'KILL', address));
  assert.equal((await one.client.readReply()).toString(), '-ERR No such client\r\n');
  const third = await connect();
  one.client.send(encodeCommand('CLIENT', 'KILL', `127.0.0.1:${third.client.socket.localPort}`));
  assert.equal((await one.client.readReply()).toString(), '+OK\r\n');
  await within(third.client.closed, { what: 'the end of the one that is killed' });
  const listening = await connect();
  await listening.client.command('SUBSCRIBE', 'c');
  assert.equal(await one.client.command('CLIENT', 'KILL', 'TYPE', 'pubsub'), 1);
  await within(listening.client.closed, { what: 'the end of the subscriber' });
  assert.equal(await one.client.command('CLIENT', 'KILL', 'TYPE', 'normal', 'MAXAGE', '1000'), 0);
});

test('who kills all others goes on, and who kills itself reads that first', async t => {
  const { apart, connect } = await start(t);
  const { one, two } = await apart();
  const stranger = await connect('other');
  const others = (await list(one.client)).length - 1;
  assert.equal(await one.client.command('CLIENT', 'KILL', 'TYPE', 'normal'), others);
  await within(two.client.closed, { what: 'the end of the others' });
  assert.equal(await stranger.client.command('PING'), 'PONG');
  one.client.send(
    Buffer.concat([
      encodeCommand('SET', 'k', '1'),
      encodeCommand('CLIENT', 'KILL', 'ID', String(one.id), 'SKIPME', 'no'),
    ]),
  );
  assert.deepEqual((await one.client.readReplies(2)).map(String), ['+OK\r\n', ':1\r\n']);
  await within(one.client.closed, { what: 'its own end' });
});

test('KILL of a client that waits loses nothing', async t => {
  const { server, apart } = await start(t);
  const { one, two } = await apart();
  two.client.send(encodeCommand('BLPOP', 'l', '0'));
  await untilBlocked(server, 1);
  assert.equal(await one.client.command('CLIENT', 'KILL', 'ID', String(two.id)), 1);
  await within(two.client.closed, { what: 'the end of the one that waits' });
  await untilBlocked(server, 0);
  assert.equal(await one.client.command('RPUSH', 'l', 'a'), 1);
  assert.equal(await one.client.command('LLEN', 'l'), 1);
});

test('what is asked of other clients is answered in its turn', async t => {
  const { apart } = await start(t);
  const { one, two } = await apart();
  one.client.send(
    Buffer.concat([
      encodeCommand('CLIENT', 'UNBLOCK', String(two.id)),
      encodeCommand('PING'),
      encodeCommand('CLIENT', 'KILL', 'ID', String(two.id)),
      encodeCommand('GET', 'none'),
    ]),
  );
  assert.deepEqual((await one.client.readReplies(4)).map(String), [':0\r\n', '+PONG\r\n', ':1\r\n', '$-1\r\n']);
});

test('a worker that does not answer is left out of LIST, and KILL says so', async t => {
  const { apart } = await start(t);
  const { one, two } = await apart();
  const pid = Math.floor(two.id / IDS_PER_PROCESS);
  process.kill(pid, 'SIGSTOP');
  t.after(() => process.kill(pid, 'SIGCONT'));
  const ids = (await list(one.client)).map(idOf);
  assert.ok(ids.includes(one.id) && !ids.includes(two.id));
  one.client.send(encodeCommand('CLIENT', 'KILL', 'ID', '7'));
  assert.equal(
    (await one.client.readReply()).toString(),
    '-ERR not all workers of Ringmaster have answered in time\r\n',
  );
});
