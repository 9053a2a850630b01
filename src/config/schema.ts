import * as z from 'zod';
import { HASH_NAMES } from '../hash/hash.ts';
import type { LogLevel } from '../system/log.ts';
import { checkAlias, parseHostPort, parseListenAddress, parseServerAddress, parseWeight } from './addresses.ts';
import type { CrossServerPolicy, DistributionName, ProtocolName } from './config.ts';
import { parseSizeBytes } from './durations-and-sizes.ts';
import { SettingError } from './setting-error.ts';
import {
  count,
  duration,
  durationOrNone,
  flag,
  hashTag,
  oneOf,
  readAs,
  SETTING_NOTES,
  type SettingNotes,
  secret,
  size,
} from './value-types.ts';

/*
 * The one table of every key of our own form: how its text is read, its default, and what the reference in
 * docs/config.md says about it. Defaults are written as a file would write them.
 */

const PROTOCOLS: readonly ProtocolName[] = ['redis', 'memcached'];
const DISTRIBUTIONS: readonly DistributionName[] = ['ketama', 'modula', 'random'];
const CROSS_SERVER: readonly CrossServerPolicy[] = ['error', 'first_key'];
const LOG_LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

const MAX_WORKERS = 1024;
const MAX_CORES = 1024;
const MAX_SERVER_CONNECTIONS = 1024;
/** The master asks all servers itself: not more often than this. */
const MIN_HEALTH_INTERVAL_MS = 50;
const MAX_HEALTH_COUNT = 1000;
const MIN_REQUEST_BYTES = 1024;
/** Below it, nobody could ask for a value of some MB. */
const MIN_MEMORY_BYTES = 16 * 1024 * 1024;
/** A socket says that it drained only when more than its own buffer (64 KiB) was waiting. */
const MIN_BUFFER_BYTES = 128 * 1024;

