import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { answering, type FakeConnection, startFakeBackend } from '../support/fake-backend.ts';
import { redisRequest, redisWords } from '../support/request-splitter.ts';
import { movesBetween, poolOf, WorkerUnderTest } from '../support/reshard-under-test.ts';
import type { RespError } from '../support/resp-reader.ts';
import { KEYS, startTwoRings } from '../support/two-rings.ts';
import { waitFor } from '../support/wait-for.ts';

const ON_THE_MOVE = /ERR its key is on the move/;

const messageOf = (reply: unknown): string => (reply as RespError).text;

test('a key that its new server does not take stays where it is, and requests for it fail; others go on', async t => {
  const { servers, worker, moving, staying, placesOf, go } = await startTwoRings(t, {
    settings: ['redis_auth: geheim'],
    redis: { requirepass: 'geheim' },
  });
  const client = await worker.client();
  await client.command('AUTH', 'geheim');
  const key = moving[0] as string;
  await client.command('SET', key, 'v');
  await go('hold');
  await go('both');
  const target = await servers[2]!.client();
  await target.command('CONFIG', 'SET', 'requirepass', 'anders');
  assert.match(messageOf(await client.command('GET', key)), ON_THE_MOVE);
  assert.equal(await client.command('SET', staying[0] as string, 'v'), 'OK');
  await target.command('CONFIG', 'SET', 'requirepass', 'geheim');
  await waitFor(async () => String(await client.command('GET', key)) === 'v', { what: 'the key is brought' });
  assert.ok(worker.stats.reshardBringFailures > 0);
  assert.deepEqual(await placesOf(key), [2]);
});

test('a new server that has no memory left takes no keys, and loses none', async t => {
  const { servers, worker, moving, placesOf, go } = await startTwoRings(t);
  const client = await worker.client();
  for (const key of moving) await client.command('SET', key, key);
  await servers[2]!.command('CONFIG', 'SET', 'maxmemory', '1');
  await go('hold');
  await go('both');
  for (const key of moving) assert.match(messageOf(await client.command('GET', key)), ON_THE_MOVE);
  for (const key of moving) assert.notDeepEqual(await placesOf(key), [2]);
  await servers[2]!.command('CONFIG', 'SET', 'maxmemory', '0');
  for (const key of moving) {
    await waitFor(async () => String(await client.command('GET', key)) === key, { what: `${key} is brought` });
  }
});

test('a key that is too late for its own server does not come back: a stopped target, another worker, a deletion', async t => {
  const { servers, workers, moving, staying, go, placesOf } = await startTwoRings(t, {
    workers: 2,
    settings: ['reshard_step_timeout: 100ms', 'timeout: 3s'],
  });
  const [one, two] = [await workers[0]!.client(), await workers[1]!.client()];
  const key = moving[0] as string;
  await one.command('SET', key, 'v');
  await go('hold');
  await go('both');
  servers[2]!.freeze();
  // Its MIGRATE fails, and leaves a RESTORE unread at the stopped server.
  const first = one.command('GET', key);
  await waitFor(
    async () => {
      const infos = await Promise.all([0, 1].map(place => servers[place]!.command('INFO', 'errorstats')));
      return infos.some(info => String(info).includes('errorstat_IOERR'));
    },
    { what: 'a MIGRATE that failed' },
  );
  const second = two.command('DEL', key);
  servers[2]!.thaw();
  await first;
  const deleted = await second;
  if (deleted !== 1) {
    await waitFor(async () => (await two.command('DEL', key)) === 1, { what: 'the key is deleted' });
  }
  await waitFor(async () => typeof (await one.command('EXISTS', key)) === 'number', { what: 'the worker tries again' });
  for (let i = 0; i < 50; i++) assert.equal(await one.command('EXISTS', key), 0);
  assert.deepEqual(await placesOf(key), []);
  assert.equal(await one.command('SET', staying[0] as string, 'v'), 'OK');
});

test('the pool does not hold before what a stopped server has not done yet is done', async t => {
  const { servers, worker, moving, go } = await startTwoRings(t, { settings: ['timeout: 1s'] });
  const client = await worker.client();
  const key = moving[0] as string;
  await client.command('SET', key, 'v');
  const place = (await servers[0]!.command('EXISTS', key)) === 1 ? 0 : 1;
  servers[place]!.freeze();
  client.send(`APPEND ${key} !\r\n`);
  // Its time is over, and the server does it later.
  assert.match(String(await client.readReply()), /^-ERR/);
  const held = go('hold').then(() => 'held');
  const late = await worker.client();
  late.send(`GET ${key}\r\n`);
  assert.equal(await Promise.race([held, waitFor(() => worker.stats.reshardParked > 0, { what: 'a wait' })]), true);
  servers[place]!.thaw();
  await held;
  await go('both');
  assert.equal(String(await late.readReply()), '$2\r\nv!\r\n');
});

