// Clients of a soak: each has keys that nobody else writes, and leads one connection after the other, each in a manner
// drawn by chance.
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { RawClient } from '../support/raw-client.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Dialect } from './dialects.ts';
import { type ServerHistory, TrackedKey, type Write } from './key-ledger.ts';
import type { SoakTally } from './soak-tally.ts';

/** Longer than any fault lasts, so that it means: never. */
const ANSWER_TIMEOUT_MS = 15_000;
const KEYS = 24;
const BIG_KEYS = 2;
const MEDIUM_KEYS = 4;
const MEDIUM_BYTES = 9000;

export interface SoakPool {
  readonly name: string;
  readonly dialect: Dialect;
  readonly port: number;
  readonly history: ServerHistory;
  /** Its keys never move from one server to another. */
  readonly isPinned: boolean;
}

/** A request with what is to be made of its answer. */
interface Operation {
  readonly bytes: Buffer;
  readonly kind: 'values' | 'other';
  readonly isSilent: boolean;
  /** Takes a whole reply; returns the text of an error, or null. Throws when the reply is wrong. */
  answered(reply: Buffer): string | null;
  /** Whether it was done will not be known. */
  lost(): void;
}

type Manner = 'steady' | 'slow' | 'half-closing' | 'resetting' | 'dripping' | 'short' | 'garbage';

const MANNERS: readonly Manner[] = [
  'steady',
  'steady',
  'steady',
  'steady',
  'slow',
  'half-closing',
  'resetting',
  'dripping',
  'short',
  'short',
  'garbage',
];

export class SoakClient {
  private readonly pool: SoakPool;
  private readonly random: SeededRandom;
  private readonly tally: SoakTally;
  private readonly keys: readonly TrackedKey[];
  private isStopped = false;
  private connections = 0;
  private echoes = 0;

  constructor(pool: SoakPool, index: number, random: SeededRandom, tally: SoakTally) {
    this.pool = pool;
    this.random = random;
    this.tally = tally;
    this.keys = Array.from({ length: KEYS }, (_, i) => {
      const baseBytes =
        i < BIG_KEYS ? pool.dialect.biggestBytes : i < BIG_KEYS + MEDIUM_KEYS ? MEDIUM_BYTES : undefined;
      return new TrackedKey(`${pool.name}:${index}:${i}`, pool.history, pool.isPinned, baseBytes);
    });
  }

  /** Leads connections until `stop`; the one that is open then is led to its end. */
  async run(): Promise<void> {
    while (!this.isStopped) await this.lead(this.random.pick(MANNERS));
  }

  stop(): void {
    this.isStopped = true;
  }

  /** Reads every key once, in one pipeline; to be called when all servers are well. */
  async readAll(): Promise<void> {
    const client = await this.connect();
    if (client === null) return;
    const operations = this.keys.map(key => this.read([key]));
    this.send(client, operations);
    await this.readAnswers(client, operations);
    client.destroy();
  }

  private async lead(manner: Manner): Promise<void> {
    const client = await this.connect();
    if (client === null) return;
    const { random } = this;
    let isOpen = true;
    switch (manner) {
      case 'steady':
        for (let i = random.between(3, 25); i > 0 && isOpen && !this.isStopped; i--) {
          const operations = this.batch(random.pick([1, 1, 4, 16, 60]));
          this.send(client, operations);
          isOpen = await this.readAnswers(client, operations);
        }
        break;
      case 'slow': {
        const operations = Array.from({ length: random.between(5, 30) }, () => this.read([this.bigKey()]));
        client.pause();
        this.send(client, operations);
        await delay(random.between(20, 600));
        client.resume();
        await this.readAnswers(client, operations);
        break;
      }
      case 'half-closing': {
        const operations = this.batch(random.between(1, 20));
        this.send(client, operations);
        client.end();
        if (await this.readAnswers(client, operations)) await this.expectEnd(client);
        break;
      }
      case 'resetting': {
        const operations = this.batch(random.between(1, 30));
        this.send(client, operations);
        const read = operations.slice(0, random.between(0, 5));
        isOpen = await this.readAnswers(client, read);
        client.reset();
        for (const operation of operations.slice(read.length)) this.lose(operation, isOpen ? 'abandoned' : 'closed');
        break;
      }
      case 'dripping': {
        const operations = this.batch(random.between(1, 6));
        await this.drip(client, operations);
        await this.readAnswers(client, operations);
        break;
      }
      case 'short': {
        const operations = this.batch(1);
        this.send(client, operations);
        await this.readAnswers(client, operations);
        break;
      }
      case 'garbage': {
        const operations = this.batch(random.between(0, 3));
        this.send(client, operations);
        client.send(this.pool.dialect.garbage);
        if (await this.readAnswers(client, operations)) await this.expectRefusal(client);
        break;
      }
    }
    client.destroy();
  }

