import type { Config, PoolConfig } from '../config/config.ts';
import { filesBesideClients, OWN_FILES, serverFiles } from '../config/open-files.ts';
import { type ConfigWarning, poolPath } from '../config/warnings.ts';
import { PROTOCOL_TRAITS } from '../protocol/protocol-traits.ts';
import type { Machine } from './machine.ts';
import { counted, grouped } from './text-table.ts';

/** A worker that has room for fewer clients, and no `client_connections` to bound them, is worth a word. */
const FEW_CLIENTS = 1000;

/** The open files of one worker. */
export interface OpenFiles {
  readonly workers: number;
  /** Its own and those to the servers. */
  readonly servers: number;
  /** Those of its part of the clients, as far as `client_connections` bounds them. */
  readonly clients: number;
  /** A pool has no such bound. */
  readonly isUnbounded: boolean;
  /** Infinity: none. */
  readonly limit: number;
}

/** How many files a worker may come to need when all pools are in full use, and how many it may have. */
export function openFiles(config: Config, machine: Machine): OpenFiles {
  const workers = config.workers === 'auto' ? machine.cores : config.workers;
  return {
    workers,
    servers: filesBesideClients(config),
    clients: config.pools.reduce((sum, pool) => sum + clientFiles(pool, workers), 0),
    isUnbounded: config.pools.some(pool => pool.clientConnections === 0),
    limit: machine.maxOpenFiles,
  };
}

/** Warnings of pools whose connections cannot fit into the open files that a worker may have. */
export function openFilesWarnings(config: Config, machine: Machine): ConfigWarning[] {
  const { workers, servers, clients, isUnbounded, limit } = openFiles(config, machine);
  const may = `; a worker may have ${grouped(limit)}: raise its limit (LimitNOFILE, ulimit -n)`;
  const warnings = config.pools.flatMap(pool => {
    const [ofServers, ofClients] = [serverFiles(pool), clientFiles(pool, workers)];
    const path = poolPath(config, pool);
    if (OWN_FILES + ofServers > limit) {
      const each = `server_connections ${pool.serverConnections}${PROTOCOL_TRAITS[pool.protocol].variantsNote}`;
      const what = `${counted(pool.servers.length, 'server')} × ${each}`;
      return [{ path: `${path}.servers`, message: `${what} needs ${counted(ofServers, 'open file')}${may}` }];
    }
    const needed = OWN_FILES + ofServers + ofClients;
    if (needed <= limit) return [];
    const what = `${grouped(pool.clientConnections)} clients over ${counted(workers, 'worker')}`;
    const message = `${what} and ${counted(ofServers - 1, 'server connection')} need ${grouped(needed)} open files${may}`;
    return [{ path: `${path}.client_connections`, message }];
  });
  if (warnings.length > 0) return warnings;
  const room = limit - servers - clients;
  if (room < 0) {
    const message = `all pools together need ${grouped(servers + clients)} open files for each worker${may}`;
    return [{ path: '', message }];
  }
  if (isUnbounded && room < FEW_CLIENTS) {
    const what = `leaves open files for ${grouped(room)} clients for each worker`;
    return [{ path: '', message: `${what}, and client_connections does not bound them${may}` }];
  }
  return [];
}

/** Of one worker, when the kernel spreads them evenly. */
function clientFiles(pool: PoolConfig, workers: number): number {
  return Math.ceil(pool.clientConnections / workers);
}
