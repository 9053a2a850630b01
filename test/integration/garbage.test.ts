// Random bytes on either port: the protocol's own error or the end of that connection, and nobody else notices.
// GARBAGE_SEED repeats a run.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, readOne, WIRES, type Wire } from '../support/wire.ts';

const cleanUps: (() => unknown)[] = [];
const t = { after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) };
let daemon: Daemon;
let workers: readonly number[];

before(async () => {
  // Real servers: what they make of the garbage that reaches them must not harm the others on the connection.
  const [redis, memcached] = await Promise.all([startRedis(), startMemcached()]);
  t.after(() => Promise.all([redis.kill(), memcached.kill()]));
  daemon = await startDaemon(t, {
    redis: { protocol: 'redis', servers: [redis.port] },
    memcached: { protocol: 'memcached', servers: [memcached.port] },
  });
  workers = daemon.ringmaster.workerPids();
});

after(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
});

const PIECES: Record<Wire['protocol'], readonly string[]> = {
  redis: [
    '*',
    '$',
    '\r\n',
    '\n',
    '*1\r\n',
    '*-1\r\n',
    '*3\r\n',
    '$3\r\nGET\r\n',
    '$-1\r\n',
    '$9999999999\r\n',
    '"',
    'PING',
    ' ',
  ],
  memcached: [
    'get ',
    'set a 0 0 ',
    '\r\n',
    '\n',
    '4294967296\r\n',
    '5\r\n',
    'noreply',
    ' ',
    '\x80\x01',
    'END',
    'incr a -1\r\n',
  ],
};

const KEYS = 20;

/** Bytes of no kind, or pieces of the protocol in a wrong order. */
function garbage(random: SeededRandom, wire: Wire): Buffer {
  if (random.chance(0.4)) return random.bytes(random.between(1, 2000));
  const pieces = Array.from({ length: random.between(1, 40) }, () =>
    random.chance(0.15)
      ? random.bytes(random.between(1, 30))
      : Buffer.from(random.pick(PIECES[wire.protocol]), 'latin1'),
  );
  return Buffer.concat(pieces);
}

/** What of `bytes` follows the last whole reply. Throws on what is no reply. */
function afterReplies(wire: Wire, bytes: Buffer): Buffer {
  let rest = bytes;
  for (let end = 0; end >= 0 && rest.length > 0; rest = rest.subarray(Math.max(end, 0))) end = wire.replyEnd(rest);
  return rest;
}

for (const wire of WIRES) {
  test(`${wire.protocol}: random bytes harm nobody but their sender`, async () => {
    const seed = seedFrom('GARBAGE_SEED');
    const random = new SeededRandom(seed);
    const neighbour = await daemon.client(wire.protocol);
    for (let key = 0; key < KEYS; key++) {
      neighbour.send(wire.set(`key${key}`));
      assert.match(await readOne(neighbour, wire), /^(\+OK|STORED)\r\n$/);
    }
    for (let round = 0; round < 300; round++) {
      const client = await daemon.client(wire.protocol);
      const bytes = garbage(random, wire);
      const split = random.between(0, bytes.length);
      client.send(bytes.subarray(0, split));
      client.send(bytes.subarray(split));
      if (random.chance(0.1)) client.reset();
      else {
        client.end();
        const got = await client.readToEnd();
        const sent = JSON.stringify(bytes.toString('latin1'));
        assert.equal(afterReplies(wire, got).length, 0, `seed ${seed}, round ${round}: ${sent} got ${got}`);
      }
      client.destroy();
      const key = `key${round % KEYS}`;
      assert.equal(await ask(neighbour, wire, key), wire.value(key), `seed ${seed}, round ${round}`);
    }
    assert.deepEqual(daemon.ringmaster.workerPids(), workers, 'no worker has died');
    neighbour.destroy();
    assert.equal(await daemon.metric('ringmaster_server_failures_total', { pool: wire.protocol }), 0);
    await daemon.untilMetric('ringmaster_pool_client_connections', { pool: wire.protocol }, 0);
    assert.deepEqual(daemon.logged(/disagree|uncaught/), []);
  });
}

test('what no client of the protocol would say is answered in its own words', async () => {
  for (const [pool, bytes, words] of [
    ['redis', '*1\r\n:5\r\n', "-ERR Protocol error: expected '$', got ':'\r\n"],
    ['redis', '*x\r\n', '-ERR Protocol error: invalid multibulk length\r\n'],
    ['redis', 'set "a\r\n', '-ERR Protocol error: unbalanced quotes in request\r\n'],
    ['redis', `*1\r\n$${'9'.repeat(20)}\r\n`, '-ERR Protocol error: invalid bulk length\r\n'],
  ] as const) {
    const client = await daemon.client(pool);
    client.send(bytes);
    // After a protocol error Redis closes, and so do we.
    assert.equal((await client.readToEnd()).toString('latin1'), words);
  }
  for (const [bytes, words] of [
    ['whatever\r\n', 'ERROR\r\n'],
    ['get\r\n', 'ERROR\r\n'],
    ['set a b c d\r\n', 'CLIENT_ERROR bad command line format\r\n'],
  ] as const) {
    const client = await daemon.client('memcached');
    client.send(bytes);
    assert.equal((await client.readLine()).toString('latin1'), words);
    client.send('version\r\n');
    assert.match((await client.readLine()).toString('latin1'), /^VERSION/, 'the connection stays');
    client.destroy();
  }
});

test('a client that sends garbage without end is not listened to for ever', async () => {
  for (const wire of WIRES) {
    const client = await daemon.client(wire.protocol);
    let isClosed = false;
    client.closed.then(() => {
      isClosed = true;
    });
    const junk = Buffer.alloc(64 * 1024, wire.protocol === 'redis' ? '*' : '\x80');
    // It never ends its side and never reads.
    client.pause();
    await waitFor(
      () => {
        if (client.socket.writableLength < 1 << 20) client.send(junk);
        return isClosed;
      },
      { what: `the end of a ${wire.protocol} client`, everyMs: 1 },
    );
  }
});