export const poolSchema = z.strictObject({
  listen: setting(
    readAs(text => parseListenAddress(text, 0, 'bracketed-ipv6')),
    {
      takes: 'host:port, [v6]:port, or /path [octal mode]',
      about:
        'Where clients connect. Port 0 lets the system choose one. A mode such as `0660` is set on the unix socket.',
    },
  ),
  protocol: setting(oneOf('protocol', PROTOCOLS), {
    takes: 'redis or memcached',
    about: 'What clients and servers of this pool speak.',
  }),
  servers: setting(z.array(z.unknown()).min(1), {
    takes: 'a list of servers',
    about: 'The servers, in any order; see [Servers](#servers).',
  }),
  hash: setting(oneOf('hash', HASH_NAMES).prefault('fnv1a_64'), {
    takes: HASH_NAMES.join(', '),
    about: 'What turns a key into the number that chooses its server.',
  }),
  hash_tag: setting(hashTag().nullable().default(null), {
    takes: 'two characters',
    about: 'Only what stands between these two characters of a key is hashed, so that related keys share a server.',
    unset: 'unset',
  }),
  distribution: setting(oneOf('distribution', DISTRIBUTIONS).prefault('ketama'), {
    takes: DISTRIBUTIONS.join(', '),
    about: 'How servers share the keys: a consistent-hash ring, the remainder of the hash, or any server at all.',
  }),
  timeout: setting(durationOrNone().prefault('none'), {
    takes: 'duration, none',
    about: 'How long a server may take to answer a request, counted from when it is queued. Overdue requests fail.',
  }),
  connect_timeout: setting(duration(1).prefault('5s'), {
    takes: 'duration',
    about: 'How long connecting to a server may take.',
  }),
  queue_timeout: setting(durationOrNone().prefault('none'), {
    takes: 'duration, or none',
    about: 'How long a request may wait for a connection to its server; `none`: as long as `timeout`.',
  }),
  backlog: setting(count(0).prefault('512'), {
    takes: 'number',
    about: 'Connections the kernel holds for us until they are accepted, for each worker.',
  }),
  client_connections: setting(count(0).prefault('0'), {
    takes: 'number',
    about: 'Clients connected at once, over all workers; 0: unlimited. More are turned away with an error.',
  }),
  client_idle_timeout: setting(durationOrNone().prefault('none'), {
    takes: 'duration, or none',
    about: 'A client that has been silent this long, with nothing to be answered, is closed.',
  }),
  tcpkeepalive: setting(flag().prefault('false'), {
    takes: 'true, false',
    about: 'TCP keep-alive on client connections.',
  }),
  redis_auth: setting(secret().nullable().default(null), {
    takes: 'text',
    about: 'Password clients must give with AUTH, and which is given to the servers. Redis only.',
    unset: 'unset',
  }),
  redis_db: setting(count(0).prefault('0'), {
    takes: 'number',
    about: 'Database selected on every server connection. Redis only.',
  }),
  preconnect: setting(flag().prefault('false'), {
    takes: 'true, false',
    about: 'Connect to all servers at start instead of when they are first needed.',
  }),
  auto_eject_hosts: setting(flag().prefault('false'), {
    takes: 'true, false',
    about: 'Take a server that keeps failing out of the ring; its keys go to the others meanwhile.',
  }),
  server_connections: setting(count(1, MAX_SERVER_CONNECTIONS).prefault('1'), {
    takes: 'number',
    about: 'Connections to each server, for each worker; in Redis pools as many again for clients that speak RESP3.',
  }),
  server_retry_timeout: setting(duration(0).prefault('30s'), {
    takes: 'duration',
    about: 'How long an ejected server stays out before it is tried again.',
  }),
  server_failure_limit: setting(count(1).prefault('2'), {
    takes: 'number',
    about: 'Failures in a row after which a server is ejected.',
  }),
  health_check: setting(z.unknown().optional(), {
    takes: 'a map; {} for the defaults',
    about:
      'Ask the servers whether they are well, and keep those that are not out of the ring; see [Health checks](#health-checks).',
    unset: 'off',
  }),
  cross_server: setting(oneOf('policy', CROSS_SERVER).prefault('error'), {
    takes: CROSS_SERVER.join(', '),
    about:
      'What becomes of a multi-key Redis command that cannot be split when its keys live on different servers: ' +
      "an error that says so, or (twemproxy's way, with wrong answers) all of it to the first key's server.",
  }),
  max_request_bytes: setting(size(MIN_REQUEST_BYTES).prefault('513mb'), {
    takes: 'size',
    about: 'The longest request a client may send; the default takes a Redis value of 512 MB and its command.',
  }),
  max_pipeline: setting(count(1).prefault('4096'), {
    takes: 'number',
    about: 'Unanswered requests of one client above which no more are read from it for the moment.',
  }),
  client_buffer: setting(size(MIN_BUFFER_BYTES).prefault('1mb'), {
    takes: 'size',
    about:
      'Bytes of unsent replies or unanswered requests of one client above which no more is read from it for the moment.',
  }),
  client_output_limit: setting(size(MIN_BUFFER_BYTES).prefault('1gb'), {
    takes: 'size',
    about: 'Bytes of unsent replies above which a client that does not read is cut off.',
  }),
  max_inflight: setting(count(1).prefault('1048576'), {
    takes: 'number',
    about: 'Requests queued or unanswered on one server connection; above it they fail at once.',
  }),
  server_output_limit: setting(size(MIN_BUFFER_BYTES).prefault('1gb'), {
    takes: 'size',
    about: 'Bytes of unsent requests on one server connection; above it requests fail at once.',
  }),
});

export const healthCheckSchema = z.strictObject({
  interval: setting(duration(MIN_HEALTH_INTERVAL_MS).prefault('5s'), {
    takes: 'duration',
    about: 'From one probe of a server to the next, give or take a tenth.',
  }),
  timeout: setting(duration(1).prefault('1s'), {
    takes: 'duration',
    about: 'How long a probe may take, connecting included.',
  }),
  failures: setting(count(1, MAX_HEALTH_COUNT).prefault('3'), {
    takes: 'number',
    about: 'Probes in a row that fail before the server is down, and out of the ring.',
  }),
  successes: setting(count(1, MAX_HEALTH_COUNT).prefault('2'), {
    takes: 'number',
    about:
      'Probes in a row that succeed before it is up again. Twice as many each time it goes down within ten minutes ' +
      'of its return, up to 32 times as many.',
  }),
});

/** The long form of a server. */
export const serverSchema = z.strictObject({
  address: setting(readAs(parseServerAddress), {
    takes: 'host:port, [v6]:port, or /path',
    about: 'Where the server listens. Host names are looked up again on every reconnect.',
  }),
  weight: setting(readAs(parseWeight).prefault('1'), {
    takes: 'number, at least 1',
    about: 'Its share of the keys against the other servers.',
  }),
  name: setting(readAs(checkAlias).nullable().default(null), {
    takes: 'text',
    about: 'Its name in the ring and in the metrics. A server that moves keeps its keys when it keeps its name.',
    unset: 'the address',
  }),
});

