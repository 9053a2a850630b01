import { RawClient } from '../support/raw-client.ts';
import { Fault, quoted } from './fuzz-target.ts';
import type { LiveProtocol } from './live-protocols.ts';

const KEYS = 8;
const VALUE_BYTES = 40;

/**
 * A well-behaved client of the same worker and the same server connection as those that send nonsense. It asks for its
 * keys without pause; any byte that is not of the value it stored is a fault. Keys may go: others flush the server.
 */
export class Canary {
  rounds = 0;
  misses = 0;
  private readonly client: RawClient;
  private readonly protocol: LiveProtocol;
  private version = 0;
  private isStopped = false;
  private readonly running: Promise<void>;
  private waiting: { at: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  private failure: Error | null = null;

  static async start(protocol: LiveProtocol, port: number): Promise<Canary> {
    return new Canary(protocol, await RawClient.connect(port));
  }

  private constructor(protocol: LiveProtocol, client: RawClient) {
    this.protocol = protocol;
    this.client = client;
    this.running = this.run();
  }

  /**
   * Resolves when `count` more rounds have begun and ended: by then the worker and its server have answered whatever
   * was sent to them before. Rejects when the canary has read something wrong.
   */
  settled(count: number): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure);
    // The round that is under way may have begun before.
    return new Promise((resolve, reject) => this.waiting.push({ at: this.rounds + count + 1, resolve, reject }));
  }

  /** Rejects when it has read something wrong. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
    this.client.destroy();
    if (this.failure !== null) throw this.failure;
  }

  private async run(): Promise<void> {
    try {
      while (!this.isStopped) {
        await this.round();
        this.rounds++;
        this.waiting = this.waiting.filter(({ at, resolve }) => {
          if (at > this.rounds) return true;
          resolve();
          return false;
        });
      }
    } catch (error) {
      this.failure = error as Error;
    }
    for (const { reject } of this.waiting) reject(this.failure ?? new Error('the canary was stopped'));
    this.waiting = [];
  }

  private async round(): Promise<void> {
    const { protocol, client } = this;
    if (this.rounds % 50 === 0) {
      this.version++;
      for (let i = 0; i < KEYS; i++) client.send(protocol.encodeSet(keyName(i), this.value(i)));
      for (let i = 0; i < KEYS; i++) this.expectReply(await client.readUntil(protocol.setReplyEnd), [protocol.stored]);
    }
    for (let i = 0; i < KEYS; i++) client.send(protocol.encodeGet(keyName(i)));
    for (let i = 0; i < KEYS; i++) {
      const right = protocol.encodeValue(keyName(i), this.value(i));
      const reply = await client.readUntil(protocol.getReplyEnd);
      this.expectReply(reply, [right, protocol.miss]);
      if (reply.toString('latin1') === protocol.miss) this.misses++;
    }
  }

  private value(index: number): string {
    return `${keyName(index)} version ${this.version} `.padEnd(VALUE_BYTES, 'abcdefg');
  }

  private expectReply(reply: Buffer, right: readonly string[]): void {
    const text = reply.toString('latin1');
    if (right.includes(text)) return;
    throw new Fault(`another client of the worker read ${quoted(text)}, not ${quoted(right[0]!)}`);
  }
}

function keyName(index: number): string {
  return `canary:${index}`;
}
