// A client that does random things to shared keys, one batch after the other, and records what it asked and saw.
import { setTimeout as delay } from 'node:timers/promises';
import { RawClient } from '../raw-client.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { HistoryRecorder } from './recorder.ts';

/** One request. */
export interface HistoryRequest {
  readonly bytes: Buffer;
  /** Where its answer ends, or -1. */
  end(arrived: Buffer): number;
  /**
   * Records what came. Returns the text of an error, or null. Throws when the answer cannot be one to this request.
   * `returnedAt` of ms since the start of the process.
   */
  answered(reply: Buffer, invokedAt: number, returnedAt: number): string | null;
  /** Records that nobody knows whether it was done. */
  lost(invokedAt: number): void;
}

/** The words of a protocol: draws a request. */
export type DrawRequest = (random: SeededRandom, recorder: HistoryRecorder, by: string) => HistoryRequest;

export interface HistoryClientOptions {
  readonly name: string;
  /** Ports that it may connect to; a new one is drawn with each connection. */
  readonly ports: readonly number[];
  readonly draw: DrawRequest;
  readonly random: SeededRandom;
  readonly recorder: HistoryRecorder;
  /** Requests on their way at once. */
  readonly depth: number;
  /** Longer than any wait that may be. */
  readonly timeoutMs?: number;
}

const BATCHES_PER_CONNECTION = 200;
const RECONNECT_MS = 20;

export class HistoryClient {
  /** What can't be: answers that are none. */
  readonly problems: string[] = [];
  private readonly options: HistoryClientOptions;
  private isStopped = false;

  constructor(options: HistoryClientOptions) {
    this.options = options;
  }

  /** Works until `stop`. */
  async run(): Promise<void> {
    const { random, ports, recorder, timeoutMs = 30_000 } = this.options;
    while (!this.isStopped) {
      const client = await RawClient.connect(random.pick(ports), { timeoutMs }).catch(() => null);
      if (client === null) {
        recorder.error('no connection');
        await delay(RECONNECT_MS);
        continue;
      }
      let batches = random.between(1, BATCHES_PER_CONNECTION);
      while (!this.isStopped && batches-- > 0 && (await this.batch(client))) {}
      client.destroy();
    }
  }

  stop(): void {
    this.isStopped = true;
  }

  /** Returns whether the connection is there yet. */
  private async batch(client: RawClient): Promise<boolean> {
    const { random, recorder, draw, name, depth } = this.options;
    const requests = Array.from({ length: random.between(1, depth) }, () => draw(random, recorder, name));
    const invokedAt = performance.now();
    client.send(Buffer.concat(requests.map(({ bytes }) => bytes)));
    for (const [i, request] of requests.entries()) {
      let reply: Buffer;
      try {
        reply = await client.readUntil(arrived => request.end(arrived));
      } catch (error) {
        recorder.error(/ended/.test((error as Error).message) ? 'connection closed' : (error as Error).message);
        for (const each of requests.slice(i)) each.lost(invokedAt);
        return false;
      }
      const returnedAt = performance.now();
      recorder.operations++;
      try {
        const error = request.answered(reply, invokedAt, returnedAt);
        if (error !== null) {
          recorder.error(error);
          request.lost(invokedAt);
        }
      } catch (error) {
        this.problems.push(`${name}: ${(error as Error).message} to ${request.bytes.toString('latin1')}`);
        return false;
      }
    }
    return true;
  }
}