export const logSchema = z.strictObject({
  level: setting(oneOf('level', LOG_LEVELS).prefault('info'), {
    takes: LOG_LEVELS.join(', '),
    about: 'The least severe messages that are written.',
  }),
  file: setting(readAs(checkLogFile).nullable().default(null), {
    takes: 'path',
    about: 'The file they are appended to.',
    unset: 'standard error',
  }),
});

export const rootSchema = z.strictObject({
  pools: setting(z.record(z.string(), z.unknown()), {
    takes: 'a map: name of a pool → its keys',
    about: 'The pools; see [Pools](#pools).',
  }),
  workers: setting(readAs(parseWorkers).prefault('auto'), {
    takes: 'auto or a number',
    about: 'Worker processes; `auto` means one for each core.',
  }),
  admin: setting(readAs(parseAdmin).prefault('127.0.0.1:22223'), {
    takes: 'host:port, or false',
    about: 'HTTP address for metrics, health and control (see operations.md); `false` turns it off.',
  }),
  admin_token: setting(readAs(checkToken).nullable().default(null), {
    takes: 'text',
    about:
      'What requests to `admin` that change something must carry as `Authorization: Bearer …`. Without it they are ' +
      'let in on loopback only.',
    unset: 'unset',
  }),
  log: setting(z.unknown().optional(), {
    takes: 'a map with level and file',
    about: 'Where messages go; see [Log](#log).',
    unset: 'level info to standard error',
  }),
  shutdown_timeout: setting(duration(0).prefault('10s'), {
    takes: 'duration',
    about: 'How long to wait for unanswered requests when told to stop.',
  }),
  cpu_affinity: setting(readAs(parseAffinity).prefault('off'), {
    takes: 'auto, off or a list of cores',
    about: 'Cores that workers are pinned to, in turn: `auto` means all, a list such as `0,2-5` these. Linux only.',
  }),
  worker_nice: setting(count(0, 19).prefault('0'), {
    takes: 'a number from 0 to 19',
    about: 'Scheduling priority of the workers: the higher, the later it is their turn.',
  }),
  max_memory: setting(readAs(parseMaxMemory).prefault('auto'), {
    takes: 'auto, size or none',
    about:
      'What each worker may hold for its clients: unfinished requests, replies not yet read, requests that servers have ' +
      'not taken. Over it, whoever holds most is cut off first. `auto`: 75 % of the memory of the machine or the ' +
      'container, divided by the workers, less 256mb for the worker itself; at least 64mb.',
  }),
});

function setting<S extends z.ZodType>(schema: S, notes: SettingNotes): S {
  SETTING_NOTES.add(schema, notes);
  return schema;
}

function parseWorkers(text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  const workers = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
  if (workers < 1 || workers > MAX_WORKERS) {
    throw new SettingError(`must be auto or a whole number from 1 to ${MAX_WORKERS}, not ${JSON.stringify(text)}`);
  }
  return workers;
}

function parseAffinity(text: string): 'auto' | 'off' | number[] {
  if (text === 'auto' || text === 'off') return text;
  const cores = text.split(',').flatMap(part => {
    const range = /^\s*([0-9]{1,4})(?:-([0-9]{1,4}))?\s*$/.exec(part);
    const first = Number(range?.[1] ?? Number.NaN);
    const last = Number(range?.[2] ?? first);
    if (!(first <= last && last < MAX_CORES)) {
      throw new SettingError(`must be auto, off or cores such as 0,2-5, not ${JSON.stringify(text)}`);
    }
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return [...new Set(cores)];
}

function parseMaxMemory(text: string): number | 'auto' {
  if (text === 'auto') return text;
  return text === 'none' ? 0 : parseSizeBytes(text, MIN_MEMORY_BYTES);
}

function parseAdmin(text: string) {
  if (text === 'false') return null;
  if (!text.includes(':')) throw new SettingError(`must be host:port or false, not ${JSON.stringify(text)}`);
  return parseHostPort(text, 0, 'bracketed-ipv6').address;
}

/** What can stand in a header. Never shown in messages. */
function checkToken(text: string): string {
  if (!/^[\x21-\x7e]+$/.test(text)) throw new SettingError('must be printable ASCII characters without spaces');
  return text;
}

function checkLogFile(text: string): string {
  if (text === '' || text.includes('\0')) throw new SettingError('must be the path of a file');
  return text;
}
