import { type ClientPage, type ClientRow, type ClientSearch, sortValue } from '../../figures/client-row.ts';
import type { ListedClient } from './client-roll.ts';

interface Found {
  readonly pool: string;
  readonly client: ListedClient;
  readonly value: number;
}

/**
 * The clients of a worker that are looked for. Tens of thousands are sorted as plain numbers, and only those that are told get
 * a row: clients wait for it, some milliseconds for 10,000.
 */
export function searchClients(
  clients: ReadonlyMap<string, readonly ListedClient[]>,
  search: ClientSearch,
  worker: number,
): ClientPage {
  const found: Found[] = [];
  for (const [pool, ofPool] of clients) {
    if (search.pool !== null && search.pool !== pool) continue;
    for (const client of ofPool) {
      if (covers(search, client)) found.push({ pool, client, value: sortValue(client.figures(), search.sort) });
    }
  }
  const rows = first(found, search.limit).map(({ pool, client }) => rowOf(pool, client, worker));
  if (search.isCut) for (const { client } of found) client.kill(false);
  return { rows, total: found.length };
}

function covers({ id, address, name, user, database }: ClientSearch, { session, address: own }: ListedClient): boolean {
  if (id !== null && session.id !== id) return false;
  if (database !== null && session.database !== database) return false;
  if (user !== null && session.user !== user) return false;
  if (name !== null && !session.name.includes(name)) return false;
  return address === null || own.includes(address);
}

/** Those of the largest values; of equals the smallest numbers. */
function first(found: readonly Found[], limit: number): readonly Found[] {
  if (found.length <= limit) return found;
  if (limit === 0) return [];
  const least = Float64Array.from(found, ({ value }) => value).sort()[found.length - limit]!;
  const above = found.filter(({ value }) => value > least);
  const equal = found.filter(({ value }) => value === least);
  const last = Float64Array.from(equal, ({ client }) => client.session.id).sort()[limit - above.length - 1]!;
  return [...above, ...equal.filter(({ client }) => client.session.id <= last)];
}

function rowOf(pool: string, client: ListedClient, worker: number): ClientRow {
  const { session, address } = client;
  const { command, isBlocked, memoryBytes } = client.state();
  const { id, name, user, database } = session;
  return { id, pool, worker, address, name, user, database, ...client.figures(), memoryBytes, command, isBlocked };
}
