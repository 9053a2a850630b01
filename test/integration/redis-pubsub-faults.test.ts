// Subscribers whose servers are lost, refuse, hang or change, and subscribers that do not read.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { postAdmin } from '../support/admin-client.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand, parseReply, RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const MIB = 1 << 20;

interface Started {
  readonly daemon: Daemon;
  readonly servers: RedisServer[];
  client(): Promise<RawClient>;
}

async function start(t: TestContext, count: number, settings: readonly string[] = []): Promise<Started> {
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis()));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const daemon = await startDaemon(t, {
    pool: { protocol: 'redis', servers: servers.map(server => server.port), settings: ['hash: murmur', ...settings] },
  });
  const client = async () => {
    const connected = await daemon.client('pool');
    t.after(() => connected.destroy());
    return connected;
  };
  return { daemon, servers, client };
}

async function subscribed(client: RawClient, ...channels: string[]): Promise<void> {
  client.send(encodeCommand('SUBSCRIBE', ...channels));
  await client.readReplies(channels.length);
}

async function nextMessage(client: RawClient): Promise<[channel: string, text: string]> {
  const [word, channel, text] = parseReply(await client.readReply()) as Buffer[];
  assert.equal(String(word), 'message');
  return [String(channel), String(text)];
}

/** Publishes until somebody hears it. */
async function publishUntilHeard(client: RawClient, channel: string, text: string): Promise<void> {
  const isHeard = async () => {
    client.send(encodeCommand('PUBLISH', channel, text));
    return /^:[1-9]/.test(String(await client.readReply()));
  };
  await waitFor(isHeard, { what: `somebody to hear ${channel}` });
}

test('a server that is lost cuts no subscriber off, and is subscribed to again when it is back', async t => {
  const { daemon, servers, client } = await start(t, 1);
  const [listener, publisher] = await Promise.all([client(), client()]);
  await subscribed(listener, 'a', 'b');
  const { port } = servers[0] as RedisServer;
  for (let round = 1; round <= 3; round++) {
    await servers[0]?.kill();
    servers[0] = await startRedis({ port });
    await publishUntilHeard(publisher, 'a', `a${round}`);
    await publishUntilHeard(publisher, 'b', `b${round}`);
    assert.deepEqual(await nextMessage(listener), ['a', `a${round}`]);
    assert.deepEqual(await nextMessage(listener), ['b', `b${round}`]);
    await daemon.untilMetric('ringmaster_pool_subscription_losses_total', {}, round);
  }
});

test('a server that is not there is said so, and a client subscribes when it is back', async t => {
  const { servers, client } = await start(t, 1);
  const listener = await client();
  const { port } = servers[0] as RedisServer;
  await servers[0]?.kill();
  assert.ok((await listener.command('SUBSCRIBE', 'a', 'b')) instanceof RespError);
  // And it goes on as one who has subscribed to nothing.
  assert.equal(await listener.command('PING'), 'PONG');
  servers[0] = await startRedis({ port });
  const isBack = async () => !((await listener.command('SUBSCRIBE', 'a')) instanceof RespError);
  await waitFor(isBack, { what: 'the server to be subscribed to' });
  await publishUntilHeard(await client(), 'a', 'x');
  assert.deepEqual(await nextMessage(listener), ['a', 'x']);
});

test('a pattern is had where one of three servers is down, a channel of that one is not', async t => {
  const { servers, client } = await start(t, 3);
  const [listener, other, publisher] = await Promise.all([client(), client(), client()]);
  await servers[1]?.kill();
  listener.send(encodeCommand('PSUBSCRIBE', '*'));
  assert.match(String(await listener.readReply()), /psubscribe/);
  let heard = 0;
  for (let i = 0; i < 30; i++) {
    const isServed = !((await other.command('SUBSCRIBE', `c${i}`)) instanceof RespError);
    if (isServed) await other.command('UNSUBSCRIBE', `c${i}`);
    const reply = await publisher.command('PUBLISH', `c${i}`, 'x');
    assert.equal(reply instanceof RespError, !isServed, `c${i}`);
    if (isServed) heard++;
  }
  assert.ok(heard > 0 && heard < 30);
  await listener.readReplies(heard);
  assert.equal(listener.unread().length, 0);
});

test('what the server refuses is refused in its words, and nothing of the request is subscribed to', async t => {
  const server = await startRedis({
    args: ['--user', 'default', 'on', 'nopass', '~*', '+@all', 'resetchannels', '&open*'],
  });
  t.after(() => server.kill());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } });
  const client = await daemon.client('pool');
  t.after(() => client.destroy());
  client.send(encodeCommand('SUBSCRIBE', 'open1', 'closed'));
  assert.match(String(await client.readReply()), /^-NOPERM .*channels/);
  await subscribed(client, 'open2');
  const channels = async () => String(await server.command('PUBSUB', 'CHANNELS'));
  await waitFor(async () => (await channels()) === 'open2', { what: 'open2 alone to be subscribed to' });
});

