// Clients that write, read and count through a pool, and check every reply.
import assert from 'node:assert/strict';
import type { Daemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { encodeCommand, parseReply, RespError, type RespValue } from '../support/resp-reader.ts';

export interface LoadOptions {
  /** Default: `orders`. */
  readonly pool?: string;
  readonly clients?: number;
  /** Requests that a client sends at once. */
  readonly depth?: number;
  /** Keys of each client. */
  readonly keys?: number;
  /** MGET and MSET of keys in one slot, and in several. */
  readonly hasMulti?: boolean;
  /** Whole transactions that write and read two keys of one slot. */
  readonly hasTransactions?: boolean;
  /** Errors are counted and no mistake, and what failed may have been done or not. */
  readonly mayFail?: boolean;
  /** So are those by which a node itself says that the cluster is down: what another follows is not put off then. */
  readonly mayBeDown?: boolean;
}

/** And what comes of it in a transaction. */
const SAYS_DOWN = /^(CLUSTERDOWN The cluster is down|EXECABORT )/;

/** Runs until it is ended; then every reply was as it should be. */
export class CheckedLoad {
  requests = 0;
  errors = 0;
  /** When the last error came, on performance.now()'s scale; and the kinds of errors. */
  lastErrorAtMs = 0;
  readonly errorTexts = new Map<string, number>();
  private isEnding = false;
  private readonly running: Promise<unknown>;

  constructor(daemon: Daemon, options: LoadOptions = {}) {
    const { clients = 50 } = options;
    this.running = Promise.all(Array.from({ length: clients }, (_, i) => this.runClient(daemon, i, options)));
    this.running.catch(() => {
      this.isEnding = true;
    });
  }

  /** Resolves when all clients have ended; rejects with the first mistake. */
  async end(): Promise<void> {
    this.isEnding = true;
    await this.running;
  }

  /** Rejects with the first mistake; for a race with whatever goes on meanwhile. */
  get mistake(): Promise<never> {
    return this.running.then(() => new Promise<never>(() => {}));
  }

  private async runClient(daemon: Daemon, id: number, options: LoadOptions): Promise<void> {
    const client = await daemon.client(options.pool ?? 'orders', { timeoutMs: 30_000 });
    const user = new LoadUser(client, id, options, error => this.failed(error));
    while (!this.isEnding) this.requests += await user.round();
    client.destroy();
  }

  private failed(error: RespError): void {
    this.errors++;
    this.lastErrorAtMs = performance.now();
    this.errorTexts.set(error.text, (this.errorTexts.get(error.text) ?? 0) + 1);
  }
}

/** What a key may hold: several where a write has failed, which may have been done all the same. */
type Possible = Set<string | null>;

class LoadUser {
  private readonly client: RawClient;
  private readonly options: Required<Omit<LoadOptions, 'clients' | 'pool'>>;
  private readonly values = new Map<string, Possible>();
  private readonly id: number;
  private readonly onError: (error: RespError) => void;
  private count = 0;

  constructor(client: RawClient, id: number, options: LoadOptions, onError: (error: RespError) => void) {
    this.client = client;
    this.id = id;
    this.options = {
      depth: 8,
      keys: 100,
      hasMulti: true,
      hasTransactions: false,
      mayFail: false,
      mayBeDown: false,
      ...options,
    };
    this.onError = onError;
  }

  /** One pipeline, and all its replies; how many requests it had. */
  async round(): Promise<number> {
    const { depth, keys, hasMulti, hasTransactions } = this.options;
    const requests: Buffer[] = [];
    const checks: ((reply: RespValue) => void)[] = [];
    const ask = (words: (string | number)[], check: (reply: RespValue) => void) => {
      requests.push(encodeCommand(...words));
      checks.push(check);
    };
    for (let i = 0; i < depth; i++) {
      const n = this.count++;
      const key = `load:${this.id}:${(n * 7) % keys}`;
      const value = `${this.id}-${n}`;
      const kind = n % 5;
      if (hasTransactions && kind === 4) {
        const tag = `{t${this.id}:${n % 20}}`;
        const [a, b] = [`${tag}a`, `${tag}b`];
        const same = (wanted: string) => (reply: RespValue) => {
          if (reply instanceof RespError) this.refused(reply);
          else assert.equal(String(reply), wanted);
        };
        ask(['MULTI'], same('OK'));
        for (const part of [
          ['SET', a, value],
          ['SET', b, value],
          ['MGET', a, b],
        ])
          ask(part, same('QUEUED'));
        ask(['EXEC'], reply => {
          if (reply instanceof RespError) this.refused(reply);
          else assert.deepEqual(reply, ['OK', 'OK', [Buffer.from(value), Buffer.from(value)]]);
        });
      } else if (kind < 2) {
        // The same key twice in one pipeline: the second must see the first, wherever the slot goes meanwhile.
        ask(['SET', key, value], reply => this.wrote(key, value, reply));
        ask(['GET', key], reply => this.read(key, reply));
      } else if (kind === 2) ask(['GET', key], reply => this.read(key, reply));
      else if (hasMulti && kind === 3) {
        const [a, b] = [`{m${this.id}:${n % 20}}a`, `{m${this.id}:${n % 20}}b`];
        ask(['MSET', a, value, b, value], reply => {
          this.wrote(a, value, reply);
          this.wrote(b, value, reply);
        });
      } else if (hasMulti) {
        const [a, b] = [`{m${this.id}:${(n - 1) % 20}}a`, key];
        ask(['MGET', a, b], reply => {
          if (reply instanceof RespError) return this.read(a, reply);
          const values = reply as RespValue[];
          assert.equal(values.length, 2);
          this.read(a, values[0] as RespValue);
          this.read(b, values[1] as RespValue);
        });
      }
    }
    this.client.send(Buffer.concat(requests));
    for (const check of checks) check(parseReply(await this.client.readReply()));
    return requests.length;
  }

  private wrote(key: string, value: string, reply: RespValue): void {
    if (!(reply instanceof RespError)) {
      assert.equal(reply, 'OK');
      this.values.set(key, new Set([value]));
      return;
    }
    this.refused(reply);
    this.possible(key).add(value);
  }

  private read(key: string, reply: RespValue): void {
    if (reply instanceof RespError) {
      this.refused(reply);
      return;
    }
    const text = reply === null ? null : String(reply);
    const possible = this.possible(key);
    assert.ok(possible.has(text), `${key} is ${text}, and should be ${[...possible].join(' or ')}`);
    if (!this.options.mayFail) this.values.set(key, new Set([text]));
  }

  private refused(reply: RespError): void {
    const { mayFail, mayBeDown } = this.options;
    if (!mayFail && !(mayBeDown && SAYS_DOWN.test(reply.text))) assert.fail(`an error: ${reply.text}`);
    assert.doesNotMatch(reply.text, /^(MOVED|ASK) /);
    this.onError(reply);
  }

  private possible(key: string): Possible {
    let possible = this.values.get(key);
    if (possible === undefined) {
      possible = new Set([null]);
      this.values.set(key, possible);
    }
    return possible;
  }
}
