import { KeyOwners } from '../key-owners.ts';
import type { Placements } from '../mover-job.ts';
import type { ServerWatch } from '../protocol-mover.ts';
import { openAll } from '../server-connections.ts';
import { MOVER_NAME, RedisConnection } from './redis-connection.ts';

/** Looks that find nothing, in a row: what came to a server that was stopped is read in the same turn as the first look. */
const QUIET_LOOKS = 2;
const LOOKS = 100;

/** Ends the connections of movers, and those of servers that bring keys with RESTORE, until there are none. */
export async function watchRedis({ from, to }: Placements, withinMs: number): Promise<ServerWatch> {
  const { servers } = new KeyOwners(from, to);
  return openAll(
    servers,
    server => RedisConnection.open(from, server, withinMs),
    untilQuiet,
    connection => connection.need('PING'),
  );
}

async function untilQuiet(connection: RedisConnection): Promise<void> {
  const own = String(await connection.need('CLIENT', 'ID'));
  let quiet = 0;
  for (let look = 0; quiet < QUIET_LOOKS && look < LOOKS; look++) {
    const list = String(await connection.need('CLIENT', 'LIST'));
    const ids = list.split('\n').flatMap(line => suspect(line, own) ?? []);
    quiet = ids.length === 0 ? quiet + 1 : 0;
    // Who has gone meanwhile is as good as ended.
    for (const id of ids) await connection.ask('CLIENT', 'KILL', 'ID', id);
  }
}

/** The number of a connection that may have something to do for a move; null: it is another's. */
function suspect(line: string, own: string): string | null {
  const id = /^id=(\d+)/.exec(line)?.[1];
  if (id === undefined || id === own) return null;
  return line.includes(` name=${MOVER_NAME} `) || / cmd=restore(?:-asking)? /.test(line) ? id : null;
}
