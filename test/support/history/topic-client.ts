// Publishes to channels that it has subscribed to itself, on another connection, and waits for each message: it comes, and once. One
// that a dying server takes with it shows as an error.
import { setTimeout as delay } from 'node:timers/promises';
import { RawClient } from '../raw-client.ts';
import { parseReply, RespError, type RespValue, replyEnd } from '../resp-reader.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { HistoryRecorder } from './recorder.ts';

export interface TopicClientOptions {
  readonly name: string;
  readonly ports: readonly number[];
  readonly random: SeededRandom;
  readonly recorder: HistoryRecorder;
}

const CHANNELS = 8;
const ROUNDS_PER_CONNECTION = 60;
const ARRIVES_WITHIN_MS = 30_000;

export class TopicClient {
  readonly problems: string[] = [];
  private readonly options: TopicClientOptions;
  private isStopped = false;

  constructor(options: TopicClientOptions) {
    this.options = options;
  }

  async run(): Promise<void> {
    while (!this.isStopped) {
      await this.session().catch(() => this.options.recorder.error('connection closed'));
      await delay(1);
    }
  }

  stop(): void {
    this.isStopped = true;
  }

  /** Rejects when a connection is lost. */
  private async session(): Promise<void> {
    const { random, ports, recorder, name } = this.options;
    const [publisher, subscriber] = await Promise.all(
      [0, 1].map(() => RawClient.connect(random.pick(ports), { timeoutMs: ARRIVES_WITHIN_MS })),
    );
    try {
      const channels = Array.from({ length: CHANNELS }, (_, i) => `${name}:${i}`);
      subscriber!.send(channels.map(channel => `SUBSCRIBE ${channel}\r\n`).join(''));
      for (const _ of channels) await next(subscriber!);
      const heard = new Set<string>();
      for (let round = 0; round < ROUNDS_PER_CONNECTION && !this.isStopped; round++) {
        const [channel, message] = [random.pick(channels), recorder.newValue()];
        const reply = await publisher!.command('PUBLISH', channel, message);
        if (reply instanceof RespError) {
          recorder.error(reply.text);
          // Nobody knows whether it was.
          return;
        }
        recorder.operations++;
        await this.untilHeard(subscriber!, channel, message, heard);
      }
    } finally {
      publisher!.destroy();
      subscriber!.destroy();
    }
  }

  private async untilHeard(client: RawClient, channel: string, message: string, heard: Set<string>): Promise<void> {
    for (;;) {
      const [kind, on, text] = ((await next(client)) as Buffer[]).map(String);
      if (kind !== 'message') throw new Error(`${kind} is no message`);
      if (heard.has(text!)) this.problems.push(`${this.options.name} has heard ${text} twice`);
      heard.add(text!);
      if (on === channel && text === message) return;
    }
  }
}

async function next(client: RawClient): Promise<RespValue> {
  return parseReply(await client.readUntil(arrived => (arrived.length === 0 ? -1 : replyEnd(arrived))));
}
