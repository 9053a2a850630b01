// Channels and patterns through a pool, against a server of their own.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand, replyEnd } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';

const CONVERSATIONS = 30;
const STEPS = 25;
const LISTENERS = 3;

const SUBSCRIBING = [
  'SUBSCRIBE a',
  'SUBSCRIBE a b c a',
  'SUBSCRIBE b',
  'UNSUBSCRIBE',
  'UNSUBSCRIBE a',
  'UNSUBSCRIBE b nothing b',
  'PSUBSCRIBE *',
  'PSUBSCRIBE a* [bc]',
  'PUNSUBSCRIBE',
  'PUNSUBSCRIBE * x',
  'SSUBSCRIBE a s',
  'SUNSUBSCRIBE s',
  'SUNSUBSCRIBE',
  'SUBSCRIBE',
  'PING',
  'PING hello',
  'PING a b',
  'GET k',
  'ECHO hello',
  'CONFIG GET x',
  'HELLO 3',
  'HELLO 2',
  'EXEC',
  'NOSUCH x',
  'GET',
  'RESET',
];
const PUBLISHING = [
  'PUBLISH a 1',
  'PUBLISH b hello',
  'PUBLISH c x',
  'PUBLISH abc y',
  'SPUBLISH a z',
  'SPUBLISH s w',
  'PUBSUB NUMSUB a b c d',
  'PUBSUB NUMPAT',
  'PUBSUB SHARDNUMSUB a s',
  'PUBSUB SHARDCHANNELS b',
];

const wire = (line: string) => encodeCommand(...line.split(' '));

/** What a client of the server itself has read by the time that it has the reply to a last request. */
async function readAll(client: RawClient): Promise<Buffer> {
  client.send(wire('PING last-of-all'));
  const read = await client.readUntil('last-of-all\r\n');
  const tails = ['*2\r\n$4\r\npong\r\n$11\r\nlast-of-all\r\n', '$11\r\nlast-of-all\r\n'];
  const tail = tails.find(each => read.toString('latin1').endsWith(each)) as string;
  return read.subarray(0, read.length - tail.length);
}

/**
 * What may differ: HELLO says who the client is, and the order of the patterns that match one message, and that of leaving all,
 * is that of a hash table.
 */
function comparable(bytes: Buffer): string {
  const replies: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = replyEnd(bytes, at);
    if (end < 0) return `${replies.join('')}${bytes.toString('latin1', at)}`;
    replies.push(bytes.toString('latin1', at, end));
    at = end;
  }
  const isOfPattern = (reply: string | undefined) => reply?.startsWith('pmessage', 8) === true;
  const same = replies.map(reply =>
    reply.replace(/\$2\r\nid\r\n:\d+/, 'id').replace(/(unsubscribe\r\n)\$\d+\r\n.*\r\n/, '$1name\r\n'),
  );
  for (let i = 0; i < same.length; i++) {
    if (!isOfPattern(same[i])) continue;
    let end = i;
    while (isOfPattern(same[end])) end++;
    same.splice(i, end - i, ...same.slice(i, end).sort());
    i = end;
  }
  return same.join('');
}

/** As much as the other has read. */
async function readAsMuch(client: RawClient, wanted: string): Promise<string> {
  const read = await client.readUntil(arrived => {
    const text = comparable(arrived);
    return text.length >= wanted.length ? arrived.length : -1;
  });
  return comparable(read);
}

/** What is listened to, as the servers know it. */
async function heardBy(client: RawClient): Promise<string> {
  const channels = (await client.command('PUBSUB', 'CHANNELS')) as Buffer[];
  const shards = (await client.command('PUBSUB', 'SHARDCHANNELS')) as Buffer[];
  const patterns = await client.command('PUBSUB', 'NUMPAT');
  return `${channels.map(String).sort()} ${shards.map(String).sort()} ${patterns}`;
}

/** A server hears a moment later that a client has left by RESET, or is gone. */
async function untilBothHear(ours: RawClient, theirs: RawClient): Promise<void> {
  const wanted = await heardBy(theirs);
  await waitFor(async () => (await heardBy(ours)) === wanted, { what: `listeners to ${wanted}` });
}

