import type { PoolConfig } from '../../config/config.ts';
import { authOf } from '../../protocol/redis/answer-traits.ts';
import { ReplyReader } from '../../protocol/redis/reader-traits.ts';
import { ErrorReply, type Reply } from '../../protocol/redis/reply-traits.ts';
import type { Word } from '../../protocol/redis/value-traits.ts';
import { withoutPassword } from '../../protocol/said-traits.ts';
import type { ServerCredentials } from '../../protocol/traits.ts';
import type { Reached } from '../key-owners.ts';
import { MoverConnection } from '../mover-connection.ts';
import { MoveTrouble } from '../protocol-mover.ts';

/** By it its connections are known on the servers. */
export const MOVER_NAME = 'ringmaster-mover';

/** MIGRATE and DEL of large keys keep a server; one that is silent for longer is stuck. */
export const STUCK_AFTER_MS = 60_000;

interface Waiting {
  resolve(replies: Reply[]): void;
  reject(error: Error): void;
  readonly count: number;
  readonly replies: Reply[];
}

/** In RESP2. */
export class RedisConnection extends MoverConnection<Waiting> {
  private readonly reader = new ReplyReader();

  /** Connected, and let in. */
  static async open(pool: PoolConfig, { address, credentials }: Reached, timeoutMs: number): Promise<RedisConnection> {
    const connection = new RedisConnection(pool, address, timeoutMs);
    const first: Word[][] = [
      ...authOf(credentials).map(words => [...words]),
      ['CLIENT', 'SETNAME', MOVER_NAME],
      ['PING'],
    ];
    try {
      for (const reply of await connection.askAll(first)) connection.refuseError(reply, credentials);
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
    const words = Buffer.concat(commands.map(encode));
    return this.send<Reply[]>(words, (resolve, reject) => ({ resolve, reject, count: commands.length, replies: [] }));
  }

  async ask(...words: readonly Word[]): Promise<Reply> {
    return (await this.askAll([words]))[0]!;
  }

  /** The same; an error of the server's is a MoveTrouble. */
  async need(...words: readonly Word[]): Promise<Reply> {
    return this.refuseError(await this.ask(...words));
  }

  private refuseError(reply: Reply, credentials: ServerCredentials | null = null): Reply {
    if (reply instanceof ErrorReply)
      throw new MoveTrouble(`${this.server} answers ${withoutPassword(reply.text, credentials)}`);
    return reply;
  }

  protected override read(bytes: Buffer): void {
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
}

function encode(words: readonly Word[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.isBuffer(word) ? word : Buffer.from(String(word));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}
