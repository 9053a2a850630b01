// Tenants that share a server connection: what one has asked, however much, does not stand before what another asks. A fake server
// that holds its replies back says in which order it got what.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { answering, type FakeBackend, held, startFakeBackend } from '../support/fake-backend.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { redisRequest, redisWords } from '../support/request-splitter.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { untilEqual, waitFor } from '../support/wait-for.ts';

const FLOOD_CLIENTS = 20;
/** What a client may await before the size of its replies is known. */
const EACH = 60;
/** A window is 128 KiB, of which a request takes 256 bytes at the least and its own; and nobody has more than his part beside. */
const AT_SERVER_MAX = 512;

const wire = (...lines: readonly string[]) => Buffer.concat(lines.map(line => encodeCommand(...line.split(' '))));
const EACH_I = Array.from({ length: EACH }, (_, i) => i);
const USERS = [
  'users:',
  '  flood: { pools: [red], passwords: [secret] }',
  '  neighbour: { pools: [red], passwords: [secret] }',
];

interface World {
  readonly daemon: Daemon;
  readonly server: FakeBackend;
  readonly flooders: readonly RawClient[];
  readonly neighbour: RawClient;
  /** Lets the server answer, from now on. */
  release(): void;
  /** What the server has got, as words. */
  got(): string[];
  client(user: string): Promise<RawClient>;
}

/** A server that has one request of the neighbour and whatever comes to it of a flood, and answers nothing yet. */
async function start(t: TestContext): Promise<World> {
  const { delivery, release } = held();
  const textOf = (request: Buffer) => `+${redisWords(request).slice(1).join(' ')}\r\n`;
  const server = await startFakeBackend(answering(redisRequest, textOf, delivery));
  t.after(() => server.close());
  const pool = { protocol: 'redis', servers: [server.port], settings: ['timeout: 60s'] } as const;
  const daemon = await startDaemon(t, { red: pool }, { workers: 1, settings: USERS });
  const client = async (user: string) => {
    const one = await daemon.client('red', { timeoutMs: 30_000 });
    t.after(() => one.destroy());
    one.send(wire(`AUTH ${user} secret`));
    assert.equal(String(await one.readReply()), '+OK\r\n');
    return one;
  };
  const neighbour = await client('neighbour');
  const flooders = await Promise.all(Array.from({ length: FLOOD_CLIENTS }, () => client('flood')));
  neighbour.send(wire('GET first'));
  await server.untilRequests(1);
  for (const [c, flooder] of flooders.entries()) flooder.send(wire(...EACH_I.map(i => `SET f${c} ${i}`)));
  const got = () => server.requests().map(request => redisWords(request).join(' '));
  await waitFor(async () => (await asked(daemon)) >= 1 + FLOOD_CLIENTS * EACH, { what: 'the flood' });
  return { daemon, server, flooders, neighbour, release, got, client };
}

/** Requests that were sent to the server or wait. */
async function asked(daemon: Daemon): Promise<number> {
  const [inflight, queued] = await Promise.all(
    ['inflight', 'queued'].map(what => daemon.metric(`ringmaster_server_${what}_requests`, { pool: 'red' })),
  );
  return (inflight as number) + (queued as number);
}

async function assertFloodInOrder({ flooders, got }: World): Promise<void> {
  for (const [c, flooder] of flooders.entries()) {
    for (const i of EACH_I) assert.equal(String(await flooder.readReply()), `+f${c} ${i}\r\n`);
    const order = got().filter(text => text.startsWith(`SET f${c} `));
    assert.deepEqual(
      order,
      EACH_I.map(i => `SET f${c} ${i}`),
    );
  }
}

test('a neighbour’s request is with the server behind a window of the flood, however much of that waits', async t => {
  const world = await start(t);
  const { neighbour, got, release } = world;
  neighbour.send(wire('GET second'));
  await waitFor(() => got().includes('GET second'), { what: 'the neighbour’s request at the server' });
  const before = got().indexOf('GET second');
  assert.ok(before <= AT_SERVER_MAX, `${before} before it`);
  assert.ok(before > 10, 'the flood is at the server, too');
  release();
  for (const key of ['first', 'second']) assert.equal(String(await neighbour.readReply()), `+${key}\r\n`);
  await assertFloodInOrder(world);
  await untilEqual(() => asked(world.daemon), 0, 'nothing under way');
});

test('a transaction in one piece stays in one piece', async t => {
  const world = await start(t);
  const { flooders, neighbour, got, release } = world;
  const keys = EACH_I.map(i => `INCR n${i}`);
  neighbour.send(wire('MULTI', ...keys.slice(0, 20), 'EXEC'));
  flooders[0]!.send(wire('MULTI', ...keys.slice(20, 40), 'EXEC'));
  await waitFor(() => got().includes('MULTI'), { what: 'the first transaction' });
  release();
  await waitFor(() => got().filter(text => text === 'EXEC').length === 2, { what: 'both' });
  const texts = got();
  for (const [from, to] of [
    [0, 20],
    [20, 40],
  ] as const) {
    const at = texts.indexOf(`INCR n${from}`);
    assert.deepEqual(texts.slice(at - 1, at + 21), ['MULTI', ...keys.slice(from, to), 'EXEC']);
  }
});

test('when the server is gone each request has its answer, and what comes next is served', async t => {
  const world = await start(t);
  const { server, flooders, neighbour, release } = world;
  server.resetAll();
  assert.match(String(await neighbour.readReply()), /^-/);
  for (const flooder of flooders) for (const _ of EACH_I) assert.match(String(await flooder.readReply()), /^-/);
  release();
  neighbour.send(wire('GET again'));
  assert.equal(String(await neighbour.readReply()), '+again\r\n');
  flooders[0]!.send(wire('SET f0 again'));
  assert.equal(String(await flooders[0]!.readReply()), '+f0 again\r\n');
});

test('what a client has asked is done though it leaves, and as who it asked it', async t => {
  const world = await start(t);
  const { flooders, neighbour, got, release } = world;
  flooders[0]!.destroy();
  // What it asked as the one is answered before it is heard as the other.
  flooders[1]!.send(Buffer.concat([wire('AUTH neighbour secret'), wire('SET f1 last')]));
  release();
  for (const i of EACH_I) assert.equal(String(await flooders[1]!.readReply()), `+f1 ${i}\r\n`);
  assert.equal(String(await flooders[1]!.readReply()), '+OK\r\n');
  assert.equal(String(await flooders[1]!.readReply()), '+f1 last\r\n');
  const ofFirst = () => got().filter(text => text.startsWith('SET f0 '));
  await waitFor(() => ofFirst().length === EACH, { what: 'what the client that left has asked' });
  assert.deepEqual(
    ofFirst(),
    EACH_I.map(i => `SET f0 ${i}`),
  );
  assert.equal(
    got()
      .filter(text => text.startsWith('SET f1 '))
      .at(-1),
    'SET f1 last',
  );
  assert.equal(String(await neighbour.readReply()), '+first\r\n');
});

test('draining answers what waits, too', async t => {
  const world = await start(t);
  const { daemon, neighbour, release } = world;
  const stopped = daemon.ringmaster.stop();
  release();
  assert.equal(String(await neighbour.readReply()), '+first\r\n');
  await assertFloodInOrder(world);
  await stopped;
});