  /** Null: the connection was refused, which is a problem, since somebody always listens. */
  private async connect(): Promise<RawClient | null> {
    this.connections++;
    this.tally.connections++;
    try {
      return await RawClient.connect(this.pool.port, { timeoutMs: ANSWER_TIMEOUT_MS });
    } catch (error) {
      this.tally.problem(`${this.pool.name}: no connection: ${(error as Error).message}`);
      await delay(50);
      return null;
    }
  }

  private batch(count: number): Operation[] {
    return Array.from({ length: count }, () => this.operation());
  }

  private operation(): Operation {
    const { random } = this;
    switch (random.between(0, 19)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return this.store([this.smallKey()]);
      case 5:
        return this.store([random.chance(0.3) ? this.bigKey() : this.smallKey()]);
      case 6:
        return this.store(random.sample(this.keys.slice(BIG_KEYS), random.between(2, 5)));
      case 7:
        return this.remove(this.smallKey());
      case 8:
        return this.echo();
      case 9:
      case 10:
      case 11:
        return this.read(random.sample(this.keys.slice(BIG_KEYS), random.between(2, 12)));
      case 12:
        return this.read([random.chance(0.3) ? this.bigKey() : this.smallKey()]);
      case 13:
        return this.pool.dialect.hasNoreply ? this.storeSilently(this.smallKey()) : this.read([this.smallKey()]);
      default:
        return this.read([this.smallKey()]);
    }
  }

  private smallKey(): TrackedKey {
    return this.random.pick(this.keys.slice(BIG_KEYS));
  }

  private bigKey(): TrackedKey {
    return this.random.pick(this.keys.slice(0, BIG_KEYS));
  }

  private read(keys: readonly TrackedKey[]): Operation {
    const { dialect } = this.pool;
    const names = keys.map(key => key.name);
    return {
      bytes: dialect.get(names),
      kind: 'values',
      isSilent: false,
      answered(reply) {
        const values = dialect.readValues(reply, names);
        if (typeof values === 'string') return values;
        for (const [i, key] of keys.entries()) {
          const problem = key.problemOf(values[i]!);
          if (problem !== null) throw new Error(`${key.name} ${problem}`);
        }
        return null;
      },
      lost() {},
    };
  }

  private store(keys: readonly TrackedKey[]): Operation {
    const { dialect } = this.pool;
    const writes = keys.map(key => key.nextVersion(this.connections));
    const pairs = keys.map((key, i) => [key.name, key.valueOf(writes[i]!.version)] as const);
    const together = pairs.length > 1 ? dialect.setAll(pairs) : null;
    if (together === null) return this.write(keys[0]!, writes[0]!, dialect.set(...pairs[0]!, false));
    return {
      ...this.write(keys[0]!, writes[0]!, together),
      answered(reply) {
        const error = dialect.readDone(reply);
        for (const [i, key] of keys.entries()) {
          if (error === null) key.confirm(writes[i]!);
          else key.doubt(writes[i]!);
        }
        return error;
      },
      lost: () => keys.forEach((key, i) => void key.doubt(writes[i]!)),
    };
  }

  private remove(key: TrackedKey): Operation {
    return this.write(key, key.removal(this.connections), this.pool.dialect.remove(key.name));
  }

  private write(key: TrackedKey, write: Write, bytes: Buffer): Operation {
    const { dialect } = this.pool;
    return {
      bytes,
      kind: 'other',
      isSilent: false,
      answered(reply) {
        const error = dialect.readDone(reply);
        if (error === null) key.confirm(write);
        else key.doubt(write);
        return error;
      },
      lost: () => key.doubt(write),
    };
  }

  private storeSilently(key: TrackedKey): Operation {
    const write = key.nextVersion(this.connections);
    // At once: a reply to a later request may already show it.
    key.doubt(write);
    const bytes = this.pool.dialect.set(key.name, key.valueOf(write.version), true);
    return { bytes, kind: 'other', isSilent: true, answered: () => null, lost() {} };
  }

