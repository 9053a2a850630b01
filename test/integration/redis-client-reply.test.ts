// CLIENT REPLY: random conversations with and without replies, against a server of its own.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startRedisPool } from '../support/pool-under-test.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const LINES = [
  'CLIENT REPLY OFF',
  'CLIENT REPLY ON',
  'CLIENT REPLY SKIP',
  'CLIENT REPLY SKIP',
  'CLIENT REPLY NO',
  'GET a',
  'SET a 1',
  'INCR a',
  'MGET a b',
  'NOSUCH',
  'GET',
  'PING',
  'EXEC',
  'WATCH a',
  'DEL a b',
];
const END = 'the end';

/** In RESP3 a client may ask for other things while it is subscribed. */
const SUBSCRIBER_LINES = [
  'CLIENT REPLY OFF',
  'CLIENT REPLY ON',
  'CLIENT REPLY SKIP',
  'SUBSCRIBE a',
  'PSUBSCRIBE c*',
  'UNSUBSCRIBE a',
  'UNSUBSCRIBE',
  'PUNSUBSCRIBE',
  'SUBSCRIBE',
  'PING',
  'GET a',
];

interface Conversations {
  readonly count: number;
  /** Lines of each, drawn from these, at most so many. */
  readonly lines: readonly string[];
  readonly most: number;
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** What of an answer is compared. */
  compared(answer: string): string;
}

/** Has random conversations with the pool and with a server, and compares what they answer. */
async function converse(t: TestContext, { count, lines: from, most, before, after, compared }: Conversations) {
  const seed = seedFrom('REPLY_SEED');
  t.diagnostic(`REPLY_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const pool = await startRedisPool(t);
  const single = await startRedis();
  t.after(() => single.kill());
  for (let i = 0; i < count; i++) {
    const lines = Array.from({ length: random.between(1, most) }, () => random.pick(from));
    const bytes = Buffer.concat([
      ...[...before, ...lines, ...after].map(line => encodeCommand(...line.split(' '))),
      encodeCommand('ECHO', END),
    ]);
    const [mine, wanted] = await Promise.all(
      [pool, single].map(async server => {
        const client = await server.client();
        client.send(bytes);
        const answer = (await client.readUntil(`${END}\r\n`)).toString();
        client.destroy();
        return compared(answer);
      }),
    );
    assert.equal(mine, wanted, `${lines.join(' | ')}\nREPLY_SEED=${seed}`);
  }
}

test('what a client wants no reply to is done and not answered, and nothing shifts', { timeout: 120_000 }, t =>
  converse(t, {
    ...{ count: 60, lines: LINES, most: 25, before: [], after: ['DISCARD', 'CLIENT REPLY ON'] },
    compared: answer => answer,
  }),
);

test('subscriptions are confirmed also to a client that wants no replies', { timeout: 120_000 }, t =>
  converse(t, {
    ...{ count: 40, lines: SUBSCRIBER_LINES, most: 15, before: ['HELLO 3'], after: ['CLIENT REPLY ON'] },
    // Numbers of connections, and who it is, stand before.
    compared: answer => answer.slice(answer.indexOf('modules')),
  }),
);
