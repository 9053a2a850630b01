import type * as z from 'zod';
import { ringName } from '../placement/server-name.ts';
import type { Config, HealthCheckConfig, PoolConfig, ServerAddress, ServerConfig } from './config.ts';
import { poolSchema } from './schema.ts';

/*
 * Both forms of the file are read into drafts, which know where things stand in the file and may lack what could not be
 * read. The checks between keys, servers and pools run over drafts, so that they report even beside other errors.
 */

export type PoolFields = Omit<z.output<typeof poolSchema>, 'servers' | 'health_check'>;

export interface PoolDraft {
  readonly name: string;
  /** `pools.sessions` in our form, `sessions` in twemproxy's. */
  readonly path: string;
  readonly keyOffset: number;
  readonly fields: Partial<PoolFields>;
  /** Where the values that are given stand. */
  readonly offsets: ReadonlyMap<string, number>;
  readonly servers: readonly ServerDraft[];
  readonly healthCheck: HealthCheckConfig | null;
}

export interface ServerDraft {
  readonly path: string;
  readonly offset: number;
  readonly server: ServerConfig;
}

export interface ConfigDraft {
  /** What stands beside the pools; in twemproxy's form, the defaults. */
  readonly top: Partial<Omit<Config, 'pools'>>;
  /** Where `admin` stands; -1: not given. */
  readonly adminOffset: number;
  readonly pools: readonly PoolDraft[];
}

/** The port's text is part of a ring name as written: twemproxy hashes `host:06379` with its zero. */
export function namedServer(
  address: ServerAddress,
  portText: string,
  weight: number,
  alias: string | null,
): ServerConfig {
  const isOddPort = 'port' in address && portText !== String(address.port) && address.port !== 11211;
  const name = alias === null && isOddPort ? `${address.host}:${portText}` : ringName(address, alias);
  return { name, address, weight };
}

/** Only for a draft without problems: every field is there. */
export function finishPool(draft: PoolDraft): PoolConfig {
  const fields = draft.fields as PoolFields;
  return {
    name: draft.name,
    listen: fields.listen,
    protocol: fields.protocol,
    hash: fields.hash,
    hashTag: fields.hash_tag,
    distribution: fields.distribution,
    timeoutMs: fields.timeout,
    connectTimeoutMs: fields.connect_timeout,
    queueTimeoutMs: fields.queue_timeout,
    clientIdleTimeoutMs: fields.client_idle_timeout,
    backlog: fields.backlog,
    clientConnections: fields.client_connections,
    tcpKeepalive: fields.tcpkeepalive,
    redisAuth: fields.redis_auth,
    redisDb: fields.redis_db,
    preconnect: fields.preconnect,
    autoEjectHosts: fields.auto_eject_hosts,
    serverConnections: fields.server_connections,
    serverRetryTimeoutMs: fields.server_retry_timeout,
    serverFailureLimit: fields.server_failure_limit,
    healthCheck: draft.healthCheck,
    crossServer: fields.cross_server,
    maxRequestBytes: fields.max_request_bytes,
    maxPipeline: fields.max_pipeline,
    clientBufferBytes: fields.client_buffer,
    clientOutputLimitBytes: fields.client_output_limit,
    maxInflight: fields.max_inflight,
    serverOutputLimitBytes: fields.server_output_limit,
    servers: draft.servers.map(({ server }) => server),
  };
}

/** The default of every pool key that has one. */
export function defaultPoolFields(): Partial<PoolFields> {
  const defaults: Record<string, unknown> = {};
  for (const [key, type] of Object.entries(poolSchema.shape)) {
    const result = (type as z.ZodType).safeParse(undefined);
    if (result.success) defaults[key] = result.data;
  }
  return defaults as Partial<PoolFields>;
}
