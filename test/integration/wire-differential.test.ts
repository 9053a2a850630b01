// Random streams of commands through nutcracker, through Ringmaster and to a server by itself: the same bytes come back,
// but for the differences listed here, each of which stands in docs/from-twemproxy.md.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../support/child.ts';
import { comparableMemcachedReply, comparableRedisReply } from '../support/comparable-replies.ts';
import { freePort } from '../support/free-port.ts';
import { type MemcachedServer, startMemcached } from '../support/memcached-server.ts';
import {
  ASK_SYNC,
  certainMemcachedStream,
  memcachedStream,
  STORE_SYNC,
  SYNC_REPLY,
} from '../support/memcached-streams.ts';
import { type Nutcracker, startNutcracker } from '../support/nutcracker.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { certainRedisStream, LOADED_SCRIPT, redisStream } from '../support/redis-streams.ts';
import { replyEnd } from '../support/resp-reader.ts';
import { type Ringmaster, startRingmaster } from '../support/ringmaster.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';
import { assertInGuide } from '../support/switching-guide.ts';
import { runStream, show, type WireOutcome, type WireProtocol, type WireSides } from '../support/wire-comparison.ts';

const STREAMS = 30;
const COMMANDS_PER_STREAM = 200;
const SERVERS = 3;

/** A way in which nutcracker, Ringmaster and a server by itself may differ. */
interface Difference {
  /** Words of docs/from-twemproxy.md, under `SECTION`. */
  readonly says: string;
  applies(outcome: WireOutcome): boolean;
}

const SECTION = 'Commands and replies';
const LOCAL = new Set(['acl', 'client', 'command', 'config', 'hello', 'info', 'select', 'slowlog', 'time']);
const SPLIT = new Set(['del', 'exists', 'mget', 'mset', 'touch', 'unlink']);
const KEY_COUNT_FIRST = new Set(['zdiff', 'zinter', 'zunion']);

const isAsServer = ({ ours, direct }: WireOutcome) => ours === direct;
const isClosed = ({ theirs }: WireOutcome) => theirs === null;
const isForUsOnly = ({ command }: WireOutcome) => command.isForProxiesOnly;
const isNamed = ({ command }: WireOutcome, names: Iterable<string>) => new Set(names).has(command.name);

const REDIS_DIFFERENCES: readonly Difference[] = [
  { says: 'A request it does not take', applies: o => isClosed(o) && isAsServer(o) },
  {
    says: 'A command that no proxy can do',
    applies: o => isClosed(o) && isForUsOnly(o) && /^-ERR '.*' cannot be used through /.test(o.ours),
  },
  {
    says: 'What is asked of the proxy itself',
    applies: o => isNamed(o, LOCAL) && (isForUsOnly(o) || !o.ours.startsWith('-')),
  },
  {
    says: 'A multi-key command that is not split',
    applies: o => !isNamed(o, SPLIT) && o.ours.startsWith('-ERR keys of this command are on different servers'),
  },
  {
    says: 'A script without keys',
    applies: o => isClosed(o) && isNamed(o, ['eval']) && o.ours.includes(': without keys it could run on any server'),
  },
  { says: '`EXISTS` with several keys', applies: o => isNamed(o, ['exists']) && isAsServer(o) },
  { says: '`ZDIFF`, `ZINTER`, `ZUNION`', applies: o => isNamed(o, KEY_COUNT_FIRST) && isAsServer(o) },
  { says: '`AUTH`', applies: o => isNamed(o, ['auth']) && isAsServer(o) },
];

const MEMCACHED_DIFFERENCES: readonly Difference[] = [
  { says: 'A line it does not take', applies: o => isClosed(o) && isAsServer(o) },
  { says: '`stats` summed up', applies: o => isClosed(o) && isNamed(o, ['stats']) && o.ours.endsWith('END\r\n') },
  { says: '`get`, `gets` of keys on several servers', applies: o => isAsServer(o) && hasSameValues(o) },
  {
    says: 'Flags above 4294967295',
    applies: o => o.command.bytes.includes('4294967296') && o.ours.startsWith('CLIENT_ERROR bad'),
  },
];

