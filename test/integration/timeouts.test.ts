// `timeout` and `connect_timeout`: what is overdue fails, on that connection alone, and says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answering, held, inOnePiece, never, startFakeBackend } from '../support/fake-backend.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { redisWords } from '../support/request-splitter.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { ask, readOne, WIRES } from '../support/wire.ts';

/** A server that is well answers within this also on a busy machine. */
const TIMEOUT_MS = 1000;
/** So long that what takes less was not waited for, however busy the machine is. */
const CONNECT_TIMEOUT_MS = 2000;

for (const wire of WIRES) {
  test(`${wire.protocol}: what is overdue fails in its place, requests to other servers do not`, async t => {
    const silent = await startFakeBackend(answering(wire.split, wire.answer, never));
    const well = await startFakeBackend(answering(wire.split, wire.answer));
    t.after(() => Promise.all([silent.close(), well.close()]));
    const settings = [`timeout: ${TIMEOUT_MS}`, 'distribution: modula'];
    const daemon = await startDaemon(t, {
      pool: { protocol: wire.protocol, servers: [silent.port, well.port], settings },
    });
    const client = await daemon.client('pool');
    // Enough keys for both servers.
    const keys = Array.from({ length: 20 }, (_, i) => `key${i}`);
    const startedAt = performance.now();
    client.send(keys.map(wire.get).join(''));
    const replies: string[] = [];
    for (const _ of keys) replies.push(await readOne(client, wire));
    const tookMs = performance.now() - startedAt;
    const right = keys.filter((key, i) => replies[i] === wire.value(key));
    const failed = replies.filter(reply => wire.error.test(reply) && /timed out/.test(reply));
    assert.equal(right.length + failed.length, keys.length);
    assert.ok(right.length > 0 && failed.length > 0);
    assert.ok(tookMs >= TIMEOUT_MS * 0.95, `after ${tookMs} ms`);
    const labels = { pool: 'pool', server: 'server-0' };
    await daemon.untilMetric('ringmaster_server_timeouts_total', labels, 1);
    await daemon.untilMetric('ringmaster_server_failures_total', { ...labels, reason: 'timed_out' }, failed.length);
    assert.equal(await daemon.metric('ringmaster_server_timeouts_total', { pool: 'pool', server: 'server-1' }), 0);
    assert.equal((await daemon.untilLogged(/server timed out/)).length, 1);
    client.destroy();
  });
}

test('each request has its own time: those that come late are not failed with those that came early', async t => {
  const [wire] = WIRES;
  const gate = held();
  const server = await startFakeBackend(answering(wire!.split, wire!.answer, gate.delivery));
  t.after(() => server.close());
  const daemon = await startDaemon(t, {
    pool: { protocol: 'redis', servers: [server.port], settings: ['timeout: 2s', 'server_connections: 2'] },
  });
  const clients = await Promise.all([daemon.client('pool'), daemon.client('pool')]);
  for (const client of clients) client.send(wire!.get('a'));
  await server.untilRequests(2);
  gate.release();
  for (const client of clients) assert.equal(await readOne(client, wire!), wire!.value('a'));
  assert.equal(await daemon.metric('ringmaster_server_timeouts_total'), 0);
  for (const client of clients) client.destroy();
});

test('a part of a split request that is overdue fails the whole', async t => {
  const mget = (request: Buffer) => {
    const keys = redisWords(request).slice(1).map(String);
    return `*${keys.length}\r\n${keys.map(key => `$${key.length}\r\n${key}\r\n`).join('')}`;
  };
  const [wire] = WIRES;
  const silent = await startFakeBackend(answering(wire!.split, mget, never));
  const well = await startFakeBackend(answering(wire!.split, mget));
  t.after(() => Promise.all([silent.close(), well.close()]));
  const settings = [`timeout: ${TIMEOUT_MS}`, 'distribution: modula'];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [silent.port, well.port], settings } });
  const client = await daemon.client('pool');
  client.send(encodeCommand('MGET', ...Array.from({ length: 20 }, (_, i) => `key${i}`)));
  client.send(wire!.ping);
  assert.match(await readOne(client, wire!), /^-ERR Connection timed out\r\n$/);
  assert.match(await readOne(client, wire!), wire!.pong);
  client.destroy();
});

test('a handshake that takes too long: the server is down, and requests to it fail at once until it answers', async t => {
  const [wire] = WIRES;
  const server = await startFakeBackend(answering(wire!.split, wire!.answer, never));
  t.after(() => server.close());
  const daemon = await startDaemon(t, {
    pool: {
      protocol: 'redis',
      servers: [server.port],
      settings: ['redis_db: 1', `connect_timeout: ${CONNECT_TIMEOUT_MS}`],
    },
  });
  const client = await daemon.client('pool');
  assert.match(await ask(client, wire!, 'a'), /timed out/);
  const startedAt = performance.now();
  assert.match(await ask(client, wire!, 'b'), /timed out/);
  assert.ok(performance.now() - startedAt < CONNECT_TIMEOUT_MS);
  server.handler = answering(wire!.split, wire!.answer, inOnePiece);
  for (;;) {
    const reply = await ask(client, wire!, 'c');
    if (reply === wire!.value('c')) break;
    assert.match(reply, wire!.error);
  }
  await daemon.untilMetric('ringmaster_server_connections', {}, 1);
  client.destroy();
});
