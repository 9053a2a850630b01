import { connect, type Socket } from 'node:net';
import { addressText, type FixedAddress } from '../../config/address.ts';
import type { PoolConfig } from '../../config/config.ts';
import { poolPassword } from '../../config/pool-password.ts';
import { startServerTls } from '../../system/server-tls.ts';
import { MoveTrouble } from '../protocol-mover.ts';
import { ErrorReply, type Reply } from './redis-reply.ts';
import { ReplyReader } from './reply-reader.ts';

export type Word = string | number | Buffer;

/** By it its connections are known on the servers. */
export const MOVER_NAME = 'ringmaster-mover';

interface Waiting {
  resolve(replies: Reply[]): void;
  reject(error: Error): void;
  readonly count: number;
  readonly replies: Reply[];
}

/** A connection to a server of a pool, in RESP2: commands are answered in their order. What goes wrong is a MoveTrouble. */
export class RedisConnection {
  readonly server: string;
  private readonly socket: Socket;
  private readonly reader = new ReplyReader();
  private readonly waiting: Waiting[] = [];
  private readonly timeoutMs: number;
  private timer: NodeJS.Timeout | null = null;
  private fault: MoveTrouble | null = null;

  private constructor(server: string, socket: Socket, timeoutMs: number) {
    this.server = server;
    this.socket = socket;
    this.timeoutMs = timeoutMs;
    socket.on('data', (bytes: Buffer) => this.read(bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => this.fail(error.code ?? error.message));
    socket.on('close', () => this.fail('it closed the connection'));
  }

  /** Connected, and let in. */
  static async open(pool: PoolConfig, address: FixedAddress, timeoutMs: number): Promise<RedisConnection> {
    const plain = connect({ ...address });
    const tls = pool.tls?.servers ?? null;
    const socket = tls === null ? plain : startServerTls(plain, address, tls);
    const connection = new RedisConnection(addressText(address), socket, timeoutMs);
    if (tls !== null) plain.on('error', error => connection.fail(error.message));
    const password = poolPassword(pool);
    const first: Word[][] = [
      ...(password === null ? [] : [['AUTH', password]]),
      ['CLIENT', 'SETNAME', MOVER_NAME],
      ['PING'],
    ];
    try {
      for (const reply of await connection.askAll(first)) connection.refuseError(reply);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  /** The replies, errors among them. */
  askAll(commands: readonly (readonly Word[])[]): Promise<Reply[]> {
    if (this.fault !== null) return Promise.reject(this.fault);
    if (commands.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject, count: commands.length, replies: [] });
      this.socket.write(Buffer.concat(commands.map(encode)));
      this.arm();
    });
  }

  async ask(...words: readonly Word[]): Promise<Reply> {
    return (await this.askAll([words]))[0]!;
  }

  /** The same; an error of the server's is a MoveTrouble. */
  async need(...words: readonly Word[]): Promise<Reply> {
    return this.refuseError(await this.ask(...words));
  }

  close(): void {
    this.fault ??= new MoveTrouble(`${this.server}: closed`);
    if (this.timer !== null) clearTimeout(this.timer);
    this.socket.destroy();
  }

  private refuseError(reply: Reply): Reply {
    if (reply instanceof ErrorReply) throw new MoveTrouble(`${this.server} answers ${reply.text}`);
    return reply;
  }

  private read(bytes: Buffer): void {
    for (const reply of this.replies(bytes)) {
      const head = this.waiting[0];
      if (head === undefined) {
        this.fail('it answers what nobody asked');
        return;
      }
      head.replies.push(reply);
      if (head.replies.length < head.count) continue;
      this.waiting.shift();
      head.resolve(head.replies);
    }
    this.arm();
  }

  private replies(bytes: Buffer): readonly Reply[] {
    try {
      return this.reader.read(bytes);
    } catch (error) {
      this.fail((error as Error).message);
      return [];
    }
  }

  /** A server that says nothing for so long while it is asked something. */
  private arm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.waiting.length === 0 || this.fault !== null) return;
    const overdue = () => this.fail(`no answer within ${this.timeoutMs} ms`);
    this.timer = setTimeout(() => setImmediate(overdue), this.timeoutMs);
  }

  private fail(why: string): void {
    if (this.fault !== null) return;
    this.fault = new MoveTrouble(`${this.server}: ${why}`);
    this.close();
    for (const { reject } of this.waiting.splice(0)) reject(this.fault);
  }
}

function encode(words: readonly Word[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}