/** The blocks of a retrieval's reply are the same, whatever their order. */
function hasSameValues({ command, theirs, ours }: WireOutcome): boolean {
  const blocks = (reply: string) =>
    reply
      .split(/^(?=VALUE )/m)
      .map(each => each.replace(/END\r\n$/, ''))
      .sort()
      .join();
  return /^gets?$/.test(command.name) && theirs !== null && blocks(theirs) === blocks(ours);
}

/** After these a Redis server closes. `theirs`: where nutcracker answers; null where it waits for what never comes. */
const REDIS_ENDINGS: readonly { readonly bytes: string; readonly theirs?: string | null }[] = [
  { bytes: '*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n' },
  { bytes: '*2\r\n$4\r\nquit\r\n$3\r\nnow\r\n' },
  { bytes: 'QUIT\r\n' },
  { bytes: '*2\r\n$3\r\nGET\r\n$-1\r\n' },
  { bytes: '*2\r\n$3\r\nGET\r\n:1\r\n' },
  { bytes: '*x\r\n' },
  { bytes: '*99999999999\r\n', theirs: null },
  { bytes: '*1\r\n$99999999999\r\n', theirs: null },
  { bytes: 'GET "a\r\n' },
  { bytes: '*01\r\n$4\r\nPING\r\n', theirs: '+PONG\r\n' },
  { bytes: '*1\r\n$04\r\nPING\r\n', theirs: '+PONG\r\n' },
];

const redis: WireProtocol = {
  frame: command => command.bytes,
  replyEnd: arrived => replyEnd(arrived),
  comparable: (command, reply) => comparableRedisReply(command.name, reply),
};

const memcached: WireProtocol = {
  frame: command => Buffer.concat([command.bytes, Buffer.from(ASK_SYNC)]),
  replyEnd: SYNC_REPLY,
  comparable: (command, reply) => comparableMemcachedReply(command.name, reply.subarray(0, -SYNC_REPLY.length)),
};

describe('random commands', () => {
  const seed = seedFrom('WIRE_SEED');
  const redisServers: RedisServer[] = [];
  const memcachedServers: MemcachedServer[] = [];
  let nutcracker: Nutcracker;
  let ringmaster: Ringmaster;
  let redisSides: WireSides;
  let memcachedSides: WireSides;

  before(async () => {
    for (let i = 0; i < 2 * SERVERS + 1; i++) redisServers.push(await startRedis());
    for (let i = 0; i < 2 * SERVERS + 1; i++) memcachedServers.push(await startMemcached());
    await Promise.all(redisServers.map(server => server.command('SCRIPT', 'LOAD', LOADED_SCRIPT)));
    const stats = await freePort();
    const directory = temporaryDirectory('wire');
    const [r1, r2, r3, m1, m2, m3] = [1, 2, 3, 4, 5, 6].map(i => path.join(directory, `${i}.sock`)) as Six;
    const redisPorts = redisServers.map(server => server.port);
    const memcachedPorts = memcachedServers.map(server => server.port);
    const theirs = SERVERS;
    nutcracker = await startNutcracker(
      pool('redis', r1, true, redisPorts.slice(0, theirs)) +
        pool('memcached', m1, false, memcachedPorts.slice(0, theirs)),
    );
    ringmaster = await startRingmaster({
      config:
        pool('redis', r2, true, redisPorts.slice(theirs, -1)) +
        pool('redis_repair', r3, true, redisPorts.slice(0, theirs)) +
        pool('memcached', m2, false, memcachedPorts.slice(theirs, -1)) +
        pool('memcached_repair', m3, false, memcachedPorts.slice(0, theirs)),
      workers: 1,
      args: ['-a', '127.0.0.1', '-s', String(stats)],
    });
    redisSides = { nutcracker: r1, ringmaster: r2, repair: r3, direct: redisPorts.at(-1)! };
    memcachedSides = { nutcracker: m1, ringmaster: m2, repair: m3, direct: memcachedPorts.at(-1)! };
  });

  after(async () => {
    await ringmaster?.kill();
    await nutcracker?.kill();
    await Promise.all([...redisServers, ...memcachedServers].map(server => server.kill()));
  });

  test('redis: same replies, or a documented difference', { timeout: 120_000 }, async t => {
    t.diagnostic(`WIRE_SEED=${seed} repeats this run`);
    const random = new SeededRandom(seed);
    const found = new Found(REDIS_DIFFERENCES);
    for (let i = 0; i < STREAMS; i++) {
      found.add(await runStream(redisStream(random, COMMANDS_PER_STREAM), redis, redisSides, random));
    }
    found.add(await runStream(certainRedisStream(), redis, redisSides, random));
    found.check(`WIRE_SEED=${seed}`);
  });

  test('redis: what ends a connection', async () => {
    assertInGuide(SECTION, '`QUIT`');
    assertInGuide(SECTION, 'Lengths with leading zeros');
    for (const { bytes, theirs } of REDIS_ENDINGS) {
      const ours = await askToEnd(redisSides.ringmaster, bytes);
      assert.equal(ours, await askToEnd(redisSides.direct, bytes), bytes);
      if (theirs !== null) assert.equal(await askToEnd(redisSides.nutcracker, bytes), theirs ?? '', bytes);
    }
  });

  test('memcached: same replies, or a documented difference', { timeout: 120_000 }, async t => {
    t.diagnostic(`WIRE_SEED=${seed} repeats this run`);
    const random = new SeededRandom(seed);
    const found = new Found(MEMCACHED_DIFFERENCES);
    const first = { bytes: Buffer.from(STORE_SYNC), name: 'set', isPlain: true, isForProxiesOnly: false };
    for (let i = 0; i < STREAMS; i++) {
      const stream = [first, ...memcachedStream(random, COMMANDS_PER_STREAM)];
      found.add(await runStream(stream, memcached, memcachedSides, random));
    }
    found.add(await runStream([first, ...certainMemcachedStream()], memcached, memcachedSides, random));
    found.check(`WIRE_SEED=${seed}`);
  });
});

