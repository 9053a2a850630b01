import type { Config, PoolConfig, PoolSettings, UserConfig } from './config.ts';

type Port = Pick<PoolSettings, 'poolBy' | 'pools' | 'protocol'>;

/**
 * Where a port that several pools share leads, by name: what it says itself, and by user, of the pools that each may use, the first
 * that speaks the port's protocol. Empty: it is no such port.
 */
export function portPools(
  { poolBy, pools, protocol }: Port,
  users: readonly Pick<UserConfig, 'name' | 'pools'>[],
  protocolOf: (pool: string) => string | undefined,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  if (poolBy === 'user') {
    for (const user of users) {
      const first = user.pools.find(pool => protocolOf(pool) === protocol);
      if (first !== undefined) names.set(user.name, first);
    }
  }
  for (const [name, pool] of pools ?? []) names.set(name, pool);
  return names;
}

/** Tells the ports among `pools` where they lead, as `config` has it. */
export function withPortLeads(
  { users, pools: configured }: Config,
  pools: readonly PoolConfig[],
): readonly PoolConfig[] {
  const protocols = new Map(configured.map(({ name, protocol }) => [name, protocol]));
  const certificates = users.flatMap(user => (user.certificates ?? []).map(name => [name, user.name] as const));
  return pools.map(pool => {
    if (pool.poolBy === null) return pool;
    const led = portPools(pool, users, name => protocols.get(name));
    return { ...pool, leads: { pools: [...led], certificates } };
  });
}
