// Clients of a soak that mean harm: they send what is too long, what is no protocol, or more than they ever read; or they ask
// servers that mean harm. Nobody checks what they are told; the others must not notice them.
import { setTimeout as delay } from 'node:timers/promises';
import { RawClient } from '../support/raw-client.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { SoakPlaces } from './soak-config.ts';

const LONG_BYTES = 2 << 20;
/** What one of them asks without reading: more than the kernel holds of it, and less than `client_output_limit`. */
const UNREAD_GETS = 20_000;
const STAY_MS = 400;

export class SoakHostiles {
  private readonly random: SeededRandom;
  private readonly places: SoakPlaces;
  private isStopped = false;

  constructor(random: SeededRandom, places: SoakPlaces) {
    this.random = random;
    this.places = places;
  }

  /** One after the other until `stop`. */
  async run(): Promise<void> {
    while (!this.isStopped) {
      await delay(this.random.between(50, 400));
      await this.attack();
    }
  }

  stop(): void {
    this.isStopped = true;
  }

  private async attack(): Promise<void> {
    const { random, places } = this;
    const protocol = random.pick(['redis', 'memcached'] as const);
    const asksHostiles = random.chance(0.6);
    const port = asksHostiles ? places.hostile[protocol].listen : places.pools[protocol];
    const client = await RawClient.connect(port).catch(() => null);
    if (client === null) return;
    client.socket.on('error', () => {});
    if (!asksHostiles || random.chance(0.3)) client.pause();
    client.send(random.pick((asksHostiles ? HOSTILE_QUESTIONS : ATTACKS)[protocol])(random));
    await delay(random.between(0, STAY_MS));
    client.destroy();
  }
}

const long = Buffer.alloc(LONG_BYTES, '*[aaa');

type Attack = (random: SeededRandom) => Buffer;

const REDIS_ATTACKS: readonly Attack[] = [
  () => encodeCommand('CLIENT', 'SETNAME', long),
  () => encodeCommand('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', long),
  () => encodeCommand('COMMAND', 'INFO', ...Array<string>(50_000).fill('get')),
  () => encodeCommand('GET', long),
  random => random.bytes(random.between(1, 5000)),
  () => Buffer.from('*2147483647\r\n'),
  () => Buffer.concat(Array<Buffer>(UNREAD_GETS).fill(encodeCommand('ECHO', 'x'.repeat(100)))),
];

const MEMCACHED_ATTACKS: readonly Attack[] = [
  () => Buffer.concat([Buffer.from('get '), long, Buffer.from('\r\n')]),
  () => long,
  random => random.bytes(random.between(1, 5000)),
  () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\nset hostile 0 0 1\r\nx\r\n'),
  () => Buffer.from('set hostile 0 0 2147483647\r\nx'),
  () => Buffer.from('version\r\n'.repeat(UNREAD_GETS)),
];

const ATTACKS: Readonly<Record<'redis' | 'memcached', readonly Attack[]>> = {
  redis: REDIS_ATTACKS,
  memcached: MEMCACHED_ATTACKS,
};

const keys = (count: number) => Array.from({ length: count }, (_, i) => `key:${i}`);
const times = (count: number, of: (i: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => of(i)));

/** What servers that mean harm are asked: little and much, what is split, merged, and a connection of its own. */
const HOSTILE_QUESTIONS: Readonly<Record<'redis' | 'memcached', readonly Attack[]>> = {
  redis: [
    () => times(50, i => encodeCommand('GET', `key:${i}`)),
    () => times(50, i => encodeCommand('SET', `key:${i}`, 'x'.repeat(1000))),
    () => encodeCommand('MGET', ...keys(500)),
    () => encodeCommand('DBSIZE'),
    () => encodeCommand('KEYS', '*'),
    () => encodeCommand('SCAN', '0'),
    () => encodeCommand('INFO'),
    () => encodeCommand('BLPOP', 'key:1', '1'),
    () => encodeCommand('SUBSCRIBE', ...keys(20)),
    () => Buffer.concat([encodeCommand('MULTI'), encodeCommand('INCR', 'key:2'), encodeCommand('EXEC')]),
    () => Buffer.concat([encodeCommand('WATCH', 'key:3'), encodeCommand('GET', 'key:3')]),
    // Far more than its client_output_limit, and it reads nothing.
    () => times(UNREAD_GETS, () => encodeCommand('ECHO', 'x'.repeat(100))),
  ],
  memcached: [
    () => times(50, i => Buffer.from(`get key:${i}\r\n`)),
    () => times(50, i => Buffer.from(`set key:${i} 0 0 3\r\nabc\r\n`)),
    () => Buffer.from(`get ${keys(500).join(' ')}\r\n`),
    () => Buffer.from('stats\r\n'),
    () => Buffer.from('flush_all\r\n'),
    () => Buffer.from('mg key:1 v t f\r\nmn\r\n'),
    () => Buffer.from('version\r\n'.repeat(UNREAD_GETS)),
  ],
};
