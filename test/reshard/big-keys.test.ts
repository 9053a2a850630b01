// Keys that are too big to be moved at once, of real servers: in parts, between which others are served.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moveInParts, type PartsResult, type PartsStep } from '../../src/protocol/redis/parts-traits.ts';
import { ReplyReader } from '../../src/protocol/redis/reader-traits.ts';
import type { Reply } from '../../src/protocol/redis/reply-traits.ts';
import type { RawClient } from '../support/raw-client.ts';
import type { RedisOptions, RedisServer } from '../support/redis-server.ts';
import { ReshardPool } from '../support/reshard-pool.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { startTwoRings, type TwoRings } from '../support/two-rings.ts';
import { waitFor } from '../support/wait-for.ts';

const DEBUGGED: RedisOptions = { args: ['--enable-debug-command', 'yes'] };
/** Nothing fails here because the machine is slow. */
const PATIENT = ['reshard_patience: 25s', 'timeout: 20s'];
/** What makes a value of a type, as Lua for a loop of i. */
const MADE: Readonly<Record<string, string>> = {
  string: "redis.call('APPEND', KEYS[1], string.rep(i .. ' ', 100))",
  list: "redis.call('RPUSH', KEYS[1], i .. string.rep('l', 100))",
  set: "redis.call('SADD', KEYS[1], i .. string.rep('s', 100))",
  hash: "redis.call('HSET', KEYS[1], 'field' .. i, i .. string.rep('h', 100))",
  zset: "redis.call('ZADD', KEYS[1], i / 7, i .. string.rep('z', 100))",
  stream: "redis.call('XADD', KEYS[1], i .. '-1', 'field', string.rep('x', 100))",
};
const PARTED = Object.keys(MADE).filter(type => type !== 'stream');

async function make(server: RedisServer, key: string, type: string, count: number): Promise<void> {
  await server.command('EVAL', `for i = 1, ${count} do ${MADE[type]} end`, '1', key);
}

async function digest(server: RedisServer, key: string): Promise<string> {
  return String(await server.command('DEBUG', 'DIGEST-VALUE', key));
}

/** The server that has a key that moves. */
function sourceOf({ servers, worker }: TwoRings, key: string): Promise<RedisServer> {
  return (async () => {
    const client = await worker.client();
    await client.command('SET', key, 'here');
    for (const server of servers.slice(0, 2)) {
      if ((await server.command('DEL', key)) === 1) return server;
    }
    throw new Error(`nobody has ${key}`);
  })();
}

async function statOf(server: RedisServer, name: string): Promise<boolean> {
  return String(await server.command('INFO', 'commandstats')).includes(`cmdstat_${name}:`);
}

for (const type of PARTED) {
  test(`a ${type} of 20 MB that a client asks for is moved while others are served, and is what it was`, async t => {
    const rings = await startTwoRings(t, { settings: PATIENT, redis: DEBUGGED });
    const { servers, worker, moving, staying, placesOf, go } = rings;
    const key = moving[0] as string;
    const source = await sourceOf(rings, key);
    await make(source, key, type, type === 'string' ? 40_000 : 180_000);
    assert.ok(Number(await source.command('MEMORY', 'USAGE', key)) > 16 * 2 ** 20);
    await source.command('PEXPIRE', key, '100000000');
    const before = await digest(source, key);
    const [asking, other] = [await worker.client(), await worker.client()];
    // A neighbour on the same server.
    let neighbour = '';
    for (const each of staying) {
      await other.command('SET', each, each);
      if ((await source.command('EXISTS', each)) === 1) neighbour = each;
    }
    await go('hold');
    await go('both');
    let isBrought = false;
    const brought = asking.command('TYPE', key).then(said => {
      isBrought = true;
      return String(said);
    });
    let served = 0;
    while (!isBrought) {
      assert.equal(String(await other.command('GET', neighbour)), neighbour);
      served++;
    }
    assert.equal(await brought, type);
    assert.ok(served > 50, `${served} requests of a neighbour were answered meanwhile`);
    assert.deepEqual(await placesOf(key), [2]);
    assert.equal(await digest(servers[2]!, key), before);
    assert.ok(Number(await servers[2]!.command('PTTL', key)) > 90_000_000);
    assert.equal(await statOf(source, 'migrate'), false, 'nothing was moved at once');
    for (const server of servers) assert.deepEqual(await server.command('KEYS', '*:ringmaster:*'), []);
  });
}