test('a server that hangs lets nobody wait for longer than timeout', async t => {
  const { servers, client } = await start(t, 1, ['timeout: 1s']);
  const [listener, late] = await Promise.all([client(), client()]);
  await subscribed(listener, 'a');
  servers[0]?.freeze();
  const failed = await late.command('SUBSCRIBE', 'b');
  assert.ok(failed instanceof RespError && /timed out/.test(failed.text), inspect(failed));
  servers[0]?.thaw();
  const isBack = async () => !((await late.command('SUBSCRIBE', 'b')) instanceof RespError);
  await waitFor(isBack, { what: 'the server to be subscribed to' });
  const publisher = await client();
  await publishUntilHeard(publisher, 'b', 'x');
  assert.deepEqual(await nextMessage(late), ['b', 'x']);
  await publishUntilHeard(publisher, 'a', 'y');
  assert.deepEqual(await nextMessage(listener), ['a', 'y']);
});

test('a subscriber that does not read is cut off alone', async t => {
  const { daemon, client } = await start(t, 1, ['client_output_limit: 8mb']);
  const [slow, quick, publisher] = await Promise.all([client(), client(), client()]);
  await subscribed(slow, 'a');
  await subscribed(quick, 'a');
  slow.pause();
  const text = 'x'.repeat(MIB);
  let published = 0;
  while ((await daemon.metric('ringmaster_pool_slow_subscribers_total')) === 0) {
    assert.ok(published < 64, 'it is not cut off');
    await publisher.command('PUBLISH', 'a', text);
    published++;
    assert.equal((await nextMessage(quick))[1].length, MIB);
  }
  assert.equal(await publisher.command('PUBLISH', 'a', 'after'), 1);
  assert.deepEqual(await nextMessage(quick), ['a', 'after']);
  slow.resume();
  await slow.closed;
});

test('a message never stands inside a reply, however that comes', async t => {
  const { client } = await start(t, 1);
  const [reader, publisher] = await Promise.all([client(), client()]);
  await reader.command('SET', 'big', Buffer.alloc(32 * MIB, 'v'));
  reader.send(encodeCommand('HELLO', '3'));
  await reader.readReply();
  reader.send(encodeCommand('SUBSCRIBE', 'a'));
  await reader.readReply();
  reader.send(encodeCommand('GET', 'big'));
  // The beginning of the reply is here, and the rest comes while messages do.
  await reader.readUntil('$33554432\r\n');
  reader.pause();
  const messages = 200;
  for (let i = 0; i < messages; i++) await publisher.command('PUBLISH', 'a', `${i}-${'m'.repeat(i * 50)}`);
  reader.resume();
  const value = await reader.readUntil(32 * MIB + 2);
  assert.ok(value.subarray(0, 32 * MIB).every(byte => byte === 0x76) && value.toString('latin1', 32 * MIB) === '\r\n');
  for (let i = 0; i < messages; i++) {
    const text = `${i}-${'m'.repeat(i * 50)}`;
    assert.equal(String(await reader.readReply()), `>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$${text.length}\r\n${text}\r\n`);
  }
});

test('more subscriptions than a client or a worker may have are refused', async t => {
  const { client } = await start(t, 1, ['client_subscriptions: 3', 'worker_subscriptions: 5']);
  const [one, other] = await Promise.all([client(), client()]);
  await subscribed(one, 'a', 'b', 'c');
  const tooMany =
    '-ERR too many subscriptions: the settings client_subscriptions and worker_subscriptions bound them\r\n';
  one.send(encodeCommand('SUBSCRIBE', 'd'));
  assert.equal(String(await one.readReply()), tooMany);
  await subscribed(one, 'a', 'b');
  await subscribed(other, 'a', 'b');
  other.send(encodeCommand('PSUBSCRIBE', 'x'));
  assert.equal(String(await other.readReply()), tooMany);
  one.send(encodeCommand('UNSUBSCRIBE', 'a'));
  await one.readReply();
  other.send(encodeCommand('PSUBSCRIBE', 'x'));
  assert.match(String(await other.readReply()), /psubscribe/);
});

