// Has the real servers that tests, demo and benchmarks need on this machine.
//   node scripts/ensure-servers.ts [redis] [memcached] [nutcracker] [haproxy] [stunnel]      (default: all)
import { ensurePackagesOrExit } from './debian-packages.ts';

export type ServerName = keyof typeof SERVERS;

export const SERVERS = {
  redis: { commands: ['redis-server', 'redis-cli', 'redis-benchmark'], packages: ['redis-server', 'redis-tools'] },
  memcached: { commands: ['memcached'], packages: ['memcached'] },
  nutcracker: { commands: ['nutcracker'], packages: ['nutcracker'] },
  stunnel: { commands: ['stunnel4'], packages: ['stunnel4'] },
  haproxy: { commands: ['haproxy'], packages: ['haproxy'] },
} as const;

/** Returns when every command of these servers is there; ends the process with a message where that cannot be. */
export function ensureServersOrExit(names: readonly ServerName[]): void {
  ensurePackagesOrExit(SERVERS, names);
}

function isServerName(name: string): name is ServerName {
  return Object.hasOwn(SERVERS, name);
}

if (import.meta.main) {
  const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(SERVERS);
  const unknown = names.filter(name => !isServerName(name));
  if (unknown.length > 0) {
    console.error(`No such server: ${unknown.join(', ')}. There are ${Object.keys(SERVERS).join(', ')}.`);
    process.exit(1);
  }
  ensureServersOrExit(names.filter(isServerName));
}
