import path from 'node:path';
import { Child, temporaryDirectory } from './child.ts';
import { freePort } from './free-port.ts';
import { RawClient } from './raw-client.ts';
import type { RespValue } from './resp-reader.ts';

export interface RedisOptions {
  /** A fixed port, to come back where a server has died; otherwise the system chooses. */
  readonly port?: number;
  readonly requirepass?: string;
  /** Listen on a unix socket too; its path is in `socketPath`. */
  readonly hasUnixSocket?: boolean;
  readonly maxmemoryBytes?: number;
  /** Further arguments of redis-server, e.g. ['--databases', '4']. */
  readonly args?: readonly string[];
}

/** A real redis-server on 127.0.0.1, without persistence. */
export interface RedisServer {
  readonly port: number;
  /** The unix socket, or '' without `hasUnixSocket`. */
  readonly socketPath: string;
  readonly pid: number;
  /** A new connection, authenticated when the server has a password. */
  client(): Promise<RawClient>;
  /** One command over a connection of its own, its reply decoded. */
  command(...args: (string | number | Buffer)[]): Promise<RespValue>;
  /** SIGSTOP: connections stay open and nothing is answered until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** SIGTERM and the wait for its end. */
  stop(): Promise<void>;
  /** SIGKILL and the wait for its end. */
  kill(): Promise<void>;
}

const PORT_ATTEMPTS = 5;

/** Starts a redis-server and resolves once it accepts connections. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnPort(options.port ?? (await freePort()), options);
    } catch (error) {
      const isPortTaken = /Address already in use/.test((error as Error).message);
      if (options.port !== undefined || !isPortTaken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startOnPort(port: number, options: RedisOptions): Promise<RedisServer> {
  const dir = temporaryDirectory('redis');
  const socketPath = options.hasUnixSocket ? path.join(dir, 'redis.sock') : '';
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--save', '', '--appendonly', 'no'];
  if (options.requirepass !== undefined) args.push('--requirepass', options.requirepass);
  if (socketPath !== '') args.push('--unixsocket', socketPath, '--unixsocketperm', '777');
  if (options.maxmemoryBytes !== undefined) args.push('--maxmemory', String(options.maxmemoryBytes));
  args.push(...(options.args ?? []));

  const child = new Child('redis-server', args);
  await child.until(() => child.stdout().includes('Ready to accept connections'), 'redis-server accepting connections');

  async function client(): Promise<RawClient> {
    const connection = await RawClient.connect(port);
    if (options.requirepass !== undefined) await connection.command('AUTH', options.requirepass);
    return connection;
  }

  return {
    port,
    socketPath,
    pid: child.pid,
    client,
    async command(...words) {
      const connection = await client();
      try {
        return await connection.command(...words);
      } finally {
        connection.destroy();
      }
    },
    freeze: () => child.signal('SIGSTOP'),
    thaw: () => child.signal('SIGCONT'),
    stop: async () => void (await child.stop()),
    kill: async () => void (await child.kill()),
  };
}
