import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ServerAddress } from '../../src/placement/server-name.ts';
import { claim } from './claim.ts';
import { LEAST_FREE_PORT } from './free-port.ts';
import { redisRequest } from './request-splitter.ts';
import { SeededRandom } from './seeded-random.ts';
import { waitFor } from './wait-for.ts';

const MEMCACHED_PORT = 11211;
const MIN_PORT = 1024;
/** Below the ports that tests are given, whose listeners are told from these by their ports. */
const MAX_PORT = LEAST_FREE_PORT - 1;
/** How many addresses of 127.0.0.0/8 are drawn for one server before giving up. */
const TRIES = 50;
const CLAIMED_WITHIN_MS = 60_000;

/** Fake Redis servers that answer every command with the place they listen on, as `placeOf` writes it. */
export interface NameServers {
  readonly addresses: readonly ServerAddress[];
  /** Stops listening and closes all connections. */
  close(): Promise<void>;
}

export interface NameServerCounts {
  readonly tcp: number;
  /** On port 11211, which ring names leave out. */
  readonly memcachedPort: number;
  readonly unix: number;
}

/** `host:port` or the path: what the server at this address answers. */
export function placeOf(address: ServerAddress): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}

/**
 * Resolves once all of them listen. Their addresses enter the ring, so they come from the seed and not from the system:
 * random ones in 127.0.0.0/8, where hardly one is ever taken; for one that is, the next is drawn.
 */
export async function startNameServers(seed: number, counts: NameServerCounts): Promise<NameServers> {
  const claimed = await claimSeed(seed);
  const random = new SeededRandom(seed);
  const addresses: ServerAddress[] = [];
  const servers: Server[] = [];
  const sockets = new Set<Socket>();

  const start = async (address: ServerAddress): Promise<void> => {
    const server = createServer({ noDelay: true });
    server.listen(address as ListenOptions);
    await once(server, 'listening');
    const place = placeOf(address);
    const reply = Buffer.from(`$${Buffer.byteLength(place)}\r\n${place}\r\n`);
    server.on('connection', socket => {
      sockets.add(socket);
      answerAlways(socket, reply);
      socket.once('close', () => sockets.delete(socket));
    });
    servers.push(server);
    addresses.push(address);
  };
  const startTcp = async (draw: () => ServerAddress): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        return await start(draw());
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tries === TRIES) throw error;
      }
    }
  };

  const anyPort = () => ({ host: loopbackHost(random), port: random.between(MIN_PORT, MAX_PORT) });
  for (let i = 0; i < counts.tcp; i++) await startTcp(anyPort);
  const memcachedPort = () => ({ host: loopbackHost(random), port: MEMCACHED_PORT });
  for (let i = 0; i < counts.memcachedPort; i++) await startTcp(memcachedPort);
  const dir = path.join(tmpdir(), `ringmaster-names-${seed}`);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  for (let i = 0; i < counts.unix; i++) await start({ path: path.join(dir, `${'u'.repeat(1 + (i % 4))}${i}.sock`) });

  return {
    addresses,
    async close() {
      const closed = servers.map(server => once(server, 'close'));
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
      rmSync(dir, { recursive: true, force: true });
      await once(claimed.close(), 'close');
    },
  };
}

/** Another test of the same seed would have the same addresses and paths: its end is waited for. */
function claimSeed(seed: number): Promise<Server> {
  return waitFor(() => claim(`names-${seed}`), {
    what: 'the end of another test of this seed',
    timeoutMs: CLAIMED_WITHIN_MS,
  });
}

/** Of different lengths, because the order of servers begins with the length of their names. */
function loopbackHost(random: SeededRandom): string {
  return `127.${random.pick([0, 0, random.between(1, 254)])}.${random.between(0, 254)}.${random.between(1, 254)}`;
}

function answerAlways(socket: Socket, reply: Buffer): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const replies: Buffer[] = [];
    for (let end = redisRequest(rest); end > 0; end = redisRequest(rest)) {
      rest = rest.subarray(end);
      replies.push(reply);
    }
    if (replies.length > 0) socket.write(Buffer.concat(replies));
  });
  socket.on('error', () => {});
}
