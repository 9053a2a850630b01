// A client that goes through all keys again and again: those that were there when it began, and are never deleted, must be found.
import { setTimeout as delay } from 'node:timers/promises';
import { RawClient } from '../raw-client.ts';
import { RespError, type RespValue } from '../resp-reader.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { HistoryRecorder } from './recorder.ts';

export interface ScanClientOptions {
  readonly name: string;
  readonly ports: readonly number[];
  readonly random: SeededRandom;
  readonly recorder: HistoryRecorder;
  /** See `ReshardFleet.restarts`: a server that was started anew knows nothing of the cursors it gave. */
  readonly restarts: () => number;
}

const AGAIN_MS = 20;
const PAGE_KEYS = '20';
/** What a cursor is told whose server has left the ring. */
const INVALID_CURSOR = /invalid cursor/;

export class ScanClient {
  readonly problems: string[] = [];
  /** Whole ones. */
  scans = 0;
  private readonly options: ScanClientOptions;
  private isStopped = false;

  constructor(options: ScanClientOptions) {
    this.options = options;
  }

  async run(): Promise<void> {
    const { random, ports, recorder } = this.options;
    while (!this.isStopped) {
      const client = await RawClient.connect(random.pick(ports), { timeoutMs: 30_000 }).catch(() => null);
      if (client === null) {
        recorder.error('no connection');
        await delay(AGAIN_MS);
        continue;
      }
      try {
        while (!this.isStopped) await this.scan(client);
      } catch {
        recorder.error('connection closed');
      }
      client.destroy();
    }
  }

  stop(): void {
    this.isStopped = true;
  }

  /** Rejects when the connection is lost. */
  private async scan(client: RawClient): Promise<void> {
    const { recorder, name, restarts } = this.options;
    const restartsBefore = restarts();
    const wanted = recorder.lastingKeys();
    const found = new Set<string>();
    for (let cursor = '0'; !this.isStopped; ) {
      const reply: RespValue = await client.command('SCAN', cursor, 'COUNT', PAGE_KEYS);
      if (reply instanceof RespError) {
        if (INVALID_CURSOR.test(reply.text)) return;
        // The same cursor may be tried again.
        recorder.error(reply.text);
        await delay(AGAIN_MS);
        continue;
      }
      recorder.operations++;
      const [next, keys] = reply as [Buffer, Buffer[]];
      for (const key of keys) found.add(key.toString('latin1'));
      cursor = next.toString();
      if (cursor !== '0') continue;
      if (restartsBefore % 2 === 1 || restarts() !== restartsBefore) return;
      this.scans++;
      const missed = wanted.filter(key => !found.has(key));
      if (missed.length > 0) this.problems.push(`${name} has passed over ${missed.length} keys: ${missed.join(', ')}`);
      return;
    }
  }
}
