// CLIENT REPLY: random conversations with and without replies, against a server of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
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

test('what a client wants no reply to is done and not answered, and nothing shifts', { timeout: 60_000 }, async t => {
  const seed = seedFrom('REPLY_SEED');
  t.diagnostic(`REPLY_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const pool = await startRedisPool(t);
  const single = await startRedis();
  t.after(() => single.kill());
  for (let i = 0; i < 60; i++) {
    const lines = Array.from({ length: random.between(1, 25) }, () => random.pick(LINES));
    const bytes = Buffer.concat([
      ...[...lines, 'DISCARD', 'CLIENT REPLY ON'].map(line => encodeCommand(...line.split(' '))),
      encodeCommand('ECHO', END),
    ]);
    const [ours, theirs] = await Promise.all([pool.client(), single.client()]);
    const [mine, wanted] = await Promise.all(
      [ours, theirs].map(async client => {
        client.send(bytes);
        return (await client.readUntil(`${END}\r\n`)).toString();
      }),
    );
    assert.equal(mine, wanted, `${lines.join(' | ')}\nREPLY_SEED=${seed}`);
    for (const client of [ours, theirs]) client.destroy();
  }
});

test('subscriptions are confirmed also to a client that wants no replies', { timeout: 60_000 }, async t => {
  const seed = seedFrom('REPLY_SEED');
  t.diagnostic(`REPLY_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const pool = await startRedisPool(t);
  const single = await startRedis();
  t.after(() => single.kill());
  for (let i = 0; i < 40; i++) {
    const lines = Array.from({ length: random.between(1, 15) }, () => random.pick(SUBSCRIBER_LINES));
    const bytes = Buffer.concat([
      ...['HELLO 3', ...lines, 'CLIENT REPLY ON'].map(line => encodeCommand(...line.split(' '))),
      encodeCommand('ECHO', END),
    ]);
    const [mine, wanted] = await Promise.all(
      [pool, single].map(async server => {
        const client = await server.client();
        client.send(bytes);
        const text = (await client.readUntil(`${END}\r\n`)).toString();
        client.destroy();
        // Numbers of connections, and who it is.
        return text.slice(text.indexOf('modules'));
      }),
    );
    assert.equal(mine, wanted, `${lines.join(' | ')}\nREPLY_SEED=${seed}`);
  }
});