test('what waits for too long fails with a clear error, and what comes goes on to wait', async t => {
  const { worker, moving, go } = await startTwoRings(t, { settings: ['reshard_patience: 1500ms'] });
  const client = await worker.client();
  const [a, b] = moving as [string, string];
  await go('hold');
  client.send(`SET ${a} 1\r\nSET ${b} 1\r\nPING\r\n`);
  const replies = (await client.readReplies(3)).map(String);
  assert.match(replies[0]!, /^-ERR its key is on the move/);
  assert.match(replies[1]!, /^-ERR its key is on the move/);
  assert.equal(replies[2], '+PONG\r\n');
  client.send(`SET ${a} 2\r\n`);
  await waitFor(() => worker.stats.reshardParked === 4, { what: 'a wait' });
  await go('both');
  assert.equal(String(await client.readReply()), '+OK\r\n');
});

test('the pool does not hold where a server can’t be asked, and says why', async t => {
  const { servers, worker, moving, go } = await startTwoRings(t, { settings: ['reshard_patience: 30s'] });
  const client = await worker.client();
  await servers[2]!.command('CONFIG', 'SET', 'requirepass', 'anders');
  await assert.rejects(go('hold'), /^Error: s2: NOAUTH Authentication required/);
  client.send(`SET ${moving[0]} v\r\n`);
  await go(null);
  assert.equal(String(await client.readReply()), '+OK\r\n');
});

test('more than may wait fails at once', async t => {
  const { worker, moving, staying, go } = await startTwoRings(t, { settings: ['reshard_waiting_bytes: 1kb'] });
  const client = await worker.client();
  await go('hold');
  const [first, second] = [await worker.client(), await worker.client()];
  first.send(`SET ${moving[0]} ${'v'.repeat(2000)}\r\n`);
  await waitFor(() => worker.stats.reshardParked === 1, { what: 'a wait' });
  assert.match(messageOf(await second.command('SET', moving[1] as string, 'v')), ON_THE_MOVE);
  assert.equal(await second.command('SET', staying[0] as string, 'v'), 'OK');
  await go('both');
  assert.equal(String(await first.readReply()), '+OK\r\n');
  assert.equal(await client.command('STRLEN', moving[0] as string), 2000);
});

test('a server that dies takes only its own keys', async t => {
  const { servers, worker, moving, go } = await startTwoRings(t);
  const client = await worker.client();
  for (const key of moving) await client.command('SET', key, key);
  await go('hold');
  await go('both');
  await servers[0]!.kill();
  const lost = [];
  for (const key of moving) {
    const reply = await client.command('GET', key);
    if (String(reply) === key) assert.equal(await servers[2]!.command('EXISTS', key), 1);
    else {
      lost.push(key);
      assert.match(messageOf(reply), ON_THE_MOVE);
    }
  }
  assert.ok(lost.length > 0 && lost.length < moving.length);
});

test('a value that is on both servers because a MIGRATE was cut off is the new one', async t => {
  const { servers, worker, moving, placesOf, go } = await startTwoRings(t);
  const client = await worker.client();
  const key = moving[0] as string;
  await client.command('SET', key, 'v');
  await servers[2]!.command('SET', key, 'v');
  await go('hold');
  await go('both');
  client.send(moving.map(each => `GET ${each}\r\n`).join(''));
  assert.equal(String((await client.readReplies(moving.length))[0]), '$1\r\nv\r\n');
  assert.deepEqual(await placesOf(key), [2]);
});

test('the pool does not hold before all that was asked before is answered', async t => {
  // Servers that answer all but the first SET at once, and what comes behind it.
  let late: Socket | null = null;
  let behind = '';
  let isHeld = false;
  const answer = (request: Buffer, _nth: number, { socket }: FakeConnection) => {
    const [name, more] = redisWords(request).map(word => String(word).toUpperCase());
    if (name === 'SET' && late === null) {
      late = socket;
      return null;
    }
    const reply = { CLIENT: more === 'ID' ? ':1\r\n' : '$0\r\n\r\n', INFO: '$0\r\n\r\n' }[name as string] ?? '+OK\r\n';
    if (socket !== late) return reply;
    behind += reply;
    return null;
  };
  const fakes = await Promise.all([0, 1].map(() => startFakeBackend(answering(redisRequest, answer))));
  t.after(() => Promise.all(fakes.map(fake => fake.close())));
  const lines = fakes.map(({ port }, i) => `127.0.0.1:${port}:1 s${i}`);
  const [from, to] = [poolOf({ servers: lines.slice(0, 1) }), poolOf({ servers: lines })];
  const worker = await WorkerUnderTest.start(t, from, to);
  const key = KEYS.find(movesBetween(from, to)) as string;
  const [client, other] = [await worker.client(), await worker.client()];
  client.send(`SET ${key} v\r\n`);
  await fakes[0]!.untilRequests(1);
  const held = worker.go('hold').then(() => {
    isHeld = true;
  });
  for (let i = 0; i < 100; i++) assert.equal(await other.command('PING'), 'PONG');
  assert.ok(!isHeld);
  // What comes yet is answered as it comes.
  const first = late as unknown as Socket;
  late = {} as Socket;
  first.write(`+OK\r\n${behind}`);
  assert.equal(String(await client.readReply()), '+OK\r\n');
  await held;
});