  private echo(): Operation {
    const { dialect } = this.pool;
    const token = `${this.keys[0]!.name}:echo:${++this.echoes}`;
    return {
      bytes: dialect.echo(token),
      kind: 'other',
      isSilent: false,
      answered: reply => dialect.readEcho(reply, token),
      lost() {},
    };
  }

  private send(client: RawClient, operations: readonly Operation[]): void {
    this.count(operations);
    client.send(Buffer.concat(operations.map(operation => operation.bytes)));
  }

  private async drip(client: RawClient, operations: readonly Operation[]): Promise<void> {
    this.count(operations);
    const bytes = Buffer.concat(operations.map(operation => operation.bytes));
    const longest = Math.max(3, Math.ceil(bytes.length / 40));
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + this.random.between(1, longest));
      client.send(bytes.subarray(at, end));
      at = end;
      await setImmediate();
    }
  }

  private count(operations: readonly Operation[]): void {
    this.tally.sent += operations.length;
    for (const { bytes } of operations) this.tally.bytes += bytes.length;
  }

  /** Settles every operation; false when the connection is over. */
  private async readAnswers(client: RawClient, operations: readonly Operation[]): Promise<boolean> {
    const { dialect } = this.pool;
    for (const [i, operation] of operations.entries()) {
      if (operation.isSilent) {
        this.tally.settle('silent');
        continue;
      }
      let reply: Buffer;
      try {
        reply = await client.readUntil(arrived => dialect.end(arrived, operation.kind));
      } catch (error) {
        this.giveUp(client, operations.slice(i), error as Error);
        return false;
      }
      if (this.take(operation, reply)) continue;
      // What comes next belongs to nobody knows what.
      for (const rest of operations.slice(i + 1)) this.lose(rest, 'abandoned');
      client.destroy();
      return false;
    }
    return true;
  }

  /** False: the reply is wrong. */
  private take(operation: Operation, reply: Buffer): boolean {
    this.tally.bytes += reply.length;
    try {
      const error = operation.answered(reply);
      if (error === null) this.tally.settle('right');
      else this.tally.fail(error);
      return true;
    } catch (error) {
      operation.lost();
      this.tally.settle('wrong');
      const text = (bytes: Buffer) => `${bytes.length} bytes ${JSON.stringify(bytes.toString('latin1', 0, 120))}`;
      this.tally.problem(`${(error as Error).message}\n    asked ${text(operation.bytes)}\n    read  ${text(reply)}`);
      return false;
    }
  }

  private giveUp(client: RawClient, operations: readonly Operation[], error: Error): void {
    const isOver = client.socket.readableEnded || client.socket.destroyed;
    if (!isOver) {
      this.tally.problem(`${this.pool.name}: ${operations.length} answers are missing: ${error.message}`);
      client.destroy();
    }
    for (const operation of operations) this.lose(operation, isOver ? 'closed' : 'missing');
  }

  private lose(operation: Operation, outcome: 'closed' | 'missing' | 'abandoned'): void {
    operation.lost();
    this.tally.settle(operation.isSilent ? 'silent' : outcome);
  }

  /** After the last answer the other side ends the connection, and says nothing more. */
  private async expectEnd(client: RawClient): Promise<void> {
    try {
      const rest = await client.readToEnd();
      if (rest.length > 0) this.tally.problem(`${this.pool.name}: bytes after the last answer: ${rest.length}`);
    } catch (error) {
      this.tally.problem(`${this.pool.name}: a half-closed connection does not end: ${(error as Error).message}`);
    }
  }

  /** Nonsense is answered with an error, if there is time for it, and the end of the connection. */
  private async expectRefusal(client: RawClient): Promise<void> {
    try {
      const text = (await client.readToEnd()).toString('latin1');
      if (!/^(?:-ERR Protocol error[^\r\n]*\r\n|CLIENT_ERROR [^\r\n]*\r\n)?$/.test(text)) {
        this.tally.problem(`${this.pool.name}: nonsense is answered ${JSON.stringify(text.slice(0, 200))}`);
      }
    } catch (error) {
      this.tally.problem(`${this.pool.name}: nonsense does not end the connection: ${(error as Error).message}`);
    }
  }
}
