// How many listen, over several workers: whoever asks after a confirmation is told the right number, whichever workers the
// listeners and who asks are in.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand, parseReply } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';
import { workerOf } from '../support/worker-clients.ts';

const WORKERS = 2;
const LISTENERS_A_WORKER = 5;
const STEPS = 200;
const CHANNELS = ['a', 'ab', 'b', 'c'];
const PATTERNS = ['*', 'a*', '[bc]'];
const MATCHES: Readonly<Record<string, RegExp>> = { '*': /^/, 'a*': /^a/, '[bc]': /^[bc]$/ };

/** So many clients of each of so many workers, by the number of its process. */
async function clientsOfWorkers(t: TestContext, daemon: Daemon, workers: number, each: number) {
  const clients = new Map<number, RawClient[]>();
  while (clients.size < workers || [...clients.values()].some(({ length }) => length < each)) {
    const client = await daemon.client('pool');
    t.after(() => client.destroy());
    const worker = await workerOf(client);
    const ofWorker = clients.get(worker) ?? [];
    clients.set(worker, ofWorker);
    if (ofWorker.length < each) ofWorker.push(client);
    else client.destroy();
  }
  return clients;
}

interface Listener {
  readonly client: RawClient;
  readonly topics: Set<string>;
  /** Messages it has yet to read. */
  due: number;
}

async function start(t: TestContext, count: number): Promise<Daemon> {
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis()));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const pool = { protocol: 'redis', servers: servers.map(({ port }) => port), settings: ['hash: murmur'] } as const;
  return startDaemon(t, { pool }, { workers: WORKERS });
}

/** Reads the messages that are due, and then the reply to its request. */
async function ask(listener: Listener, ...words: string[]): Promise<unknown> {
  listener.client.send(encodeCommand(...words));
  for (; listener.due > 0; listener.due--) {
    assert.match(String(await listener.client.readReply()), /^\*[34]\r\n\$[78]\r\np?message\r\n/);
  }
  return parseReply(await listener.client.readReply());
}

for (const servers of [1, 3]) {
  test(`on ${servers} servers the numbers follow every confirmation at once`, { timeout: 120_000 }, async t => {
    const seed = seedFrom('LISTENERS_SEED');
    t.diagnostic(`LISTENERS_SEED=${seed} repeats this run`);
    const random = new SeededRandom(seed);
    const daemon = await start(t, servers);
    const clients = await clientsOfWorkers(t, daemon, WORKERS, LISTENERS_A_WORKER + 1);
    const publishers = [...clients.values()].map(ofWorker => ofWorker.pop() as RawClient);
    const listeners = [...clients.values()].flat().map((client): Listener => ({ client, topics: new Set(), due: 0 }));
    const countOf = (topic: string) => listeners.filter(({ topics }) => topics.has(topic)).length;
    for (let step = 0; step < STEPS; step++) {
      const context = `step ${step}, LISTENERS_SEED=${seed}`;
      const listener = random.pick(listeners);
      const isPattern = random.chance(0.3);
      const topic = random.pick(isPattern ? PATTERNS : CHANNELS);
      const isLeaving = random.chance(0.45);
      const word = `${isPattern ? 'p' : ''}${isLeaving ? 'unsubscribe' : 'subscribe'}`;
      if (isLeaving) listener.topics.delete(topic);
      else listener.topics.add(topic);
      const [said, name, count] = (await ask(listener, word, topic)) as [Buffer, Buffer, number];
      assert.deepEqual([String(said), String(name), count], [word, topic, listener.topics.size], context);
      const channel = random.pick(CHANNELS);
      let wanted = 0;
      for (const each of listeners) {
        const patterns = PATTERNS.filter(pattern => each.topics.has(pattern) && MATCHES[pattern]?.test(channel));
        const heard = patterns.length + Number(each.topics.has(channel));
        each.due += heard;
        wanted += heard;
      }
      const publisher = random.pick(publishers);
      assert.equal(await publisher.command('PUBLISH', channel, 'x'), wanted, `PUBLISH ${channel}, ${context}`);
      const asker = random.pick(publishers);
      const counts = ((await asker.command('PUBSUB', 'NUMSUB', ...CHANNELS)) as unknown[]).map(String);
      assert.deepEqual(
        counts,
        CHANNELS.flatMap(each => [each, String(countOf(each))]),
        context,
      );
      const listened = ((await asker.command('PUBSUB', 'CHANNELS')) as unknown[]).map(String);
      assert.deepEqual(listened.sort(), CHANNELS.filter(each => countOf(each) > 0).sort(), context);
      assert.equal(await asker.command('PUBSUB', 'NUMPAT'), PATTERNS.filter(each => countOf(each) > 0).length, context);
    }
    // And each has heard what was counted, no more.
    for (const listener of listeners) {
      const pong = await ask(listener, 'PING', 'last');
      const isListening = listener.topics.size > 0;
      assert.deepEqual(Array.isArray(pong) ? pong.map(String) : String(pong), isListening ? ['pong', 'last'] : 'last');
    }
  });
}

test('listeners of a worker that dies count no more, and its successor knows of the others', async t => {
  const daemon = await start(t, 1);
  const clients = await clientsOfWorkers(t, daemon, WORKERS, 3);
  for (const client of [...clients.values()].flat()) await client.command('SUBSCRIBE', 'a');
  const [victim, survivor] = [...clients.keys()] as [number, number];
  const other = async () => {
    for (;;) {
      const client = await daemon.client('pool');
      if ((await workerOf(client)) !== survivor) return client;
      client.destroy();
    }
  };
  const before = await other();
  t.after(() => before.destroy());
  assert.equal(await before.command('PUBLISH', 'a', 'x'), 6);
  process.kill(victim, 'SIGKILL');
  const after = await other();
  t.after(() => after.destroy());
  assert.notEqual(await workerOf(after), victim);
  const listener = (clients.get(survivor) as RawClient[])[0] as RawClient;
  await waitFor(async () => (await after.command('PUBLISH', 'a', 'x')) === 3, { what: 'three listeners' });
  assert.match(String(await listener.readReply()), /message/);
});
