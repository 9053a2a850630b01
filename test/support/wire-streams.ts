// Random command streams for comparing nutcracker, Ringmaster and a server by itself: what a stream is made of, and how it
// is written to a socket. redis-streams.ts and memcached-streams.ts make them.
import { setImmediate } from 'node:timers/promises';
import type { RawClient } from './raw-client.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface WireCommand {
  readonly bytes: Buffer;
  /** Lower case. */
  readonly name: string;
  /**
   * nutcracker is known to answer it, so it may stand in a pipeline. It closes the connection at what it does not know
   * and takes the replies of the requests before with it, so all else is sent alone.
   */
  readonly isPlain: boolean;
  /** Not for the server by itself: it would leave its state or its protocol. */
  readonly isForProxiesOnly: boolean;
}

/** Writes `bytes` in random pieces, most of them in turns of the event loop of their own. */
export async function sendInPieces(client: RawClient, bytes: Buffer, random: SeededRandom): Promise<void> {
  const longest = random.pick([7, 100, 3000, 40_000]);
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + random.between(1, longest));
    client.send(bytes.subarray(at, end));
    at = end;
    if (random.chance(0.7)) await setImmediate();
  }
}

/** A value: empty, a number, text, any bytes, now and then more than nutcracker's 16 KiB chunks hold. */
export function randomValue(random: SeededRandom): Buffer {
  switch (random.between(0, 9)) {
    case 0:
      return Buffer.alloc(0);
    case 1:
    case 2:
    case 3:
      return Buffer.from(String(random.between(-20, 1000)));
    case 4:
      return Buffer.from(random.pick(['3.5', '1e3', '-0.25', 'nan', '9223372036854775807', '-1', '007', '+1']));
    case 5:
      return Buffer.from('a\r\n$3\r\nb\r\nEND\r\n');
    case 6:
      return random.chance(0.3) ? Buffer.alloc(random.between(15_000, 40_000), 'v') : Buffer.from('long');
    case 7:
      return random.bytes(random.between(1, 120));
    default:
      return Buffer.from(random.pick(['a', 'b', 'c', 'foobar', 'hello world']));
  }
}
