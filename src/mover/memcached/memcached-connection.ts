import type { PoolConfig } from '../../config/config.ts';
import { authLines } from '../../protocol/memcached/auth-traits.ts';
import { withoutPassword } from '../../protocol/said-traits.ts';
import type { Reached } from '../key-owners.ts';
import { MoverConnection } from '../mover-connection.ts';
import { MoveTrouble } from '../protocol-mover.ts';

/** Where an answer ends, or -1. */
type AnswerEnd = (arrived: Buffer) => number;

interface Waiting {
  resolve(answer: Buffer): void;
  reject(error: Error): void;
  readonly end: AnswerEnd;
}

const MAX_QUOTED_BYTES = 120;
const NO_BYTES = Buffer.alloc(0);

/** One line. */
const lineEnd: AnswerEnd = arrived => {
  const at = arrived.indexOf('\r\n', 0, 'latin1');
  return at < 0 ? -1 : at + 2;
};

/** One line, and after VA a value. */
const itemEnd: AnswerEnd = arrived => {
  const end = lineEnd(arrived);
  if (end < 0 || arrived.toString('latin1', 0, 3) !== 'VA ') return end;
  const whole = end + Number.parseInt(arrived.toString('latin1', 3, end), 10) + 2;
  return arrived.length < whole ? -1 : whole;
};

/** Lines up to END, or one that is an error. */
const listEnd: AnswerEnd = arrived => {
  const isList = arrived.subarray(0, 5).toString('latin1') === 'STAT ';
  if (!isList) return lineEnd(arrived);
  const at = arrived.indexOf('\r\nEND\r\n', 0, 'latin1');
  return at < 0 ? -1 : at + 7;
};

/** In memcached's text protocol. */
export class MemcachedConnection extends MoverConnection<Waiting> {
  private arrived: Buffer = NO_BYTES;

  /** Connected, and let in. */
  static async open(
    pool: PoolConfig,
    { address, credentials }: Reached,
    timeoutMs: number,
  ): Promise<MemcachedConnection> {
    const connection = new MemcachedConnection(pool, address, timeoutMs);
    try {
      if (credentials !== null) {
        const answer = await connection.line(Buffer.from(authLines(credentials)).toString('latin1'));
        if (answer !== 'STORED')
          throw new MoveTrouble(`${connection.server} answers ${withoutPassword(answer, credentials)}`);
      }
      await connection.line('version\r\n');
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  /** The answer to a question that one line answers, without its CRLF. */
  async line(words: string): Promise<string> {
    return (await this.ask(Buffer.from(words, 'latin1'), lineEnd)).toString('latin1').trimEnd();
  }

  /** The answer to a meta command. */
  meta(words: Buffer): Promise<Buffer> {
    return this.ask(words, itemEnd);
  }

  /** Statistics by their name. */
  async statistics(kind = ''): Promise<ReadonlyMap<string, string>> {
    const answer = (await this.ask(Buffer.from(`stats${kind === '' ? '' : ` ${kind}`}\r\n`), listEnd)).toString(
      'latin1',
    );
    return new Map(Array.from(answer.matchAll(/^STAT (\S+) (.*)\r$/gm), ([, name, value]) => [name!, value!]));
  }

  /** Runs `use`, whose errors about an answer become trouble with this server. */
  understood<T>(use: () => T): T {
    try {
      return use();
    } catch (error) {
      throw new MoveTrouble(`${this.server} answers ${(error as Error).message}`);
    }
  }

  private ask(words: Buffer, end: AnswerEnd): Promise<Buffer> {
    return this.send<Buffer>(words, (resolve, reject) => ({ resolve, reject, end }));
  }

  protected override read(bytes: Buffer): void {
    this.arrived = this.arrived.length === 0 ? bytes : Buffer.concat([this.arrived, bytes]);
    while (this.arrived.length > 0) {
      const head = this.waiting[0];
      if (head === undefined) {
        this.fail(`it says what nobody asked: ${this.arrived.toString('latin1', 0, MAX_QUOTED_BYTES)}`);
        return;
      }
      const end = head.end(this.arrived);
      if (end < 0) break;
      this.waiting.shift();
      head.resolve(Buffer.from(this.arrived.subarray(0, end)));
      this.arrived = this.arrived.subarray(end);
    }
    this.arm();
  }
}
