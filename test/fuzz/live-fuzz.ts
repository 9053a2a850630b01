// Random bytes to a real server, directly and through a Ringmaster in front of another one: the replies and the fate of
// the connection must be the same, or differ in a way that is explained. All the while a canary reads its own keys over
// the same worker and the same server connection.
//
//   stream ─┬─ in one write ──────────────────────────────▶ server
//           └─ in pieces ──────────▶ Ringmaster ──────────▶ server
//                      canary ─────▶  (1 worker)    (1 connection)

import { freePorts } from '../support/free-port.ts';
import { type MemcachedServer, startMemcached } from '../support/memcached-server.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { sendInPieces } from '../support/wire-streams.ts';
import { Canary } from './live-canary.ts';
import { LIVE_MEMCACHED, LIVE_REDIS, type LiveProtocol } from './live-protocols.ts';
import { mutate } from './mutation.ts';

export interface LiveOptions {
  readonly seconds: number;
  readonly seed: number;
}

/** What a client saw of its connection. */
interface Fate {
  readonly replies: string;
  /** The server's side closed before the client did. */
  readonly isClosed: boolean;
}

interface Outcome {
  readonly direct: Fate;
  readonly ours: Fate;
}

interface Sides {
  readonly protocol: LiveProtocol;
  readonly direct: RedisServer | MemcachedServer;
  readonly behind: RedisServer | MemcachedServer;
  readonly port: number;
  readonly canary: Canary;
}

/** Rounds of requests on other connections after which a server has read what came before, whatever its turns. */
const SETTLING_ROUNDS = 3;
const BYTES_A_ROUND = 16 * 1024;
/** memcached takes so many requests of a connection, then it is another's turn. */
const REQUESTS_A_ROUND = 20;
const STREAMS_BETWEEN_FLUSHES = 50;
const GARBAGE_SHARE = 0.05;
const PLAIN_SHARE = 0.25;

/** Runs both protocols, prints what it found and returns the exit code. */
export async function runLiveFuzz({ seconds, seed }: LiveOptions): Promise<number> {
  const [redisPort, memcachedPort] = (await freePorts(2)) as [number, number];
  const [redisDirect, redisBehind] = await Promise.all([startRedis(), startRedis()]);
  const [memcachedDirect, memcachedBehind] = await Promise.all([
    startMemcached({ args: ['-t', '1'] }),
    startMemcached({ args: ['-t', '1'] }),
  ]);
  const pool = (name: string, port: number, server: number) =>
    `  ${name}:\n    listen: 127.0.0.1:${port}\n    protocol: ${name}\n    servers: ["127.0.0.1:${server}"]\n`;
  const config = `admin: false\npools:\n${pool('redis', redisPort, redisBehind.port)}${pool('memcached', memcachedPort, memcachedBehind.port)}`;
  const ringmaster = await startRingmaster({ config, workers: 1 });
  let failures = 0;
  try {
    const untilMs = () => performance.now() + (seconds * 1000) / 2;
    for (const [protocol, direct, behind, port] of [
      [LIVE_REDIS, redisDirect, redisBehind, redisPort],
      [LIVE_MEMCACHED, memcachedDirect, memcachedBehind, memcachedPort],
    ] as const) {
      const canary = await Canary.start(protocol, port);
      failures += await fuzzProtocol({ protocol, direct, behind, port, canary }, new SeededRandom(seed), untilMs());
    }
    if (/disagree|uncaught/i.test(ringmaster.stderr())) {
      failures++;
      console.log(`Ringmaster logged a mistake of its own:\n${ringmaster.stderr().slice(-3000)}`);
    }
    await ringmaster.stop();
  } finally {
    await ringmaster.kill();
    await Promise.all([redisDirect, redisBehind, memcachedDirect, memcachedBehind].map(server => server.kill()));
  }
  return failures === 0 ? 0 : 1;
}

async function fuzzProtocol(sides: Sides, random: SeededRandom, untilMs: number): Promise<number> {
  const { protocol, canary } = sides;
  const sources = Array.from({ length: 100 }, () => protocol.generate(random));
  const explained = new Map<string, number>();
  let sinceFlush: Buffer[] = [];
  let streams = 0;
  let failures = 0;
  try {
    while (performance.now() < untilMs && failures === 0) {
      const stream = nextStream(protocol, random, sources);
      if (!protocol.isComparable(stream.toString('latin1'))) continue;
      streams++;
      sinceFlush.push(stream);
      const outcome = await compare(sides, stream, random);
      const known = outcome === null ? null : explanationOf(protocol, stream, outcome);
      if (known !== null) explained.set(known, (explained.get(known) ?? 0) + 1);
      else if (outcome !== null) {
        failures++;
        await reportDifference(sides, sinceFlush, outcome, random);
      }
      // After an explained difference the two servers hold different things.
      if (outcome === null && sinceFlush.length < STREAMS_BETWEEN_FLUSHES) continue;
      await flush(sides);
      sinceFlush = [];
    }
    await canary.stop();
  } catch (error) {
    failures++;
    console.log(`${protocol.name}: ${(error as Error).stack}`);
  }
  const others = [...explained].map(([says, count]) => `\n    ${count} × ${says}`).join('');
  console.log(
    `${protocol.name}: ${streams} streams, ${canary.rounds} rounds of the canary, ${failures} failures; ` +
      `explained differences:${others || ' none'}`,
  );
  return failures;
}