type Six = [string, string, string, string, string, string];

/** Sends `bytes` and FIN; all that comes until the other side ends. */
async function askToEnd(target: number | string, bytes: string): Promise<string> {
  const client = await RawClient.connect(target);
  client.send(bytes);
  client.end();
  const reply = await client.readToEnd();
  client.destroy();
  return reply.toString('latin1');
}

function pool(name: string, socket: string, isRedis: boolean, ports: readonly number[]): string {
  const servers = ports.map((each, i) => `    - 127.0.0.1:${each}:1 server${i}\n`);
  return `${name}:\n  listen: ${socket}\n  redis: ${isRedis}\n  hash_tag: "{}"\n  servers:\n${servers.join('')}`;
}

/** Differences that were seen, by their place in the list of the allowed ones. */
class Found {
  private readonly allowed: readonly Difference[];
  private readonly counts = new Map<Difference, number>();
  private readonly others: string[] = [];

  constructor(allowed: readonly Difference[]) {
    this.allowed = allowed;
  }

  add(outcomes: readonly WireOutcome[]): void {
    for (const outcome of outcomes) {
      const { command, theirs, ours, direct } = outcome;
      if (theirs === ours && ours === direct) continue;
      const known = this.allowed.find(difference => difference.applies(outcome));
      if (known !== undefined) this.counts.set(known, (this.counts.get(known) ?? 0) + 1);
      else
        this.others.push(
          `${show(command)}\n  nutcracker ${cut(theirs)}\n  Ringmaster ${cut(ours)}\n  the server ${cut(direct)}`,
        );
    }
  }

  check(seed: string): void {
    assert.deepEqual(this.others.slice(0, 5).join('\n'), '', `${this.others.length} differences, ${seed}`);
    for (const { says } of this.allowed) assertInGuide(SECTION, says);
    const unseen = this.allowed.filter(difference => !this.counts.has(difference)).map(({ says }) => says);
    assert.deepEqual(unseen, [], `allowed, but not found, ${seed}`);
  }
}

function cut(reply: string | null): string {
  return reply === null ? 'closes the connection, or was not asked' : JSON.stringify(reply).slice(0, 300);
}
