import { readFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { RawClient } from '../../test/support/raw-client.ts';

/** What the keys of a data set hold; each of `keys` keys the same number of bytes. */
export interface DataSet {
  readonly protocol: 'redis' | 'memcached';
  readonly valueBytes: number;
  readonly keys: number;
}

/** What redis-benchmark replaces with a random number of twelve digits. */
export const RANDOM_NUMBER = '__rand_int__';
const NUMBER_DIGITS = 12;
const BATCH_BYTES = 256 * 1024;

export const SMALL: DataSet = { protocol: 'redis', valueBytes: 100, keys: 10_000 };
export const MEMCACHED_SMALL: DataSet = { protocol: 'memcached', valueBytes: 100, keys: 10_000 };
export const KB_10: DataSet = { protocol: 'redis', valueBytes: 10 * 1024, keys: 1000 };
export const KB_100: DataSet = { protocol: 'redis', valueBytes: 100 * 1024, keys: 200 };
export const MB_1: DataSet = { protocol: 'redis', valueBytes: 1024 * 1024, keys: 32 };

/** The key of a data set with that number. */
export function keyOf({ valueBytes }: DataSet, number: number): string {
  return `value-${valueBytes}:${String(number).padStart(NUMBER_DIGITS, '0')}`;
}

/** The key as redis-benchmark takes it. */
export function randomKeyOf({ valueBytes }: DataSet): string {
  return `value-${valueBytes}:${RANDOM_NUMBER}`;
}

export function fixedValue({ valueBytes }: DataSet): Buffer {
  return Buffer.alloc(valueBytes, 'v');
}

export function storeRequest(set: DataSet, number: number): Buffer {
  const key = keyOf(set, number);
  const head =
    set.protocol === 'redis'
      ? `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${set.valueBytes}\r\n`
      : `set ${key} 0 0 ${set.valueBytes}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), fixedValue(set), CRLF]);
}

/** A request for several keys; in Redis GET for one, MGET for more. */
export function fetchRequest(set: DataSet, numbers: readonly number[]): Buffer {
  const keys = numbers.map(number => keyOf(set, number));
  if (set.protocol === 'memcached') return Buffer.from(`get ${keys.join(' ')}\r\n`, 'latin1');
  const words = [keys.length === 1 ? 'GET' : 'MGET', ...keys];
  return Buffer.from(`*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1');
}

/** The reply to `storeRequest`. */
export function storeReply({ protocol }: DataSet): Buffer {
  return Buffer.from(protocol === 'redis' ? '+OK\r\n' : 'STORED\r\n', 'latin1');
}

/** The reply to `fetchRequest` when every key is there. */
export function fetchReply(set: DataSet, numbers: readonly number[]): Buffer {
  const value = fixedValue(set).toString('latin1');
  if (set.protocol === 'memcached') {
    const blocks = numbers.map(number => `VALUE ${keyOf(set, number)} 0 ${set.valueBytes}\r\n${value}\r\n`);
    return Buffer.from(`${blocks.join('')}END\r\n`, 'latin1');
  }
  const bulks = numbers.map(() => `$${set.valueBytes}\r\n${value}\r\n`).join('');
  return Buffer.from(numbers.length === 1 ? bulks : `*${numbers.length}\r\n${bulks}`, 'latin1');
}

/** Stores every key of the set. */
export async function fill(port: number, set: DataSet): Promise<void> {
  const client = await RawClient.connect(port, { timeoutMs: 60_000 });
  const reply = storeReply(set);
  try {
    for (let next = 0; next < set.keys; ) {
      const requests: Buffer[] = [];
      for (let bytes = 0; next < set.keys && bytes < BATCH_BYTES; next++) {
        const request = storeRequest(set, next);
        requests.push(request);
        bytes += request.length;
      }
      client.send(Buffer.concat(requests));
      const answer = await client.readUntil(reply.length * requests.length);
      if (!answer.subarray(-reply.length).equals(reply))
        throw new Error(`a SET was answered ${answer.toString('latin1')}`);
    }
  } finally {
    client.destroy();
  }
}

/**
 * Asks for two keys, so that no round measures how fast a proxy answers with errors. Rejects when it does. `ca`: in TLS, with a
 * certificate that this one has signed.
 */
export async function verify(port: number, set: DataSet, ca: string | null = null): Promise<void> {
  const options = { timeoutMs: 10_000 };
  const client =
    ca === null
      ? await RawClient.connect(port, options)
      : new RawClient(connectTls({ port, host: '127.0.0.1', ca: readFileSync(ca) }), options);
  try {
    for (const number of [0, set.keys - 1]) {
      const want = fetchReply(set, [number]);
      client.send(fetchRequest(set, [number]));
      const got = await client.readUntil(want.length);
      if (!got.equals(want)) throw new Error(`${keyOf(set, number)} is answered ${got.toString('latin1', 0, 80)}`);
    }
  } finally {
    client.destroy();
  }
}

const CRLF = Buffer.from('\r\n');
