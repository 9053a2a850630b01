import { type ApiRoute, pageRange, refused } from '../../admin/api.ts';
import { CLIENT_SORTS, type ClientSearch, type ClientSort, sortClients } from '../../figures/client-row.ts';
import { SettingError } from '../../settings/setting-error.ts';
import type { Log } from '../../system/log.ts';
import { failure } from '../control.ts';
import { IncompleteError } from '../errors.ts';
import type { ClientInquiries } from './client-inquiries.ts';

/** Each worker tells of so many at most: further down a list, the filter is of more use. */
const DEPTH_MAX = 5000;

const ALL = { id: null, pool: null, address: null, name: null, user: null, database: null } as const;

/** The clients of all workers: a list, and a way to cut one off. */
export function clientRoutes(log: Log, inquiries: ClientInquiries, isPool: (name: string) => boolean): ApiRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/clients',
      handle: async ({ query }) => {
        const range = pageRange(query);
        if ('status' in range) return range;
        const { count, offset } = range;
        if (offset + count > DEPTH_MAX) {
          return refused(400, `offset and count reach ${DEPTH_MAX} clients at most: filter by pool, address, name, …`);
        }
        const pool = query.get('pool');
        if (pool !== null && !isPool(pool)) return refused(404, `there is no pool ${pool}`);
        try {
          const search = readSearch(query, offset + count);
          const { pages, isWhole } = await inquiries.search(search);
          const rows = sortClients(
            pages.flatMap(page => page.rows),
            search.sort,
          );
          const total = pages.reduce((sum, page) => sum + page.total, 0);
          return { status: 200, body: { total, offset, isWhole, clients: rows.slice(offset, offset + count) } };
        } catch (error) {
          return failure(error as Error, log);
        }
      },
    },
    {
      method: 'DELETE',
      path: '/api/v1/clients/{id}',
      handle: async ({ params, by }) => {
        const id = Number(params.id);
        if (!Number.isSafeInteger(id) || id < 1) return refused(400, 'a client is named by its number');
        const { pages, isWhole } = await inquiries.search({ ...ALL, id, sort: 'age', limit: 1, isCut: true });
        const [client] = pages.flatMap(({ rows }) => rows);
        if (client !== undefined) {
          const { pool, address, name, worker } = client;
          log.warn({ pool, client: address, name, id, slot: worker, by }, 'client cut off by hand');
          return { status: 200, body: { result: 'cut', client } };
        }
        if (isWhole) return refused(404, `there is no client ${id}`);
        return failure(new IncompleteError('not all workers have answered in time'), log);
      },
    },
  ];
}

/** Throws a SettingError. */
function readSearch(query: URLSearchParams, limit: number): ClientSearch {
  const sort = query.get('sort') ?? 'requests';
  if (!CLIENT_SORTS.includes(sort as ClientSort)) {
    throw new SettingError(`sort must be one of ${CLIENT_SORTS.join(', ')}`);
  }
  const database = query.get('database');
  if (database !== null && !/^\d{1,9}$/.test(database))
    throw new SettingError('database must be a whole number from 0 on');
  return {
    ...ALL,
    pool: query.get('pool'),
    address: query.get('address'),
    name: query.get('name'),
    user: query.get('user'),
    database: database === null ? null : Number(database),
    sort: sort as ClientSort,
    limit,
    isCut: false,
  };
}
