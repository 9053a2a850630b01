import type { Config, PoolConfig } from '../config/config.ts';
import { type ConfigWarning, poolPath } from '../config/warnings.ts';
import type { Machine } from './machine.ts';
import { counted, grouped } from './text-table.ts';

/** What a worker has open before any client or server: node's own, the log, the channel to the master. Measured: 24. */
const OWN_FILES = 32;
/** A worker that has room for fewer clients, and no `client_connections` to bound them, is worth a word. */
const FEW_CLIENTS = 1000;

/** Warnings of pools whose connections cannot fit into the open files that a worker may have. */
export function openFilesWarnings(config: Config, machine: Machine): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const limit = machine.maxOpenFiles;
  const workers = config.workers === 'auto' ? machine.cores : config.workers;
  const may = `; a worker may have ${grouped(limit)}: raise its limit (LimitNOFILE, ulimit -n)`;
  let [servers, clients] = [0, 0];
  for (const pool of config.pools) {
    const [ofServers, ofClients] = [serverFiles(pool), clientFiles(pool, workers)];
    const path = poolPath(config, pool);
    servers += ofServers;
    clients += ofClients;
    if (OWN_FILES + ofServers > limit) {
      const what = `${counted(pool.servers.length, 'server')} × server_connections ${pool.serverConnections}`;
      warnings.push({ path: `${path}.servers`, message: `${what} needs ${counted(ofServers, 'open file')}${may}` });
    } else if (OWN_FILES + ofServers + ofClients > limit) {
      const what = `${grouped(pool.clientConnections)} clients over ${counted(workers, 'worker')} and`;
      const message = `${what} ${counted(ofServers, 'server connection')} need ${grouped(OWN_FILES + ofServers + ofClients)} open files${may}`;
      warnings.push({ path: `${path}.client_connections`, message });
    }
  }
  if (warnings.length > 0) return warnings;
  const needed = OWN_FILES + servers + clients;
  const isUnbounded = config.pools.some(pool => pool.clientConnections === 0);
  if (needed > limit) {
    warnings.push({ path: '', message: `all pools together need ${grouped(needed)} open files for each worker${may}` });
  } else if (isUnbounded && limit - needed < FEW_CLIENTS) {
    const room = `${grouped(limit - needed)} clients for each worker`;
    warnings.push({
      path: '',
      message: `leaves open files for ${room}, and client_connections does not bound them${may}`,
    });
  }
  return warnings;
}

/** Of one worker; besides its connections, the listening socket. */
function serverFiles(pool: PoolConfig): number {
  return 1 + pool.servers.length * pool.serverConnections;
}

/** Of one worker, when the kernel spreads them evenly. */
function clientFiles(pool: PoolConfig, workers: number): number {
  return Math.ceil(pool.clientConnections / workers);
}
