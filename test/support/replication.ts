// What replicas of real servers have of their primaries.
import type { RedisServer } from './redis-server.ts';
import { waitFor } from './wait-for.ts';

const TIMEOUT_MS = 30_000;

/**
 * Resolves once so many replicas of each have what it has now. (WAIT would not do: it counts from the writes of its own connection.
 * Nor would both offsets of one moment: replicas tell theirs once a second, and a primary writes a PING to them as often.)
 */
export async function untilCopied(servers: readonly RedisServer[], replicas: number): Promise<void> {
  await Promise.all(servers.map(server => untilAllCopied(server, replicas)));
}

async function untilAllCopied(server: RedisServer, replicas: number): Promise<void> {
  const info = async () => String(await server.command('INFO', 'replication'));
  const written = Number(/master_repl_offset:(\d+)/.exec(await info())?.[1]);
  let last = '';
  const isCopied = async () => {
    last = await info();
    const offsets = [...last.matchAll(/state=online,offset=(\d+)/g)].map(([, offset]) => Number(offset));
    return offsets.length >= replicas && offsets.every(offset => offset >= written);
  };
  const what = `${replicas} copies of what ${server.port} has up to ${written}`;
  await waitFor(isCopied, { what, timeoutMs: TIMEOUT_MS, everyMs: 20 }).catch(error => {
    throw new Error(`${error.message}; it says:\n${last}`);
  });
}

/** Resolves once it is a replica of `primary` and has all that there was when it began to follow. */
export async function untilFollows(replica: RedisServer, primary: RedisServer): Promise<void> {
  let last = '';
  const follows = async () => {
    last = String(await replica.command('INFO', 'replication').catch(String));
    return last.includes(`master_port:${primary.port}\r\n`) && last.includes('master_link_status:up\r\n');
  };
  const what = `${replica.port} to follow ${primary.port}`;
  await waitFor(follows, { what, timeoutMs: TIMEOUT_MS, everyMs: 20 }).catch(error => {
    throw new Error(`${error.message}; it says:\n${last}`);
  });
}
