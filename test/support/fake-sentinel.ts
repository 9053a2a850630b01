// A server that speaks as a Sentinel, and says what a test wants: for what real ones say seldom or never.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { encodeReply } from '../../src/protocol/redis/resp.ts';
import { redisRequest, redisWords } from './request-splitter.ts';

export interface SaidMaster {
  /** 127.0.0.1 unless given. */
  host?: string;
  port: number;
  epoch: number;
  /** Ports, and flags of each. */
  replicas?: readonly { readonly port: number; readonly flags?: string }[];
}

export interface FakeSentinel {
  readonly port: number;
  /** What it says, by name. */
  readonly masters: Map<string, SaidMaster>;
  /** How often it was asked about masters. */
  readonly questions: number;
  /** Those that listen to it. */
  readonly listeners: number;
  /** It takes connections and says nothing. */
  isSilent: boolean;
  password: string | null;
  /** Tells those that listen. */
  publish(channel: string, payload: string): void;
  stop(): Promise<void>;
}

/** `tls`: it speaks TLS only, by these. */
export async function startFakeSentinel(
  masters: Readonly<Record<string, SaidMaster>> = {},
  tls: TlsOptions | null = null,
): Promise<FakeSentinel> {
  const sockets = new Set<Socket>();
  const listeners = new Set<Socket>();
  let questions = 0;
  const serve = (socket: Socket) => {
    sockets.add(socket);
    let rest: Buffer = Buffer.alloc(0);
    let isKnown = false;
    const answer = (words: readonly string[]): Buffer => {
      const said = reply(words);
      return typeof said === 'string' ? Buffer.from(said) : said;
    };
    const reply = (words: readonly string[]): string | Buffer => {
      const [command, what, name] = words.map(word => word.toUpperCase());
      if (command === 'AUTH') {
        isKnown = words.at(-1) === sentinel.password;
        return isKnown ? '+OK\r\n' : '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
      }
      if (sentinel.password !== null && !isKnown) return '-NOAUTH Authentication required.\r\n';
      if (command === 'PING') return listeners.has(socket) ? encodeReply(['pong', '']) : '+PONG\r\n';
      if (command === 'SUBSCRIBE') {
        listeners.add(socket);
        return Buffer.concat(words.slice(1).map((channel, i) => encodeReply(['subscribe', channel, i + 1])));
      }
      if (command !== 'SENTINEL') return '-ERR unknown command\r\n';
      const said = sentinel.masters.get(words[2] ?? '');
      if (what === 'GET-MASTER-ADDR-BY-NAME') questions++;
      if (said === undefined)
        return what === 'GET-MASTER-ADDR-BY-NAME' ? '*-1\r\n' : `-ERR No such master with that name\r\n`;
      if (what === 'GET-MASTER-ADDR-BY-NAME') return encodeReply([said.host ?? '127.0.0.1', String(said.port)]);
      if (what === 'MASTER') return encodeReply(['name', String(name), 'config-epoch', String(said.epoch)]);
      const replicas = (said.replicas ?? []).map(({ port, flags = 'slave' }) => [
        ...['name', `127.0.0.1:${port}`, 'ip', '127.0.0.1', 'port', String(port), 'flags', flags],
      ]);
      return encodeReply(replicas);
    };
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = redisRequest(rest); end > 0; end = redisRequest(rest)) {
        const bytes = answer(redisWords(rest.subarray(0, end)).map(String));
        if (!sentinel.isSilent) socket.write(bytes);
        rest = rest.subarray(end);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      listeners.delete(socket);
    });
  };
  const server = tls === null ? createServer(serve) : createTlsServer(tls, serve);
  // Of clients that believe another authority.
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const sentinel: FakeSentinel = {
    port: (server.address() as AddressInfo).port,
    masters: new Map(Object.entries(masters)),
    get questions() {
      return questions;
    },
    get listeners() {
      return listeners.size;
    },
    isSilent: false,
    password: null,
    publish(channel, payload) {
      for (const socket of listeners) socket.write(encodeReply(['message', channel, payload]));
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
  return sentinel;
}
