// A client that stays: it counts a key of its own up, and by what it reads knows of every request whether it was done, and how often.
import { setTimeout as delay } from 'node:timers/promises';
import { RawClient } from '../support/raw-client.ts';

export class CountingClient {
  answered = 0;
  /** How often it was let go between two requests, so that it had to connect again. */
  letGo = 0;
  /** Of those, how often a request had been sent by then: it was not done, and was asked again. */
  crossed = 0;
  /** Whether it has been answered on the connection it has. */
  isServed = false;
  private readonly port: number;
  private readonly key: string;
  private readonly everyMs: number;
  private readonly fail: (what: string) => void;
  private count = 0;
  private isOver = false;

  /** Asks again up to `everyMs` after each answer. */
  constructor(port: number, number: number, everyMs: number, fail: (what: string) => void) {
    this.port = port;
    this.key = `count:${number}`;
    this.everyMs = everyMs;
    this.fail = fail;
  }

  /** Resolves after `stop`, its connection closed. */
  async run(): Promise<void> {
    while (!this.isOver) {
      const client = await RawClient.connect(this.port).catch((error: Error) => {
        this.fail(`a client that stays can't connect: ${error.message}`);
        return null;
      });
      if (client === null) return;
      await this.ask(client);
      client.destroy();
    }
  }

  stop(): void {
    this.isOver = true;
  }

  private async ask(client: RawClient): Promise<void> {
    let isEnded = false;
    client.socket.once('end', () => {
      isEnded = true;
      this.isServed = false;
    });
    while (!this.isOver) {
      if (isEnded || client.error !== null) break;
      const reply = await client.command('INCR', this.key).catch((error: Error) => error);
      if (reply === this.count + 1) {
        this.count++;
        this.answered++;
        this.isServed = true;
        await delay(Math.random() * this.everyMs);
        continue;
      }
      // What it was asked while it closed is not done: the next answer would be one too high.
      const isCrossed = reply instanceof Error && /had sent 0 bytes/.test(reply.message) && client.error === null;
      if (isCrossed) this.crossed++;
      else this.fail(`INCR after ${this.count} got ${reply instanceof Error ? reply.message : String(reply)}`);
      if (typeof reply === 'number') this.count = reply;
      break;
    }
    if (client.error !== null) this.fail(`a client that stays was cut off: ${client.error.message}`);
    this.isServed = false;
    if (!this.isOver) this.letGo++;
  }
}
