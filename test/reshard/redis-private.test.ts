import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RespError } from '../support/resp-reader.ts';
import { startTwoRings } from '../support/two-rings.ts';
import { waitFor } from '../support/wait-for.ts';

test('a transaction has its keys brought, also one that comes in one piece', async t => {
  const { worker, moving, placesOf, go } = await startTwoRings(t);
  const client = await worker.client();
  const [a, b] = moving as [string, string];
  await client.command('RPUSH', a, '1', '2');
  await client.command('SET', b, '5');
  await go('hold');
  await go('both');
  client.send(`MULTI\r\nLPOP ${a}\r\nINCR ${b}\r\nEXEC\r\n`);
  const whole = (await client.readReplies(4)).map(String);
  assert.deepEqual(whole, ['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n', '*2\r\n$1\r\n1\r\n:6\r\n']);
  assert.equal(await client.command('MULTI'), 'OK');
  assert.equal(await client.command('LPOP', a), 'QUEUED');
  assert.deepEqual((await client.command('EXEC')) as unknown, [Buffer.from('2')]);
  assert.deepEqual(await placesOf(b), [2]);
});

test('watched keys that are brought are watched where they are then', async t => {
  const { worker, moving, go } = await startTwoRings(t);
  const [client, other] = [await worker.client(), await worker.client()];
  const key = moving[0] as string;
  await client.command('SET', key, '1');
  await go('hold');
  await go('both');
  for (const [change, result] of [
    [false, ['OK']],
    [true, null],
  ] as const) {
    assert.equal(await client.command('WATCH', key), 'OK');
    if (change) assert.equal(await other.command('INCR', key), 3);
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('SET', key, '2'), 'QUEUED');
    assert.deepEqual(await client.command('EXEC'), result);
  }
});

test('keys that are watched when the pool holds are taken for changed', async t => {
  const { worker, moving, staying, go } = await startTwoRings(t);
  const client = await worker.client();
  const key = moving[0] as string;
  await client.command('SET', key, '1');
  assert.equal(await client.command('WATCH', key), 'OK');
  await go('hold');
  await go('both');
  assert.equal(await client.command('MULTI'), 'OK');
  assert.equal(await client.command('SET', key, '2'), 'QUEUED');
  assert.equal(await client.command('EXEC'), null);
  // And the client begins again.
  assert.equal(await client.command('WATCH', key), 'OK');
  assert.equal(await client.command('MULTI'), 'OK');
  assert.equal(await client.command('SET', key, '2'), 'QUEUED');
  assert.deepEqual(await client.command('EXEC'), ['OK']);
  assert.equal(await client.command('SET', staying[0] as string, 'v'), 'OK');
});

test('a transaction that is open when the pool holds may end; one that stays open is given up', async t => {
  const { worker, moving, placesOf, go } = await startTwoRings(t, { settings: ['reshard_patience: 4s'] });
  const [quick, slow] = [await worker.client(), await worker.client()];
  const [a, b] = moving as [string, string];
  for (const [client, key] of [
    [quick, a],
    [slow, b],
  ] as const) {
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('SET', key, 'in MULTI'), 'QUEUED');
  }
  const held = go('hold');
  quick.send(`APPEND ${a} !\r\nEXEC\r\n`);
  assert.deepEqual((await quick.readReplies(2)).map(String), ['+QUEUED\r\n', '*2\r\n+OK\r\n:9\r\n']);
  await held;
  await go('both');
  const refusal = await slow.command('APPEND', b, '!');
  assert.match((refusal as RespError).text, /is on the move/);
  assert.match(((await slow.command('EXEC')) as RespError).text, /EXECABORT/);
  assert.equal(await slow.command('EXISTS', b), 0);
  assert.equal(String(await quick.command('GET', a)), 'in MULTI!');
  assert.deepEqual(await placesOf(a), [2]);
});

