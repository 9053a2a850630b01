// Where tenants share a server connection, what waits for its turn belongs to the connection as what was sent does.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ReadyLine, readyLines } from '../../../src/socket/ready-lines.ts';
import type { BackendOptions } from '../../../src/upstream/backend-options.ts';
import { type Answer, BackendUnderTest } from '../../support/backend-under-test.ts';
import {
  answering,
  type Delivery,
  type FakeBackend,
  held,
  never,
  startFakeBackend,
} from '../../support/fake-backend.ts';
import { redisRequest, redisWords } from '../../support/request-splitter.ts';
import { encodeCommand } from '../../support/resp-reader.ts';
import { waitFor } from '../../support/wait-for.ts';

const FLOOD = 1000;

interface World {
  readonly server: FakeBackend;
  readonly proxy: BackendUnderTest;
  ask(tenant: ReadyLine | null, key: string): Answer;
  readonly many: ReadyLine;
  readonly one: ReadyLine;
  /** Keys in the order in which the server has them. */
  keys(): string[];
}

async function start(t: TestContext, delivery: Delivery, options: Partial<BackendOptions> = {}): Promise<World> {
  const keyOf = (request: Buffer) => `+${redisWords(request)[1]}\r\n`;
  const server = await startFakeBackend(answering(redisRequest, keyOf, delivery));
  t.after(() => server.close());
  const proxy = new BackendUnderTest(t, server.port, options);
  const [many, one] = [new ReadyLine(), new ReadyLine()];
  for (const line of [many, one]) {
    readyLines.move(null, line);
    t.after(() => readyLines.move(line, null));
  }
  const ask = (tenant: ReadyLine | null, key: string) => proxy.send(encodeCommand('GET', key), 1, 0, 0, tenant);
  const keys = () => server.requests().map(request => String(redisWords(request)[1]));
  return { server, proxy, ask, many, one, keys };
}

/** A flood of one tenant, after something of another; the server has a part of it. */
async function flood({ server, ask, many, one }: World): Promise<Answer[]> {
  const answers = [ask(one, 'first')];
  for (let i = 0; i < FLOOD; i++) answers.push(ask(many, `a${i}`));
  await server.untilRequests(20);
  return answers;
}

const settledAll = (answers: readonly Answer[]) => Promise.all(answers.map(answer => answer.settled()));

test('what waits is sent as replies come, and each gets its own', async t => {
  const { delivery, release } = held();
  const world = await start(t, delivery);
  const answers = await flood(world);
  const { outQueue, inQueue } = world.proxy.backend.snapshot();
  assert.equal(outQueue + inQueue, FLOOD + 1);
  const late = world.ask(world.one, 'late');
  await waitFor(() => world.keys().includes('late'), { what: 'who asks one thing at a time' });
  assert.ok(world.keys().length < 300, `${world.keys().length} before it`);
  release();
  const flooded = Array.from({ length: FLOOD }, (_, i) => `a${i}`);
  assert.deepEqual(
    await settledAll(answers),
    ['first', ...flooded].map(key => `+${key}\r\n`),
  );
  assert.equal(await late.settled(), '+late\r\n');
  assert.deepEqual(
    world.keys().filter(key => key.startsWith('a')),
    flooded,
  );
});

test('with the connection all of it fails, once, and the next one serves', async t => {
  const world = await start(t, never);
  const answers = await flood(world);
  world.server.resetAll();
  const failures = await settledAll(answers);
  assert.ok(failures.every(text => text === 'connection_reset'));
  assert.equal(world.proxy.stats.failures.connection_reset, FLOOD + 1);
  const { inQueue, outQueue, inQueueBytes } = world.proxy.backend.snapshot();
  assert.deepEqual([inQueue, outQueue, inQueueBytes], [0, 0, 0]);
  world.server.handler = answering(redisRequest, () => '+again\r\n');
  assert.equal(await world.ask(world.many, 'x').settled(), '+again\r\n');
});

test('what has waited too long fails without having been sent, and the server is not blamed for it', async t => {
  // The server goes on answering, too slowly for all of them.
  const gates: (() => void)[] = [];
  const oneByOne: Delivery = (socket, reply) =>
    new Promise(resolve => {
      gates.push(() => {
        socket.write(reply);
        resolve();
      });
    });
  const world = await start(t, oneByOne, { timeoutMs: 200 });
  const drip = setInterval(() => gates.shift()?.(), 20);
  t.after(() => clearInterval(drip));
  const answers = await flood(world);
  const replies = await settledAll(answers);
  assert.ok(replies.filter(text => text === 'timed_out').length > FLOOD / 2);
  assert.ok(!replies.includes('connection_reset'));
  assert.ok(world.keys().length < FLOOD);
});

test('a connection that is to go sends and answers all that waits first', async t => {
  const { delivery, release } = held();
  const world = await start(t, delivery);
  const answers = await flood(world);
  let isRetired = false;
  world.proxy.backend.retire(60_000, () => {
    isRetired = true;
  });
  assert.equal(isRetired, false);
  release();
  const replies = await settledAll(answers);
  assert.equal(replies.filter(text => text.startsWith('+')).length, FLOOD + 1);
  await waitFor(() => isRetired, { what: 'its end' });
});

test('a barrier stands for what waits as well', async t => {
  const { delivery, release } = held();
  const world = await start(t, delivery);
  const answers = await flood(world);
  const isPast = world.proxy.backend.connections.barrier();
  assert.equal(isPast(), false);
  const before = answers.map(answer => answer.isSettled);
  assert.ok(!before.includes(true));
  const after = world.ask(world.many, 'after');
  release();
  await waitFor(
    () => {
      const isOver = isPast();
      if (isOver) assert.ok(answers.every(answer => answer.isSettled));
      return isOver;
    },
    { what: 'the barrier', everyMs: 1 },
  );
  await after.settled();
});

test('what waits has the bounds of the connection', async t => {
  const { delivery, release } = held();
  const world = await start(t, delivery, { maxInflight: 500 });
  const answers = await flood(world);
  assert.equal(answers.filter(answer => answer.failure === 'overloaded').length, FLOOD + 1 - 500);
  release();
  const replies = await settledAll(answers);
  assert.equal(replies.filter(text => text.startsWith('+')).length, 500);
});

test('nobody’s requests do not wait', async t => {
  const { delivery, release } = held();
  const world = await start(t, delivery);
  await flood(world);
  const probe = world.ask(null, 'probe');
  await waitFor(() => world.keys().includes('probe'), { what: 'the probe' });
  assert.ok(world.keys().length < 300);
  release();
  assert.equal(await probe.settled(), '+probe\r\n');
});
