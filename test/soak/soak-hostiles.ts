// Clients of a soak that mean harm: they send what is too long, what is no protocol, or more than they ever read. Nobody
// checks what they are told; the others must not notice them.
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
    const isRedis = random.chance(0.5);
    const port = isRedis ? places.pools.redis : places.pools.memcached;
    const client = await RawClient.connect(port).catch(() => null);
    if (client === null) return;
    client.socket.on('error', () => {});
    client.pause();
    client.send(random.pick(isRedis ? REDIS_ATTACKS : MEMCACHED_ATTACKS)(random));
    await delay(random.between(0, STAY_MS));
    client.destroy();
  }
}

const long = Buffer.alloc(LONG_BYTES, '*[aaa');

const REDIS_ATTACKS: readonly ((random: SeededRandom) => Buffer)[] = [
  () => encodeCommand('CLIENT', 'SETNAME', long),
  () => encodeCommand('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', long),
  () => encodeCommand('COMMAND', 'INFO', ...Array<string>(50_000).fill('get')),
  () => encodeCommand('GET', long),
  random => random.bytes(random.between(1, 5000)),
  () => Buffer.from('*2147483647\r\n'),
  () => Buffer.concat(Array<Buffer>(UNREAD_GETS).fill(encodeCommand('ECHO', 'x'.repeat(100)))),
];

const MEMCACHED_ATTACKS: readonly ((random: SeededRandom) => Buffer)[] = [
  () => Buffer.concat([Buffer.from('get '), long, Buffer.from('\r\n')]),
  () => long,
  random => random.bytes(random.between(1, 5000)),
  () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\nset hostile 0 0 1\r\nx\r\n'),
  () => Buffer.from('set hostile 0 0 2147483647\r\nx'),
  () => Buffer.from('version\r\n'.repeat(UNREAD_GETS)),
];