function nextStream(protocol: LiveProtocol, random: SeededRandom, sources: Buffer[]): Buffer {
  if (random.chance(GARBAGE_SHARE)) return random.bytes(random.between(1, 300));
  if (random.chance(PLAIN_SHARE)) {
    const stream = protocol.generate(random);
    sources[random.between(0, sources.length - 1)] = stream;
    return stream;
  }
  return mutate(random.pick(sources), random, protocol.tokens, sources);
}

function explanationOf(protocol: LiveProtocol, stream: Buffer, { ours, direct }: Outcome): string | null {
  const sent = stream.toString('latin1');
  const found = protocol.differences.find(({ mayShow }) =>
    mayShow(sent, protocol.comparable(ours.replies), protocol.comparable(direct.replies)),
  );
  return found?.says ?? null;
}

/** Null: both are the same. */
async function compare(sides: Sides, stream: Buffer, random: SeededRandom): Promise<Outcome | null> {
  const { protocol, canary } = sides;
  const newlines = stream.toString('latin1').split('\n').length;
  const rounds = SETTLING_ROUNDS + Math.ceil(stream.length / BYTES_A_ROUND + newlines / REQUESTS_A_ROUND);
  const direct = await fateOf(
    sides.direct.port,
    async client => client.send(stream),
    async () => {
      const other = await sides.direct.client();
      for (let i = 0; i < rounds; i++) {
        other.send(protocol.ping);
        await other.readLine();
      }
      other.destroy();
    },
  );
  const ours = await fateOf(
    sides.port,
    client => sendInPieces(client, stream, random),
    () => canary.settled(rounds),
  );
  const isSame =
    direct.isClosed === ours.isClosed && protocol.comparable(direct.replies) === protocol.comparable(ours.replies);
  return isSame ? null : { direct, ours };
}

/** Sends, waits until nothing more can come, then ends the client's side and reads what is left. */
async function fateOf(
  port: number,
  send: (client: RawClient) => Promise<void>,
  settle: () => Promise<void>,
): Promise<Fate> {
  const client = await RawClient.connect(port);
  await send(client);
  await settle();
  const isClosed = client.socket.readableEnded || client.socket.destroyed;
  if (!isClosed) client.end();
  const replies = await client.readToEnd();
  client.destroy();
  return { replies: replies.toString('latin1'), isClosed };
}

async function flush({ protocol, direct, behind }: Sides): Promise<void> {
  for (const server of [direct, behind]) {
    const client = await server.client();
    client.send(protocol.flush);
    await client.readLine();
    client.destroy();
  }
}

/** Makes the streams that led to the difference few and small, and prints them. */
async function reportDifference(
  sides: Sides,
  streams: readonly Buffer[],
  first: Outcome,
  random: SeededRandom,
): Promise<void> {
  let smallest = [...streams];
  let outcome = first;
  const isSmaller = async (candidate: Buffer[]): Promise<boolean> => {
    await flush(sides);
    let found: Outcome | null = null;
    for (const stream of candidate) found = await compare(sides, stream, random);
    if (found === null || explanationOf(sides.protocol, candidate.at(-1)!, found) !== null) return false;
    smallest = candidate;
    outcome = found;
    return true;
  };
  for (let i = smallest.length - 2; i >= 0; i--) await isSmaller(smallest.toSpliced(i, 1));
  for (let i = 0; i < smallest.length; i++) {
    const { length } = smallest[i]!;
    for (let size = Math.ceil(length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < smallest[i]!.length; ) {
        const bytes = smallest[i]!;
        const shorter = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
        if (!(await isSmaller(smallest.with(i, shorter)))) at += size;
      }
    }
  }
  const say = ({ replies, isClosed }: Fate) => `${JSON.stringify(replies)}${isClosed ? ', and closed' : ''}`;
  const sent = smallest.map(stream => JSON.stringify(stream.toString('latin1'))).join('\n  then ');
  console.log(
    `\n${sides.protocol.name}: ${sent}\n  directly    ${say(outcome.direct)}\n  Ringmaster  ${say(outcome.ours)}`,
  );
}
