/** Ports of 127.0.0.1. */
export interface SoakPlaces {
  readonly adminPort: number;
  readonly extraPort: number;
  readonly pools: Readonly<Record<SoakPoolName, number>>;
  readonly redis: readonly number[];
  readonly memcached: readonly number[];
  /** Pools before servers that mean harm. */
  readonly hostile: Readonly<Record<'redis' | 'memcached', HostilePlace>>;
}

interface HostilePlace {
  readonly listen: number;
  readonly servers: readonly number[];
}

export type SoakPoolName = 'redis' | 'memcached' | 'redis_loose' | 'memcached_loose';

/** What reloads change. */
export interface ConfigVariant {
  readonly timeoutMs: number;
  /** Server connections of the pools whose keys may move. */
  readonly looseConnections: number;
  /** Those pools have all the servers, not all but the last. */
  readonly hasAllServers: boolean;
  readonly hasExtraPool: boolean;
}

export const USUAL_VARIANT: ConfigVariant = {
  timeoutMs: 3000,
  looseConnections: 1,
  hasAllServers: true,
  hasExtraPool: false,
};

/** The pools before servers that mean harm are called so, and their protocol. */
export const HOSTILE_PREFIX = 'hostile_';
/** A client that reads nothing is soon cut off there. */
const HARMED = ['client_output_limit: 1mb'];

/**
 * Two pools whose keys stay where they are, so that a lost or stale value shows, and two that eject servers and whose
 * servers and connections reloads change. They share the servers. Two more have servers that mean harm.
 */
export function soakConfig(places: SoakPlaces, variant: ConfigVariant): string {
  const { pools, redis, memcached } = places;
  const loose = [
    'auto_eject_hosts: true',
    'server_retry_timeout: 300ms',
    `server_connections: ${variant.looseConnections}`,
  ];
  const some = (ports: readonly number[]) => (variant.hasAllServers ? ports : ports.slice(0, -1));
  const parts = [
    pool('redis', 'redis', pools.redis, redis, variant),
    pool('memcached', 'memcached', pools.memcached, memcached, variant),
    pool('redis_loose', 'redis', pools.redis_loose, some(redis), variant, loose),
    pool('memcached_loose', 'memcached', pools.memcached_loose, some(memcached), variant, loose),
  ];
  const harmed = [...HARMED, ...loose];
  for (const protocol of ['redis', 'memcached'] as const) {
    const { listen, servers } = places.hostile[protocol];
    parts.push(pool(`${HOSTILE_PREFIX}${protocol}`, protocol, listen, servers, variant, harmed));
  }
  if (variant.hasExtraPool) parts.push(pool('extra', 'redis', places.extraPort, redis, variant));
  return `admin: 127.0.0.1:${places.adminPort}\nshutdown_timeout: 3s\npools:\n${parts.join('')}`;
}

function pool(
  name: string,
  protocol: string,
  port: number,
  servers: readonly number[],
  { timeoutMs }: ConfigVariant,
  settings: readonly string[] = [],
): string {
  const lines = [
    `  ${name}:`,
    `    listen: 127.0.0.1:${port}`,
    `    protocol: ${protocol}`,
    `    timeout: ${timeoutMs}ms`,
    '    preconnect: true',
    ...settings.map(line => `    ${line}`),
    '    servers:',
    ...servers.map((server, i) => `      - 127.0.0.1:${server}:1 server-${i}`),
  ];
  return `${lines.join('\n')}\n`;
}
