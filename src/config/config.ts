import type { ConfigForm, SettingsOf } from '../settings/setting.ts';
import type { ListenTls } from '../system/listen-tls.ts';
import type { ServerTls } from '../system/server-tls.ts';
import type { FixedAddress, ServerAddress } from './address.ts';
import type { SecretFile } from './secrets.ts';
import type { AUDIT_SETTINGS } from './tables/audit-settings.ts';
import type { CLUSTER_SETTINGS } from './tables/cluster-settings.ts';
import type { DAEMON_SETTINGS } from './tables/daemon-settings.ts';
import type { HEALTH_CHECK_SETTINGS } from './tables/health-check-settings.ts';
import type { LIMIT_SETTINGS } from './tables/limit-settings.ts';
import type { POOL_SETTINGS } from './tables/pool-settings.ts';
import type { SENTINEL_SETTINGS } from './tables/sentinel-settings.ts';
import type { LISTEN_TLS_SETTINGS, SERVER_TLS_SETTINGS } from './tables/tls-settings.ts';
import type { USER_SETTINGS } from './tables/user-settings.ts';

/**
 * The checked configuration, whatever form the file had: every default filled in, frozen, and plain JSON-able data,
 * because the master sends it to its workers over IPC. Durations are milliseconds, sizes are bytes. Its fields are those
 * of the tables of settings.
 */
export interface Config extends SettingsOf<typeof DAEMON_SETTINGS> {
  /** In the order of the file; names and listen addresses are unique. */
  readonly pools: readonly PoolConfig[];
  /** In the order of the file; names are unique. */
  readonly users: readonly UserConfig[];
  /** Which form of file this came from. */
  readonly form: ConfigForm;
  /** Paths of keys that the file gives, that are accepted, and that have no effect here. */
  readonly ignored: readonly string[];
  /** Pools of our own form, by name, that leave `hash` to a default that was another once. */
  readonly withoutHash: readonly string[];
  /** Files that secrets are read from. */
  readonly secretFiles: readonly SecretFile[];
  /** What the files that it names are relative to; empty: the form names none. */
  readonly directory: string;
}

export type PoolSettings = SettingsOf<typeof POOL_SETTINGS>;

export interface PoolConfig extends PoolSettings {
  readonly name: string;
  /** At least one; names are unique. In the order of the file. Of a pool with `cluster`, its seeds. */
  readonly servers: readonly ServerConfig[];
  /** Only as workers get it: private keys are in it, and what the master has is shown to operators. */
  readonly tls?: PoolTls;
  /** Only as workers get it: who may use the pool. Left out: everybody, or who has its password. */
  readonly users?: readonly PoolUser[];
  /** Only as workers get it, of a port that several pools share. */
  readonly leads?: PortLeads;
}

/** Where such a port leads. */
export interface PortLeads {
  /** Pools by name: of a user, of a server, or the number of a database. */
  readonly pools: readonly (readonly [string, string])[];
  /** Users by the names of their client certificates. */
  readonly certificates: readonly (readonly [string, string])[];
}

export interface UserConfig extends SettingsOf<typeof USER_SETTINGS> {
  readonly name: string;
}

/** A user as workers know it, in one of its pools. */
export interface PoolUser extends Omit<UserConfig, 'passwords' | 'passwordFile' | 'pools'> {
  /** SHA-256 in hex. */
  readonly digests: readonly string[];
}

/** What the TLS settings of a pool come to when their files are read; null: TLS is not spoken. */
export interface PoolTls {
  readonly listen: ListenTls | null;
  readonly servers: ServerTls | null;
  readonly sentinels: ServerTls | null;
}

export type ListenTlsConfig = SettingsOf<typeof LISTEN_TLS_SETTINGS>;

export type ServerTlsConfig = SettingsOf<typeof SERVER_TLS_SETTINGS>;

export type AuditConfig = SettingsOf<typeof AUDIT_SETTINGS>;

export type ClusterConfig = SettingsOf<typeof CLUSTER_SETTINGS>;

export type SentinelConfig = SettingsOf<typeof SENTINEL_SETTINGS>;

/** What a tenant may ask. */
export type LimitConfig = SettingsOf<typeof LIMIT_SETTINGS>;

export type HealthCheckConfig = SettingsOf<typeof HEALTH_CHECK_SETTINGS>;

export interface ServerConfig {
  /** What the ring hashes and the statistics are keyed by: the alias, else what twemproxy makes of the address. */
  readonly name: string;
  readonly address: ServerAddress;
  /** ≥ 1. */
  readonly weight: number;
  /** Have copies of its keys. Left out: none. */
  readonly replicas?: readonly ReplicaConfig[];
  /** Where it stands. Left out: nobody has said. */
  readonly zone?: string;
  /** What it is told at first, in place of what the pool says. Left out: that. */
  readonly user?: string;
  readonly password?: string;
}

export interface ReplicaConfig {
  readonly address: FixedAddress;
  readonly zone: string | null;
}
