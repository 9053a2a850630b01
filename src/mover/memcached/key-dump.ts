import type { PoolConfig } from '../../config/config.ts';
import type { Reached } from '../key-owners.ts';
import { MoveTrouble } from '../protocol-mover.ts';
import { MemcachedConnection } from './memcached-connection.ts';

export interface DumpedKey {
  readonly key: Buffer;
  /** With all that the server needs for it. */
  readonly bytes: number;
}

/** What keeps a server from listing its keys, by its `stats settings`, and what would help; null: nothing. */
export function whyUnlisted(settings: ReadonlyMap<string, string>): string | null {
  if (settings.get('dump_enabled') === 'no') return 'lists no keys (-X)';
  if (settings.get('lru_crawler') !== 'no') return null;
  return 'has no crawler (no_lru_crawler), which finds the keys; `lru_crawler enable` starts it';
}

const LINE = /^key=(\S+) .*?\bsize=(\d+)/;
const BUSY = 'BUSY';
const END = 'END';
/** The crawler does one thing at a time. */
const BUSY_PAUSE_MS = 500;
const BUSY_TRIES = 20;
const SILENCE_MS = 60_000;

/**
 * Keys of a server as its crawler finds them (`lru_crawler metadump`, memcached 1.4.31 and newer), on a connection of its own.
 * Items that change their place meanwhile may be missed. The dump is cut off when whoever reads it has enough.
 */
export async function* dumpedKeys(pool: PoolConfig, server: Reached): AsyncGenerator<DumpedKey> {
  for (let attempt = 1; ; attempt++) {
    const connection = await MemcachedConnection.open(pool, server, SILENCE_MS);
    try {
      const first = yield* lines(connection);
      if (first === END) return;
      if (first !== BUSY || attempt === BUSY_TRIES)
        throw new MoveTrouble(`${connection.server}: ${first} for its keys`);
    } finally {
      connection.close();
    }
    await new Promise(resolve => setTimeout(resolve, BUSY_PAUSE_MS));
  }
}

/** Returns how it ended: END, BUSY, or what the server says instead. */
async function* lines(connection: MemcachedConnection): AsyncGenerator<DumpedKey, string> {
  const { socket } = connection;
  socket.removeAllListeners('data');
  socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error('silent')));
  socket.write('lru_crawler metadump all\r\n');
  let rest = '';
  try {
    for await (const bytes of socket.iterator({ destroyOnReturn: false })) {
      const all = (rest + (bytes as Buffer).toString('latin1')).split('\n');
      rest = all.pop()!;
      for (const line of all) {
        const match = LINE.exec(line);
        if (match !== null) yield { key: Buffer.from(unquoted(match[1]!), 'latin1'), bytes: Number(match[2]) };
        else return line.startsWith(BUSY) ? BUSY : line.trim();
      }
    }
  } catch (error) {
    throw new MoveTrouble(`${connection.server}: ${(error as Error).message}`);
  }
  return 'nothing';
}

/** Bytes that are no plain characters come as %XX. */
function unquoted(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
