import { addressText } from '../config/address-text.ts';
import type { Config, HealthCheckConfig, PoolConfig } from '../config/config.ts';
import { REDACTED } from '../config/redact.ts';

/** A setting in the words of our own form of the file; a secret is redacted on both sides. */
export interface SettingChange {
  readonly key: string;
  readonly old: string;
  readonly new: string;
}

/** How a value is written in the file. */
type Written<T> = { readonly [K in keyof T]: readonly [key: string, text: (value: T[K]) => string] };

const duration = (ms: number) => `${ms}ms`;
const size = (bytes: number) => {
  const units = ['gb', 'mb', 'kb'];
  const unit = units.findIndex((_, i) => bytes > 0 && bytes % 1024 ** (3 - i) === 0);
  return unit < 0 ? String(bytes) : `${bytes / 1024 ** (3 - unit)}${units[unit]}`;
};
const orUnset = (value: string | null) => (value === null ? 'unset' : JSON.stringify(value));

const POOL: Written<Omit<PoolConfig, 'name' | 'servers'>> = {
  listen: ['listen', listenText],
  protocol: ['protocol', String],
  hash: ['hash', String],
  hashTag: ['hash_tag', orUnset],
  distribution: ['distribution', String],
  timeoutMs: ['timeout', ms => (ms === 0 ? 'none' : duration(ms))],
  connectTimeoutMs: ['connect_timeout', duration],
  queueTimeoutMs: ['queue_timeout', duration],
  clientIdleTimeoutMs: ['client_idle_timeout', duration],
  backlog: ['backlog', String],
  clientConnections: ['client_connections', String],
  tcpKeepalive: ['tcpkeepalive', String],
  redisAuth: ['redis_auth', value => (value === null ? 'unset' : REDACTED)],
  redisDb: ['redis_db', String],
  preconnect: ['preconnect', String],
  autoEjectHosts: ['auto_eject_hosts', String],
  serverConnections: ['server_connections', String],
  serverRetryTimeoutMs: ['server_retry_timeout', duration],
  serverFailureLimit: ['server_failure_limit', String],
  healthCheck: ['health_check', healthCheckText],
  crossServer: ['cross_server', String],
  maxRequestBytes: ['max_request_bytes', size],
  maxPipeline: ['max_pipeline', String],
  clientBufferBytes: ['client_buffer', size],
  clientOutputLimitBytes: ['client_output_limit', size],
  maxInflight: ['max_inflight', String],
  serverOutputLimitBytes: ['server_output_limit', size],
};

const TOP: Written<Omit<Config, 'pools' | 'form' | 'ignored' | 'log'>> = {
  workers: ['workers', String],
  admin: ['admin', address => (address === null ? 'false' : addressText(address))],
  adminToken: ['admin_token', value => (value === null ? 'unset' : REDACTED)],
  shutdownTimeoutMs: ['shutdown_timeout', duration],
  cpuAffinity: ['cpu_affinity', String],
  workerNice: ['worker_nice', String],
  maxMemoryBytes: ['max_memory', limit => (limit === 'auto' ? limit : limit === 0 ? 'none' : size(limit))],
};

const LOG: Written<Config['log']> = {
  level: ['log.level', String],
  file: ['log.file', file => file ?? 'standard error'],
};

/** What differs between the settings of two pools, their servers apart. */
export function poolSettingChanges(from: PoolConfig, to: PoolConfig): SettingChange[] {
  return changes(POOL, from, to);
}

/** What differs outside the pools. */
export function topSettingChanges(from: Config, to: Config): SettingChange[] {
  return [...changes(TOP, from, to), ...changes(LOG, from.log, to.log)];
}

function changes<T extends object>(table: Written<T>, from: T, to: T): SettingChange[] {
  const found: SettingChange[] = [];
  for (const name of Object.keys(table) as (keyof T)[]) {
    if (JSON.stringify(from[name]) === JSON.stringify(to[name])) continue;
    const [key, text] = table[name];
    found.push({ key, old: text(from[name]), new: text(to[name]) });
  }
  return found;
}

function listenText(listen: PoolConfig['listen']): string {
  const mode = 'mode' in listen && listen.mode !== null ? ` 0${listen.mode.toString(8)}` : '';
  return addressText(listen) + mode;
}

function healthCheckText(check: HealthCheckConfig | null): string {
  if (check === null) return 'unset';
  const { intervalMs, timeoutMs, failures, successes } = check;
  const [interval, timeout] = [duration(intervalMs), duration(timeoutMs)];
  return `{ interval: ${interval}, timeout: ${timeout}, failures: ${failures}, successes: ${successes} }`;
}