test('whoever leaves, by RESET or for good, is unsubscribed at the server', async t => {
  const { daemon, servers, client } = await start(t, 1);
  const [one, other] = await Promise.all([client(), client()]);
  await subscribed(one, 'a', 'b');
  await subscribed(other, 'b', 'c');
  const channels = async () =>
    ((await (servers[0] as RedisServer).command('PUBSUB', 'CHANNELS')) as Buffer[]).map(String).sort().join();
  assert.equal(await channels(), 'a,b,c');
  assert.equal(await one.command('RESET'), 'RESET');
  await waitFor(async () => (await channels()) === 'b,c', { what: 'a to be left' });
  other.reset();
  await waitFor(async () => (await channels()) === '', { what: 'all to be left' });
  await daemon.untilMetric('ringmaster_pool_subscriptions', {}, 0);
  await daemon.untilMetric('ringmaster_pool_topics', {}, 0);
});

test('events of keys come from all servers', async t => {
  const { servers, client } = await start(t, 3);
  for (const server of servers) await server.command('CONFIG', 'SET', 'notify-keyspace-events', 'KEA');
  const [listener, watcher, writer] = await Promise.all([client(), client(), client()]);
  await subscribed(listener, '__keyevent@0__:set');
  watcher.send(encodeCommand('PSUBSCRIBE', '__keyspace@0__:k*'));
  await watcher.readReply();
  const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
  for (const key of keys) await writer.command('SET', key, 'v');
  const heard: string[] = [];
  for (const _ of keys) heard.push((await nextMessage(listener))[1]);
  assert.deepEqual(heard.sort(), [...keys].sort());
  const seen = (await watcher.readReplies(keys.length)).map(bytes => String((parseReply(bytes) as Buffer[])[2]));
  assert.deepEqual(seen.sort(), keys.map(key => `__keyspace@0__:${key}`).sort());
  assert.equal(listener.unread().length + watcher.unread().length, 0);
});

test('a thousand subscribers of one channel cost the server one', async t => {
  const { daemon, client } = await start(t, 1);
  const listeners = await Promise.all(Array.from({ length: 1000 }, client));
  await Promise.all(listeners.map(listener => subscribed(listener, 'a')));
  const publisher = await client();
  assert.equal(await publisher.command('PUBLISH', 'a', 'hello'), 1000);
  for (const listener of listeners) assert.deepEqual(await nextMessage(listener), ['a', 'hello']);
  await daemon.untilMetric('ringmaster_pool_topics', {}, 1);
  await daemon.untilMetric('ringmaster_pool_messages_received_total', {}, 1);
  await daemon.untilMetric('ringmaster_pool_messages_delivered_total', {}, 1000);
});

test('channels that move to other servers by a reload are heard there, each message once and in order', async t => {
  const servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const pool = { protocol: 'redis' as const, settings: ['hash: murmur'] };
  const daemon = await startDaemon(t, { pool: { ...pool, servers: [servers[0].port] } });
  const file = (count: number) =>
    [
      `admin: 127.0.0.1:${daemon.adminPort}`,
      'workers: 1',
      `pools:\n  pool:\n    listen: 127.0.0.1:${daemon.port('pool')}\n    protocol: redis\n    hash: murmur\n    servers:`,
      ...servers.slice(0, count).map((server, i) => `      - 127.0.0.1:${server.port}:1 server-${i}`),
      '',
    ].join('\n');
  const [listener, watcher, publisher] = await Promise.all([
    daemon.client('pool'),
    daemon.client('pool'),
    daemon.client('pool'),
  ]);
  t.after(() => [listener, watcher, publisher].map(each => each.destroy()));
  const channels = Array.from({ length: 20 }, (_, i) => `c${i}`);
  await subscribed(listener, ...channels);
  watcher.send(encodeCommand('PSUBSCRIBE', '*'));
  await watcher.readReply();
  let round = 0;
  const isHeardByAll = async () => {
    round++;
    publisher.send(Buffer.concat(channels.map(channel => encodeCommand('PUBLISH', channel, `${round}`))));
    const replies = (await publisher.readReplies(channels.length)).map(String);
    assert.ok(
      replies.every(reply => /^:[012]\r\n$/.test(reply)),
      replies.join(),
    );
    return replies.every(reply => reply === ':2\r\n');
  };
  await waitFor(isHeardByAll, { what: 'all channels to be heard' });
  for (const count of [3, 2, 1, 3]) {
    daemon.ringmaster.writeConfig(file(count));
    assert.equal((await postAdmin(daemon.adminPort, '/-/reload')).status, 200);
    await waitFor(isHeardByAll, { what: `all channels to be heard at ${count} servers` });
  }
  const heard = new Map<string, number>(channels.map(channel => [channel, 0]));
  // To the last round, which all heard.
  while ([...heard.values()].some(last => last < round)) {
    const [channel, text] = await nextMessage(listener);
    assert.ok(Number(text) > (heard.get(channel) as number), `${channel}: ${text} after ${heard.get(channel)}`);
    heard.set(channel, Number(text));
  }
  assert.equal(listener.unread().length, 0);
});
