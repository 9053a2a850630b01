import type { HashName } from '../hash/hash.ts';
import type { LogConfig } from '../system/log.ts';

/**
 * The checked configuration, whatever form the file had: every default filled in, frozen, and plain JSON-able data,
 * because the master sends it to its workers over IPC. Durations are milliseconds, sizes are bytes.
 */
export interface Config {
  /** Worker processes, or `auto`: one per core. */
  readonly workers: number | 'auto';
  /** Where the admin HTTP server listens; null: it does not. */
  readonly admin: HostPort | null;
  /** What requests to the admin server that change something must carry; null: none is set. */
  readonly adminToken: string | null;
  readonly log: LogConfig;
  /** How long a draining process may take before it cuts off what is left. */
  readonly shutdownTimeoutMs: number;
  /** Cores that workers are pinned to: `auto`: one each, in turn; a list: these in turn; `off`: none. */
  readonly cpuAffinity: 'auto' | 'off' | readonly number[];
  /** Scheduling priority of the workers, 0–19: the higher, the later it is their turn. */
  readonly workerNice: number;
  /** What a worker may hold for its clients; `auto`: its part of the memory there is; 0: any amount. */
  readonly maxMemoryBytes: 'auto' | number;
  /** In the order of the file; names and listen addresses are unique. */
  readonly pools: readonly PoolConfig[];
  /** Which form of file this came from. */
  readonly form: ConfigForm;
  /** Paths of keys that the file gives, that are accepted, and that have no effect here. */
  readonly ignored: readonly string[];
}

export type ConfigForm = 'native' | 'twemproxy';

export interface PoolConfig {
  readonly name: string;
  readonly listen: ListenAddress;
  readonly protocol: ProtocolName;
  readonly hash: HashName;
  /** Two bytes in UTF-8: the opening and the closing one; null: the whole key is hashed. */
  readonly hashTag: string | null;
  readonly distribution: DistributionName;
  /** From enqueue to reply; 0: none. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** How long a request may wait for a connection; 0: as long as `timeoutMs`. */
  readonly queueTimeoutMs: number;
  /** 0: none. */
  readonly clientIdleTimeoutMs: number;
  /** Of the listening socket. */
  readonly backlog: number;
  /** Clients connected at once; 0: unlimited. */
  readonly clientConnections: number;
  readonly tcpKeepalive: boolean;
  readonly redisAuth: string | null;
  readonly redisDb: number;
  readonly preconnect: boolean;
  readonly autoEjectHosts: boolean;
  /** Connections per server and worker. */
  readonly serverConnections: number;
  /** How long an ejected server stays out of the ring before it is probed. */
  readonly serverRetryTimeoutMs: number;
  /** Failures in a row before a server is ejected. */
  readonly serverFailureLimit: number;
  /** Whether and how the master asks the servers if they are well; null: it does not. */
  readonly healthCheck: HealthCheckConfig | null;
  /** A multi-key command that cannot be split and whose keys fall on different servers. */
  readonly crossServer: CrossServerPolicy;
  /** Longest request a client may send. */
  readonly maxRequestBytes: number;
  /** Pending requests of one client above which we stop reading from it. */
  readonly maxPipeline: number;
  /** Unsent replies or unanswered requests of one client above which we stop reading from it. */
  readonly clientBufferBytes: number;
  /** Unsent replies of one client above which it is cut off. */
  readonly clientOutputLimitBytes: number;
  /** Requests queued or in flight per server connection; over it they fail at once. */
  readonly maxInflight: number;
  /** Unsent request bytes per server connection; over it requests fail at once. */
  readonly serverOutputLimitBytes: number;
  /** At least one; names are unique. In the order of the file. */
  readonly servers: readonly ServerConfig[];
}

export interface HealthCheckConfig {
  readonly intervalMs: number;
  /** Of one probe, connecting included. */
  readonly timeoutMs: number;
  /** Probes in a row that fail before a server is down. */
  readonly failures: number;
  /** Probes in a row that succeed before it is up again, unless it keeps toggling. */
  readonly successes: number;
}

export type ProtocolName = 'redis' | 'memcached';
export type DistributionName = 'ketama' | 'modula' | 'random';
export type CrossServerPolicy = 'error' | 'first_key';

export interface ServerConfig {
  /** What the ring hashes and the statistics are keyed by: the alias, else what twemproxy makes of the address. */
  readonly name: string;
  readonly address: ServerAddress;
  /** ≥ 1. */
  readonly weight: number;
}

export type ServerAddress = HostPort | { readonly path: string };

/** `mode`: permission bits of the unix socket; null: what the umask leaves. */
export type ListenAddress = HostPort | { readonly path: string; readonly mode: number | null };

export interface HostPort {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  /** 0 only in `listen` and `admin`: the system chooses. */
  readonly port: number;
}
