// A server that does wrong on purpose. A handler sees every chunk of every connection; the usual one is made by
// `answering`: it cuts the stream into requests, asks for the right reply and lets a Delivery bring it out, or not.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { RequestSplitter } from './request-splitter.ts';
import { waitFor } from './wait-for.ts';

/** One connection that a proxy or client has made to the fake. */
export interface FakeConnection {
  readonly socket: Socket;
  /** 0 for the first connection the fake accepted. */
  readonly index: number;
  /** All chunks received so far. */
  readonly chunks: Buffer[];
  /** Requests cut so far by `answering`. */
  readonly requests: Buffer[];
  /** Bytes that `answering` has not cut yet. */
  rest: Buffer;
  /** Deliveries run one after the other, so that replies leave in order. */
  turn: Promise<void>;
}

export type Handler = (connection: FakeConnection, bytes: Buffer) => void;

/** How a right reply leaves the server. */
export type Delivery = (socket: Socket, reply: Buffer) => void | Promise<void>;

/** The right reply to a request; null for none (noreply). `nth` counts the requests of the connection from 0. */
export type Answer = (request: Buffer, nth: number, connection: FakeConnection) => Buffer | string | null;

export interface FakeBackend {
  readonly port: number;
  /** Every connection ever accepted. */
  readonly connections: readonly FakeConnection[];
  /** May be replaced at any time; it takes effect with the next chunk. */
  handler: Handler;
  /** What it does with a connection it has just accepted. */
  greeting: (socket: Socket) => void;
  /** All requests cut by `answering`, over all connections. */
  requests(): Buffer[];
  /** Resolves once `count` requests have been cut in all. */
  untilRequests(count: number, timeoutMs?: number): Promise<void>;
  /** Resets all open connections. */
  resetAll(): void;
  /** Stops listening and closes all connections. */
  close(): Promise<void>;
}

/** Starts a fake server on 127.0.0.1, on a port chosen by the system unless given, or on a unix socket's path. */
export async function startFakeBackend(handler: Handler, target: number | string = 0): Promise<FakeBackend> {
  const connections: FakeConnection[] = [];
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    const connection: FakeConnection = {
      socket,
      index: connections.length,
      chunks: [],
      requests: [],
      rest: Buffer.alloc(0),
      turn: Promise.resolve(),
    };
    connections.push(connection);
    backend.greeting(socket);
    socket.on('data', (bytes: Buffer) => {
      connection.chunks.push(bytes);
      backend.handler(connection, bytes);
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
  });
  if (typeof target === 'number') server.listen(target, '127.0.0.1');
  else server.listen(target);
  await once(server, 'listening');

  const backend: FakeBackend = {
    port: typeof target === 'number' ? (server.address() as AddressInfo).port : 0,
    connections,
    handler,
    greeting: () => {},
    requests: () => connections.flatMap(connection => connection.requests),
    async untilRequests(count, timeoutMs) {
      const isThere = () => backend.requests().length >= count;
      await waitFor(isThere, { what: `${count} requests at the fake backend`, ...(timeoutMs && { timeoutMs }) });
    },
    resetAll() {
      for (const { socket } of connections) if (!socket.destroyed) socket.resetAndDestroy();
    },
    async close() {
      const closed = server.listening ? once(server, 'close') : null;
      server.close();
      for (const { socket } of connections) socket.destroy();
      await closed;
    },
  };
  return backend;
}

/** A handler that cuts requests with `split`, takes each right reply from `answer` and hands it to `delivery`. */
export function answering(split: RequestSplitter, answer: Answer, delivery: Delivery = inOnePiece): Handler {
  return (connection, bytes) => {
    connection.rest = Buffer.concat([connection.rest, bytes]);
    for (let end = split(connection.rest); end > 0; end = split(connection.rest)) {
      const request = Buffer.from(connection.rest.subarray(0, end));
      connection.rest = connection.rest.subarray(end);
      const reply = answer(request, connection.requests.length, connection);
      connection.requests.push(request);
      if (reply === null) continue;
      const wire = typeof reply === 'string' ? Buffer.from(reply, 'latin1') : reply;
      connection.turn = connection.turn.then(() => deliver(connection.socket, wire, delivery));
    }
  };
}

async function deliver(socket: Socket, reply: Buffer, delivery: Delivery): Promise<void> {
  if (!socket.destroyed) await delivery(socket, reply);
}

/** Another delivery for each reply of a connection, by its number; the last one stays. */
export function inTurn(...deliveries: readonly Delivery[]): Delivery {
  const counts = new WeakMap<Socket, number>();
  return (socket, reply) => {
    const nth = counts.get(socket) ?? 0;
    counts.set(socket, nth + 1);
    return deliveries[Math.min(nth, deliveries.length - 1)]!(socket, reply);
  };
}

/** As a healthy server does it. */
export const inOnePiece: Delivery = (socket, reply) => void socket.write(reply);

/** Every byte in a segment of its own. */
export const byteByByte: Delivery = async (socket, reply) => {
  for (let i = 0; i < reply.length && !socket.destroyed; i++) {
    socket.write(reply.subarray(i, i + 1));
    await setImmediate();
  }
};

/** The right reply, too late: by so long at least. */
export function late(delayMs: number): Delivery {
  return (socket, reply) =>
    new Promise(resolve => {
      const dueMs = performance.now() + delayMs;
      const onClose = () => {
        clearTimeout(timer);
        resolve();
      };
      const onTimer = () => {
        // Timers count from when the turn of the event loop began, which may be a while ago.
        const leftMs = dueMs - performance.now();
        if (leftMs > 0) {
          timer = setTimeout(onTimer, leftMs).unref();
          return;
        }
        socket.off('close', onClose);
        if (!socket.destroyed) socket.write(reply);
        resolve();
      };
      let timer = setTimeout(onTimer, delayMs).unref();
      socket.once('close', onClose);
    });
}

/** The right replies, held back until `release` is called. */
export function held(): { readonly delivery: Delivery; release(): void } {
  const gate = Promise.withResolvers<void>();
  const delivery: Delivery = async (socket, reply) => {
    await gate.promise;
    if (!socket.destroyed) socket.write(reply);
  };
  return { delivery, release: gate.resolve };
}

/** The first `bytes` of the reply, then FIN. */
export function cutAfter(bytes: number): Delivery {
  return (socket, reply) => void socket.end(reply.subarray(0, bytes));
}

/** The first `bytes` of the reply, then RST. Without bytes: the reset alone. */
export function resetAfter(bytes = 0): Delivery {
  return async (socket, reply) => {
    if (bytes > 0) await new Promise(resolve => socket.write(reply.subarray(0, bytes), resolve));
    socket.resetAndDestroy();
  };
}

/** The reply two times over: the second answers nobody. */
export const twice: Delivery = (socket, reply) => void socket.write(Buffer.concat([reply, reply]));

/** Something else in place of the reply: a wrong type, garbage, an error line. */
export function replacedBy(bytes: Buffer | string): Delivery {
  const wire = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
  return socket => void socket.write(wire);
}

/** The reply with `extra` behind it in the same segment. */
export function followedBy(extra: Buffer | string): Delivery {
  const wire = typeof extra === 'string' ? Buffer.from(extra, 'latin1') : extra;
  return (socket, reply) => void socket.write(Buffer.concat([reply, wire]));
}

/** Takes the request and says nothing. */
export const never: Delivery = () => {};