test('random conversations with subscriptions are those with a server', { timeout: 120_000 }, async t => {
  const seed = seedFrom('PUBSUB_SEED');
  t.diagnostic(`PUBSUB_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const pool = await startRedisPool(t);
  const single = await startRedis();
  t.after(() => single.kill());
  const publishers = [await pool.client(), await single.client()] as const;
  for (let i = 0; i < CONVERSATIONS; i++) {
    const ours = await Promise.all(Array.from({ length: LISTENERS }, () => pool.client()));
    const theirs = await Promise.all(Array.from({ length: LISTENERS }, () => single.client()));
    const said: string[] = [];
    let isFirst = true;
    for (let step = 0; step < STEPS; step++) {
      const who = random.between(0, LISTENERS - 1);
      const isPublishing = random.chance(0.4);
      const lines = Array.from({ length: random.pick([1, 1, 2, 5]) }, () =>
        random.pick(isPublishing ? PUBLISHING : SUBSCRIBING),
      );
      said.push(`${isPublishing ? 'publisher' : who}: ${lines.join(' | ')}`);
      const bytes = Buffer.concat(lines.map(wire));
      if (isPublishing) {
        if (said.some(each => each.includes('RESET')) || isFirst) await untilBothHear(...publishers);
        isFirst = false;
        for (const publisher of publishers) publisher.send(bytes);
        const [mine, wanted] = await Promise.all(
          publishers.map(async publisher =>
            Buffer.concat(await publisher.readReplies(lines.length)).toString('latin1'),
          ),
        );
        assert.equal(mine, wanted, `conversation ${i}:\n${said.join('\n')}\nPUBSUB_SEED=${seed}`);
      } else {
        ours[who]?.send(bytes);
        theirs[who]?.send(bytes);
      }
      for (const [one, their] of theirs.entries()) {
        const wanted = comparable(await readAll(their));
        const context = `conversation ${i}, client ${one}:\n${said.join('\n')}\nPUBSUB_SEED=${seed}`;
        const mine = await readAsMuch(ours[one] as RawClient, wanted).catch(error => `${error.message}\n${context}`);
        assert.equal(mine, wanted, context);
      }
    }
    for (const client of [...ours, ...theirs]) client.destroy();
    // The next conversation counts its own listeners only.
    await waitFor(async () => (await heardBy(publishers[1])) === '  0', { what: 'nobody to listen' });
  }
});

async function startThree(t: TestContext, settings: readonly string[] = []) {
  return startRedisPool(t, { servers: 3, settings: ['hash: murmur', ...settings] });
}

const message = (channel: string, text: string) =>
  `*3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$${text.length}\r\n${text}\r\n`;

test('on three servers every channel and every pattern is heard once', async t => {
  const pool = await startThree(t);
  const client = await pool.client();
  const watcher = await pool.client();
  const publisher = await pool.client();
  t.after(() => [client, watcher, publisher].map(each => each.destroy()));
  const channels = Array.from({ length: 40 }, (_, i) => `channel:${i}`);
  client.send(encodeCommand('SUBSCRIBE', ...channels));
  watcher.send(encodeCommand('PSUBSCRIBE', 'channel:*'));
  await watcher.readReply();
  await client.readReplies(channels.length);
  for (const channel of channels) assert.equal(await publisher.command('PUBLISH', channel, 'x'), 2);
  const heard = (await client.readReplies(channels.length)).map(String);
  assert.deepEqual(heard.sort(), channels.map(channel => message(channel, 'x')).sort());
  const watched = (await watcher.readReplies(channels.length)).map(bytes => String(bytes).split('\r\n')[6]);
  assert.deepEqual(watched.sort(), [...channels].sort());
  assert.equal(String(client.unread()) + String(watcher.unread()), '');
  const homes = await Promise.all(pool.servers.map(server => server.command('PUBSUB', 'CHANNELS')));
  assert.deepEqual((homes.flat() as unknown[]).map(String).sort(), [...channels].sort());
  for (const home of homes) assert.ok((home as unknown[]).length > 0);
});
