import { MOVER_NAME, type RedisConnection } from './redis-connection.ts';

/** What a server says of itself. */
export interface ServerFacts {
  readonly version: string;
  /** Of the process: two addresses of one server have the same. */
  readonly runId: string;
  readonly role: string;
  readonly usedBytes: number;
  /** 0: no limit. */
  readonly maxBytes: number;
  readonly policy: string;
  /** It is a node of a Redis Cluster. */
  readonly isCluster: boolean;
  /** Keys of each of `databases`. */
  readonly keys: readonly number[];
  /** Hosts of its clients, once for each connection. */
  readonly hosts: readonly string[];
  /** How many databases beside these have keys. */
  readonly others: number;
}

export async function factsOf(connection: RedisConnection, databases: readonly number[]): Promise<ServerFacts> {
  const info = String(await connection.need('INFO'));
  const fields = new Map(
    info.split('\r\n').flatMap(line => {
      const colon = line.indexOf(':');
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );
  const keysIn = (database: number) => Number(/keys=(\d+)/.exec(fields.get(`db${database}`) ?? '')?.[1] ?? 0);
  const used = [...fields.keys()].flatMap(name => /^db(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  return {
    version: fields.get('redis_version') ?? 'unknown',
    runId: fields.get('run_id') ?? '',
    role: fields.get('role') ?? 'unknown',
    usedBytes: Number(fields.get('used_memory') ?? 0),
    maxBytes: Number(fields.get('maxmemory') ?? 0),
    policy: fields.get('maxmemory_policy') ?? 'noeviction',
    isCluster: fields.get('cluster_enabled') === '1',
    keys: databases.map(keysIn),
    hosts: await hostsOf(connection),
    others: used.filter(database => !databases.includes(database)).length,
  };
}

/** Without our own; of a unix socket its path. */
async function hostsOf(connection: RedisConnection): Promise<string[]> {
  // Who may not list them may still move keys.
  const list = await connection.ask('CLIENT', 'LIST');
  if (!Buffer.isBuffer(list)) return [];
  return list
    .toString()
    .split('\n')
    .filter(line => line !== '' && !line.includes(` name=${MOVER_NAME} `) && !/ flags=[MS]/.test(line))
    .flatMap(line => / addr=(\S+):\d+ /.exec(line)?.[1] ?? []);
}
