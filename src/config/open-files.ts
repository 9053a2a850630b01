import { PROTOCOL_TRAITS } from '../protocol/protocol-traits.ts';
import type { Config, PoolConfig } from './config.ts';

/**
 * What a worker keeps for itself: node's own, the log, the channel to the master (24 in all, measured). The rest is the
 * reserve for clients that are told that they can't come in, server connections that finish after a reload, lookups.
 */
export const OWN_FILES = 64;

/** Of one worker, all its server connections open; besides these, the listening socket. */
export function serverFiles(pool: PoolConfig): number {
  return 1 + pool.servers.length * pool.serverConnections * PROTOCOL_TRAITS[pool.protocol].variants * pool.databases;
}

/** Open files of one worker that are not for clients. */
export function filesBesideClients(config: Config): number {
  return OWN_FILES + config.pools.reduce((sum, pool) => sum + serverFiles(pool), 0);
}