test('a client that waits in BLPOP waits on at the new server, and notices nothing', async t => {
  const { servers, worker, moving, staying, go } = await startTwoRings(t);
  const [popper, stayer, pusher] = [await worker.client(), await worker.client(), await worker.client()];
  const [key, other] = [moving[0] as string, staying[0] as string];
  popper.send(`BLPOP ${key} 0\r\nPING\r\n`);
  stayer.send(`BLPOP ${other} 0\r\n`);
  const blocked = async () => {
    const lists = await Promise.all(servers.map(async server => String(await server.command('INFO', 'clients'))));
    return lists.map(list => Number(/blocked_clients:(\d+)/.exec(list)?.[1])).reduce((sum, each) => sum + each);
  };
  await waitFor(async () => (await blocked()) === 2, { what: 'both wait' });
  await go('hold');
  assert.equal(await blocked(), 1);
  await go('both');
  await waitFor(async () => (await blocked()) === 2, { what: 'both wait again' });
  assert.equal(await pusher.command('RPUSH', key, 'x', 'y'), 2);
  assert.equal(String(await popper.readReply()), `*2\r\n$${key.length}\r\n${key}\r\n$1\r\nx\r\n`);
  assert.equal(String(await popper.readReply()), '+PONG\r\n');
  assert.equal(await pusher.command('LLEN', key), 1);
  assert.equal(await pusher.command('RPUSH', other, 'z'), 1);
  assert.equal(String(await stayer.readReply()), `*2\r\n$${other.length}\r\n${other}\r\n$1\r\nz\r\n`);
});

test('a client that waits for a time waits no longer for being moved on', async t => {
  const { worker, moving, go } = await startTwoRings(t);
  const client = await worker.client();
  const key = moving[0] as string;
  for (const request of [
    `BLPOP ${key} 0.6\r\n`,
    `BLMOVE ${key} ${key} LEFT RIGHT 0.6\r\n`,
    `XREAD BLOCK 600 STREAMS ${key} 0\r\n`,
  ]) {
    const startedAt = performance.now();
    client.send(request);
    await go('hold');
    await go('both');
    assert.equal(String(await client.readReply()), '*-1\r\n');
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs >= 590, `${tookMs} ms`);
    await go('hold');
    await go(null);
  }
});

test('a client that leaves while it is moved on takes nothing', async t => {
  const { worker, moving, go } = await startTwoRings(t);
  const [popper, pusher] = [await worker.client(), await worker.client()];
  const key = moving[0] as string;
  popper.send(`BLPOP ${key} 0\r\n`);
  await waitFor(() => worker.stats.requests === 1, { what: 'it waits' });
  await go('hold');
  popper.destroy();
  await waitFor(() => worker.stats.clientConnections === 1, { what: 'it is gone' });
  await go('both');
  assert.equal(await pusher.command('RPUSH', key, 'x'), 1);
  assert.equal(await pusher.command('LLEN', key), 1);
});

test('a client that leaves before it waits takes nothing', async t => {
  const { worker, moving, go } = await startTwoRings(t);
  const [popper, pusher] = [await worker.client(), await worker.client()];
  const key = moving[0] as string;
  await go('hold');
  popper.send(`BLPOP ${key} 0\r\n`);
  popper.socket.end();
  await waitFor(() => worker.stats.clientConnections === 1, { what: 'it is gone' });
  await go('both');
  assert.equal(await pusher.command('RPUSH', key, 'x'), 1);
  assert.equal(await pusher.command('LLEN', key), 1);
});

test('messages are heard on channels that move, in every phase, once', async t => {
  const { workers, moving, go } = await startTwoRings(t, { workers: 2 });
  const [listener, publisher] = [await workers[0]!.client(), await workers[1]!.client()];
  const channels = moving.slice(0, 5);
  listener.send(`SUBSCRIBE ${channels.join(' ')}\r\n`);
  await listener.readReplies(channels.length);
  let sent = 0;
  const publish = async () => {
    for (const channel of channels) {
      const text = `m${sent++}`;
      assert.equal(await publisher.command('PUBLISH', channel, text), 1);
      const message = `*3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$${text.length}\r\n${text}\r\n`;
      assert.equal(String(await listener.readReply()), message);
    }
  };
  await publish();
  await go('hold');
  await publish();
  // Each of the two may be ahead of the other.
  await workers[1]!.go('both');
  await publish();
  await workers[0]!.go('both');
  await publish();
  await workers[1]!.go('new');
  await publish();
  await workers[0]!.go('new');
  await publish();
  listener.send('PING\r\n');
  assert.equal(String(await listener.readReply()), '*2\r\n$4\r\npong\r\n$0\r\n\r\n');
});
