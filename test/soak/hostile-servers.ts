// Servers of a soak that mean harm, or are in a bad way: each connection meets another kind. They have pools of their own, on
// the workers that serve all others, and nobody checks what their clients are told.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { SeededRandom } from '../support/seeded-random.ts';

type Protocol = 'redis' | 'memcached';
/** Treats one connection as its kind does. */
type Kind = (socket: Socket, random: SeededRandom) => void;

const FLOOD_BYTES = 50 << 20;
const FLOOD_PART = Buffer.from('STAT x 1\r\n'.repeat(10_000));
const SLOW_EVERY_MS = 20;

/** One byte at a time, for as long as the peer stays. */
function drip(socket: Socket, bytes: Buffer): void {
  let sent = 0;
  const timer = setInterval(() => {
    socket.write(bytes.subarray(sent % bytes.length, (sent % bytes.length) + 1));
    sent++;
  }, SLOW_EVERY_MS);
  socket.on('close', () => clearInterval(timer));
}

/** `part` again and again, no faster than the peer reads, up to `FLOOD_BYTES`. */
function flood(socket: Socket, part: Buffer): void {
  let sent = 0;
  const write = () => {
    while (sent < FLOOD_BYTES && !socket.destroyed) {
      sent += part.length;
      if (!socket.write(part)) {
        socket.once('drain', write);
        return;
      }
    }
    socket.end();
  };
  write();
}

const ANY: readonly Kind[] = [
  // Silent, for ever.
  () => {},
  // Gone at once, with and without a reset.
  socket => socket.destroy(),
  socket => socket.resetAndDestroy(),
  // Says that it is done, and goes on reading.
  socket => socket.end(),
  (socket, random) => socket.once('data', () => socket.write(random.bytes(random.between(1, 5000)))),
  // Answers before it was asked.
  (socket, random) => socket.write(random.bytes(random.between(1, 50))),
  socket => drip(socket, Buffer.from('$1\r\nx\r\n')),
  // Reads nothing.
  socket => socket.pause(),
];

const KINDS: Readonly<Record<Protocol, readonly Kind[]>> = {
  redis: [
    ...ANY,
    socket => socket.end('-ERR max number of clients reached\r\n'),
    socket => socket.on('data', () => socket.write("-READONLY You can't write against a read only replica.\r\n")),
    socket => socket.on('data', () => socket.write('-LOADING Redis is loading the dataset in memory\r\n')),
    // More replies than requests.
    socket => socket.on('data', () => socket.write('+OK\r\n'.repeat(100))),
    socket => socket.once('data', () => socket.write('$2147483647\r\nx')),
    socket => socket.once('data', () => socket.write('*-3\r\n')),
    socket => socket.once('data', () => socket.write('*1\r\n'.repeat(100_000))),
    socket => socket.once('data', () => flood(socket, Buffer.from('$10\r\n0123456789\r\n'.repeat(5000)))),
  ],
  memcached: [
    ...ANY,
    socket => socket.end('ERROR Too many open connections\r\n'),
    socket => socket.on('data', () => socket.write('SERVER_ERROR out of memory storing object\r\n')),
    socket => socket.on('data', () => socket.write('END\r\n'.repeat(100))),
    socket => socket.once('data', () => socket.write('VALUE other 0 5\r\nwrong\r\nEND\r\n')),
    socket => socket.once('data', () => socket.write('VALUE x 0 2147483647\r\nx')),
    // Statistics without an end.
    socket => socket.once('data', () => flood(socket, FLOOD_PART)),
  ],
};

export class HostileServers {
  readonly ports: readonly number[];
  /** Connections that were treated so. */
  connections = 0;
  private readonly servers: readonly Server[];
  private readonly sockets = new Set<Socket>();

  static async start(protocol: Protocol, count: number, random: SeededRandom): Promise<HostileServers> {
    const servers = Array.from({ length: count }, () => createServer({ allowHalfOpen: true }));
    const hostile = new HostileServers(servers, protocol, random);
    return hostile.listening();
  }

  private constructor(servers: readonly Server[], protocol: Protocol, random: SeededRandom) {
    this.servers = servers;
    this.ports = [];
    for (const server of servers) {
      server.on('connection', socket => {
        this.connections++;
        this.sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => this.sockets.delete(socket));
        socket.resume();
        random.pick(KINDS[protocol])(socket, random);
      });
    }
  }

  private async listening(): Promise<HostileServers> {
    for (const server of this.servers) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      (this.ports as number[]).push((server.address() as AddressInfo).port);
    }
    return this;
  }

  stop(): void {
    for (const server of this.servers) server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
