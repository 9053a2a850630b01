// Clients that write and read keys of their own without a pause, and know what each must be.
import assert from 'node:assert/strict';
import type { RawClient } from './raw-client.ts';

const KEYS = 40;

/** One client with its keys: a counter, a string and a list, in turn. */
class Writer {
  private readonly client: RawClient;
  private readonly name: string;
  private readonly strings = new Map<string, string>();
  private readonly counts = new Map<string, number>();
  rounds = 0;

  constructor(client: RawClient, name: string) {
    this.client = client;
    this.name = name;
  }

  async run(isWanted: () => boolean): Promise<void> {
    for (; isWanted(); this.rounds++) {
      const n = this.rounds % KEYS;
      const [string, count, list] = [`${this.name}:s:${n}`, `${this.name}:n:${n}`, `${this.name}:l:${n}`];
      const value = `value ${this.rounds}`;
      assert.equal(String(await this.client.command('GET', string)), this.strings.get(string) ?? 'null', string);
      if (this.rounds % 7 === 3) {
        await this.client.command('DEL', string);
        this.strings.delete(string);
      } else {
        assert.equal(String(await this.client.command('SET', string, value)), 'OK');
        this.strings.set(string, value);
      }
      const times = (this.counts.get(count) ?? 0) + 1;
      assert.equal(await this.client.command('INCR', count), times, count);
      this.counts.set(count, times);
      assert.equal(await this.client.command('RPUSH', list, value), times, list);
    }
  }

  /** Each key is what it was written as. */
  async check(): Promise<void> {
    for (let n = 0; n < KEYS; n++) {
      const key = `${this.name}:s:${n}`;
      assert.equal(String(await this.client.command('GET', key)), this.strings.get(key) ?? 'null', key);
    }
    for (const [key, times] of this.counts) {
      assert.equal(Number(await this.client.command('GET', key)), times, key);
      assert.equal(await this.client.command('LLEN', key.replace(':n:', ':l:')), times, key);
    }
  }

  *keys(): Iterable<string> {
    yield* this.strings.keys();
    for (const key of this.counts.keys()) yield* [key, key.replace(':n:', ':l:')];
  }
}

export class RegisterLoad {
  private readonly writers: readonly Writer[];
  private readonly runs: readonly Promise<void>[];
  private isWanted = true;

  /** Begins at once; each client is one writer's own. */
  constructor(clients: readonly RawClient[]) {
    this.writers = clients.map((client, i) => new Writer(client, `w${i}`));
    this.runs = this.writers.map(writer => writer.run(() => this.isWanted));
    for (const run of this.runs) run.catch(() => {});
  }

  get rounds(): number {
    return this.writers.reduce((sum, { rounds }) => sum + rounds, 0);
  }

  /** Ends; fails when a reply was not what it must be. Resolves with the keys there are. */
  async end(): Promise<string[]> {
    this.isWanted = false;
    await Promise.all(this.runs);
    for (const writer of this.writers) await writer.check();
    return this.writers.flatMap(writer => [...writer.keys()]);
  }
}