test('what clients of two workers write while a big hash is moved is there once, and nothing else is lost', async t => {
  const rings = await startTwoRings(t, { workers: 2, settings: PATIENT, redis: DEBUGGED });
  const { servers, workers, moving, placesOf, go } = rings;
  const key = moving[0] as string;
  const source = await sourceOf(rings, key);
  await make(source, key, 'hash', 100_000);
  const clients = await Promise.all([0, 1, 0, 1].map(i => workers[i]!.client()));
  await go('hold');
  await go('both');
  const counts = await Promise.all(
    clients.map(async (client, i) => {
      for (let n = 0; n < 200; n++) assert.equal(await client.command('HINCRBY', key, `count${i}`, 1), n + 1);
      return client.command('HLEN', key);
    }),
  );
  assert.equal(Math.max(...counts.map(Number)), 100_004);
  assert.deepEqual(await placesOf(key), [2]);
  for (let i = 0; i < 4; i++) assert.equal(String(await servers[2]!.command('HGET', key, `count${i}`)), '200');
});

test('a pipeline of commands about big keys, of all types at once, is answered in order', async t => {
  const rings = await startTwoRings(t, { settings: [...PATIENT, 'reshard_whole_bytes: 64kb'], redis: DEBUGGED });
  const { worker, moving, go } = rings;
  const types = Object.keys(MADE);
  const keys = types.map((_, i) => moving[i] as string);
  for (const [i, key] of keys.entries()) await make(await sourceOf(rings, key), key, types[i] as string, 3000);
  const client = await worker.client();
  await go('hold');
  await go('both');
  client.send(Buffer.concat([...keys, ...keys].map(key => encodeCommand('TYPE', key))));
  const said = (await client.readReplies(12)).map(reply => reply.toString('latin1').slice(1).trimEnd());
  assert.deepEqual(said, [...types, ...types]);
});

test('a server that lets nobody run scripts gives and takes keys as a whole', async t => {
  const rings = await startTwoRings(t, {
    settings: [...PATIENT, 'reshard_whole_bytes: 64kb'],
    redis: { args: ['--rename-command', 'EVAL', ''] },
  });
  const { servers, worker, moving, staying, placesOf, go } = rings;
  const key = moving[0] as string;
  const client = await worker.client();
  await client.command('SET', key, 'v'.repeat(200_000));
  await client.command('SET', staying[0] as string, 'v');
  await go('hold');
  await go('both');
  assert.equal(await client.command('STRLEN', key), 200_000);
  assert.deepEqual(await placesOf(key), [2]);
  const given = await Promise.all(servers.map(server => statOf(server, 'migrate')));
  assert.equal(given.includes(true), true);
});

/** Asks the servers step by step, as somebody does who may be killed after each. */
class Stepper {
  private readonly steps: Generator<PartsStep, PartsResult, readonly Reply[]>;
  private replies: readonly Reply[] = [];
  private readonly source: RawClient;
  private readonly target: RawClient;
  isDone = false;
  result: PartsResult | null = null;

  constructor(source: RawClient, target: RawClient, key: string, id: string) {
    this.source = source;
    this.target = target;
    this.steps = moveInParts({ key: Buffer.from(key), bytes: 200_000, id, isUrgent: false });
  }

  async step(): Promise<void> {
    const next = this.steps.next(this.replies);
    this.isDone = next.done === true;
    if (next.done) this.result = next.value;
    else if (!('waitMs' in next.value)) {
      const { side, commands } = next.value;
      const client = side === 'source' ? this.source : this.target;
      client.send(Buffer.concat(commands.map(words => encodeCommand(...words))));
      this.replies = (await client.readReplies(commands.length)).map(
        bytes => new ReplyReader().read(bytes)[0] as Reply,
      );
    }
  }
}

