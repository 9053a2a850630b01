// What many subscribers hear while servers are killed and clients come and go: of each channel only what was published there, each
// message once, in its order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand, parseReply } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const CHANNELS = 12;
const LISTENERS = 12;
const KILLS = 4;
const ROUNDS_BETWEEN = 60;

/** A subscriber, what it has subscribed to, and the number of the last message of each channel that it has heard. */
class Listener {
  readonly client: RawClient;
  readonly last = new Map<string, number>();
  heard = 0;
  private readonly channels = new Set<string>();
  private isPattern = false;

  constructor(client: RawClient) {
    this.client = client;
    void this.listen().catch(() => {});
  }

  /** What it violates of the rules, if anything. */
  fault: string | null = null;

  subscribe(channel: string): void {
    this.client.send(encodeCommand('SUBSCRIBE', channel));
  }

  watchAll(): void {
    this.isPattern = true;
    this.client.send(encodeCommand('PSUBSCRIBE', 'c*'));
  }

  leave(channel: string): void {
    this.client.send(encodeCommand('UNSUBSCRIBE', channel));
  }

  private async listen(): Promise<void> {
    for (;;) {
      const reply = parseReply(await this.client.readReply());
      // The channel's server is down just now.
      if (!Array.isArray(reply)) continue;
      const [word, ...rest] = reply.map(String);
      if (word === 'subscribe') this.channels.add(rest[0] as string);
      else if (word === 'unsubscribe') this.channels.delete(rest[0] as string);
      else if (word === 'message') this.hear(rest[0] as string, rest[1] as string, false);
      else if (word === 'pmessage') this.hear(rest[1] as string, rest[2] as string, true);
    }
  }

  private hear(channel: string, text: string, isByPattern: boolean): void {
    this.heard++;
    const [of, number] = text.split(':');
    // Who listens to a channel and to a pattern hears it by each.
    const by = isByPattern ? `pattern ${channel}` : channel;
    const last = this.last.get(by) ?? 0;
    const isWanted = isByPattern ? this.isPattern : this.channels.has(channel);
    if (!isWanted) this.fault ??= `heard ${channel} without having subscribed`;
    if (of !== channel) this.fault ??= `heard ${text} on ${channel}`;
    if (Number(number) <= last) this.fault ??= `heard ${text} after ${last}`;
    this.last.set(by, Number(number));
  }
}

test('no subscriber hears what is not for it, or anything twice, whatever becomes of servers', {
  timeout: 120_000,
}, async t => {
  const seed = seedFrom('HISTORY_SEED');
  t.diagnostic(`HISTORY_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const servers: RedisServer[] = await Promise.all([startRedis(), startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const daemon = await startDaemon(
    t,
    { pool: { protocol: 'redis', servers: servers.map(server => server.port), settings: ['hash: murmur'] } },
    { workers: 2 },
  );
  const channels = Array.from({ length: CHANNELS }, (_, i) => `c${i}`);
  const connect = async () => {
    const listener = new Listener(await daemon.client('pool', { timeoutMs: 60_000 }));
    if (random.chance(0.2)) listener.watchAll();
    else for (const channel of channels) if (random.chance(0.4)) listener.subscribe(channel);
    return listener;
  };
  const listeners = await Promise.all(Array.from({ length: LISTENERS }, connect));
  const gone: Listener[] = [];
  t.after(() => [...listeners, ...gone].map(({ client }) => client.destroy()));
  // Each channel has one publisher, so that its messages have an order.
  const publisher = await daemon.client('pool');
  t.after(() => publisher.destroy());
  let number = 0;
  const publishRound = async () => {
    number++;
    publisher.send(Buffer.concat(channels.map(channel => encodeCommand('PUBLISH', channel, `${channel}:${number}`))));
    return (await publisher.readReplies(channels.length)).map(String);
  };
  for (let kill = 0; kill < KILLS; kill++) {
    const victim = random.between(0, servers.length - 1);
    let restarted: Promise<RedisServer> | null = null;
    for (let round = 0; round < ROUNDS_BETWEEN; round++) {
      await publishRound();
      const listener = random.pick(listeners);
      const channel = random.pick(channels);
      if (random.chance(0.5)) listener.subscribe(channel);
      else listener.leave(channel);
      if (random.chance(0.1)) {
        const at = random.between(0, listeners.length - 1);
        const left = listeners[at] as Listener;
        gone.push(left);
        left.client.destroy();
        listeners[at] = await connect();
      }
      if (round === 10) await servers[victim]?.kill();
      if (round === 25) restarted = startRedis({ port: (servers[victim] as RedisServer).port });
      await setImmediate();
    }
    servers[victim] = await (restarted as Promise<RedisServer>);
  }
  // All is well again: one who hears all of a round ends it.
  const last = new Listener(await daemon.client('pool'));
  gone.push(last);
  for (;;) {
    last.watchAll();
    const replies = await publishRound();
    if (replies.every(reply => /^:[1-9]/.test(reply)) && last.last.size === CHANNELS) break;
    await setImmediate();
  }
  for (const { fault } of [...listeners, ...gone]) assert.equal(fault, null);
  const heard = [...listeners, ...gone].reduce((sum, listener) => sum + listener.heard, 0);
  t.diagnostic(`${number * CHANNELS} messages were heard ${heard} times`);
  assert.ok(heard > number * CHANNELS);
});