for (const [who, whole] of [
  ['also moves it in parts', '64kb'],
  ['moves it as a whole', '1gb'],
]) {
  test(`who dies after any step of moving a key in parts leaves it to who ${who}, and brings nothing back when he was only late`, async t => {
    const settings = [...PATIENT, `reshard_whole_bytes: ${whole}`];
    const rings = await startTwoRings(t, { workers: 2, settings, redis: DEBUGGED });
    const { servers, workers, moves, placesOf, go } = rings;
    // As many as there are steps, a key each: they wait for claims of the dead side by side.
    const keys = Array.from({ length: 90 }, (_, i) => `big:${i}`)
      .filter(moves)
      .slice(0, 20);
    const sources = new Map<string, RedisServer>();
    for (const key of keys) {
      const source = await sourceOf(rings, key);
      sources.set(key, source);
      await make(source, key, 'list', 2000);
    }
    const value = await digest(sources.get(keys[0] as string)!, keys[0] as string);
    await go('hold');
    await go('both');
    const lengths = await Promise.all(
      keys.map(async (key, steps) => {
        const [source, target] = [await sources.get(key)!.client(), await servers[2]!.client()];
        const dead = new Stepper(source, target, key, `${steps}`.padStart(16, 'f'));
        let done = 0;
        while (done < steps && !dead.isDone) {
          await dead.step();
          done++;
        }
        const [one, two] = [await workers[0]!.client(), await workers[1]!.client()];
        // Whoever asks gets all of it, from wherever, and once.
        const pushed = await Promise.all([one, two].map(client => client.command('RPUSH', key, 'more')));
        assert.deepEqual(pushed.map(Number).sort(), [2001, 2002], `after ${steps} steps`);
        assert.deepEqual(await placesOf(key), [2]);
        await one.command('LTRIM', key, 0, -3);
        assert.equal(await digest(servers[2]!, key), value, `after ${steps} steps`);
        assert.equal(await two.command('DEL', key), 1);
        // He was only slow.
        for (let more = 0; more < 100 && !dead.isDone; more++) await dead.step();
        assert.deepEqual(await placesOf(key), [], `after ${steps} steps`);
        assert.equal(await one.command('EXISTS', key), 0);
        return done;
      }),
    );
    assert.ok(Math.max(...lengths) < keys.length - 1, 'the last of them have gone through all steps');
  });
}

test('the mover moves big keys in parts at its pace, and sooner when a client asks for one', async t => {
  const pool = await ReshardPool.start(t, {
    servers: [DEBUGGED, DEBUGGED, DEBUGGED],
    first: 2,
    settings: [...PATIENT, 'reshard_whole_bytes: 256kb'],
  });
  const client = await pool.client();
  const keys = Object.keys(MADE).flatMap(type => Array.from({ length: 8 }, (_, i) => `${type}:${i}`));
  const digests = new Map<string, string>();
  for (const key of keys) {
    await client.command('SET', key, 'here');
    for (const server of pool.servers) {
      if ((await server.command('DEL', key)) !== 1) continue;
      await make(server, key, key.split(':')[0] as string, 5000);
      digests.set(key, await digest(server, key));
    }
  }
  // At this pace one key takes some minute.
  await pool.reshard('start', { file: pool.config([0, 1, 2]), pace: '10kb/s' });
  await waitFor(
    async () => ((await pool.servers[2]!.command('KEYS', '*:ringmaster:parts:*')) as unknown[]).length > 0,
    {
      what: 'a key that is moved in parts',
    },
  );
  for (const key of keys) assert.equal(String(await client.command('TYPE', key)), key.split(':')[0]);
  await pool.reshard('pace', { pace: '1gb/s' });
  await pool.untilOver();
  await pool.assertPlaced(keys, [0, 1, 2]);
  for (const key of keys) {
    const has = await Promise.all(pool.servers.map(server => server.command('EXISTS', key)));
    assert.equal(await digest(pool.servers[has.indexOf(1)]!, key), digests.get(key), key);
  }
});
