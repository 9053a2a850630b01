import {
  count,
  duration,
  durationOrNone,
  type Kind,
  listOf,
  oneOf,
  secret,
  sizeOr,
  text,
} from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';
import type { LogLevel } from '../../system/log.ts';
import { addressText, type HostPort, type ListenAddress, listenText } from '../address.ts';
import { parseHostPort, parseListenAddress } from '../addresses.ts';
import { AUDIT_SETTINGS } from './audit-settings.ts';
import { LISTEN_TLS_SETTINGS } from './tls-settings.ts';

/* The top level of our own form. How a table of settings works, and what a new one needs: settings/setting.ts. */

const MAX_WORKERS = 1024;
const MAX_CORES = 1024;
/** Workers report once a second. */
const MIN_WORKER_TIMEOUT_MS = 2000;
/** Below it, nobody could ask for a value of some MB. */
const MIN_MEMORY_BYTES = 16 * 1024 * 1024;
/** A timer runs 24.8 days at most, and the master waits a little longer than its workers. */
const MAX_SHUTDOWN_MS = 24 * 3_600_000;
const MAX_CERTIFICATE_CHECK_MS = 24 * 3_600_000;
const MAX_TICKET_ROTATION_MS = 7 * 24 * 3_600_000;
/** Whoever asks more often than that is told what was. */
const MIN_READINESS_HOLD_MS = 100;
const MAX_READINESS_HOLD_MS = 3_600_000;
/** Mode of a file that is its owner's alone. */
const OWN_ONLY = 0o600;
const LOG_LEVELS: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

export const LOG_SETTINGS = {
  level: {
    key: 'level',
    kind: oneOf<LogLevel>('level', LOG_LEVELS),
    default: 'info',
    about: 'The least severe messages that are written.',
    applies: 'live',
  },
  file: {
    key: 'file',
    kind: text('path', checkLogFile),
    default: null,
    unset: 'standard error',
    about: 'The file they are appended to.',
    applies: 'live',
  },
} as const satisfies SettingTable;

export const DAEMON_SETTINGS = {
  pools: {
    key: 'pools',
    structure: 'pools',
    takes: 'a map: name of a pool → its keys',
    about: 'The pools; see [Pools](#pools).',
  },
  users: {
    key: 'users',
    structure: 'users',
    isOptional: true,
    takes: 'a map: name of a user → its keys',
    about: 'Who may use which pools, and what they may do there; see [Users](#users) and [tenants.md](tenants.md).',
  },
  /** Worker processes. */
  workers: {
    key: 'workers',
    kind: text<number | 'auto'>('auto or a number', parseWorkers, String, {
      anyOf: [{ enum: ['auto'] }, { type: 'integer', minimum: 1, maximum: MAX_WORKERS }],
    }),
    default: 'auto',
    about: 'Worker processes; `auto` means one for each core.',
    applies: 'live',
  },
  /** Whom master and workers run as once all sockets are bound; null: as who started them. By name or number. */
  user: {
    key: 'user',
    kind: text('name or number', checkUnixName),
    default: null,
    unset: 'who started it',
    about:
      'Whom it runs as once every socket is bound and its files are open; for that, root has to start it. See ' +
      '[A user of its own](security.md#a-user-of-its-own).',
    applies: 'restart',
  },
  group: {
    key: 'group',
    kind: text('name or number', checkUnixName),
    default: null,
    unset: "the user's",
    about: "The group of it, where that is not the user's own. Supplementary groups are the user's.",
    applies: 'restart',
  },
  /** Which signal to the master asks for an upgrade. */
  upgradeOn: {
    key: 'upgrade_on',
    kind: oneOf('upgrade_on', ['off', 'usr2'] as const),
    default: 'off',
    about:
      '`usr2`: the signal USR2 upgrades, as it does in nginx, and no longer replaces the workers; see ' +
      '[Upgrade](operations.md#upgrade).',
    applies: 'live',
  },
  /** Where the admin HTTP server listens; null: it does not. */
  admin: {
    key: 'admin',
    kind: adminAddress(),
    default: '127.0.0.1:22223',
    twemproxyDefault: 'false',
    about: 'HTTP address for metrics, health and control (see operations.md); `false` turns it off.',
    applies: 'live',
  },
  /** A unix socket where the admin server listens as well; null: it does not. */
  adminSocket: {
    key: 'admin_socket',
    kind: text<SocketAddress | null>('/path [mode]', parseAdminSocket, address => listenText(address as SocketAddress)),
    default: null,
    unset: 'unset',
    example: '/run/ringmaster/admin.sock 0660',
    about:
      'A unix socket for the same, with the mode of its file, 0600 unless given. Who may write to it may do everything: ' +
      'no token is asked for there. The command line asks there first.',
    applies: 'live',
  },
  /** What requests to the admin server that change something must carry; null: none is set. */
  adminToken: {
    key: 'admin_token',
    kind: secret(checkToken),
    default: null,
    unset: 'unset',
    about:
      'What requests to `admin` that change something must carry as `Authorization: Bearer …`. Without it they are ' +
      'let in on loopback only.',
    applies: 'live',
  },
  /** How `admin` speaks TLS; null: it does not. */
  adminTls: {
    key: 'admin_tls',
    settings: LISTEN_TLS_SETTINGS,
    default: null,
    takes: 'a map',
    example: '{ cert: /etc/ringmaster/admin.pem, key: /etc/ringmaster/admin.key }',
    unset: 'off',
    about: 'Speak TLS at `admin`, and only so; `admin_socket` stays as it is. See [TLS](tls.md#the-admin-server).',
  },
  /** Admin addresses of the proxies that have the same pools. */
  peers: {
    key: 'peers',
    kind: listOf(adminOfPeer(), 'a list of host:port'),
    default: null,
    unset: 'none',
    example: '[10.0.0.1:22223, 10.0.0.2:22223]',
    about:
      'Admin addresses of the other proxies in front of the same servers, which take part in a reshard (see [resharding.md](resharding.md)); ' +
      'the own one may be among them. They need the same `admin_token`.',
    applies: 'live',
  },
  certificateCheckMs: {
    key: 'certificate_check',
    kind: durationOrNone(MAX_CERTIFICATE_CHECK_MS),
    default: '5s',
    about:
      'How often the files of `listen_tls`, `server_tls` and `sentinel_tls` are looked at; see [TLS](tls.md#certificates-that-change).',
    applies: 'live',
  },
  ticketRotationMs: {
    key: 'ticket_rotation',
    kind: durationOrNone(MAX_TICKET_ROTATION_MS),
    default: '12h',
    about:
      'How often the keys of TLS session tickets are made anew; `none`: only by reloads and with certificates. Sessions from before are not resumed, and begin with a full handshake. See [TLS](tls.md#toward-clients).',
    applies: 'live',
  },
  /** For how long /readyz goes by an answer. */
  readinessHoldMs: {
    key: 'readiness_hold',
    kind: duration(MIN_READINESS_HOLD_MS, MAX_READINESS_HOLD_MS),
    default: '1s',
    about:
      'For how long `/readyz` goes by what a server has answered before it asks again; see [metrics.md](metrics.md#is-it-ready).',
    applies: 'live',
  },
  log: {
    key: 'log',
    settings: LOG_SETTINGS,
    default: '{}',
    takes: 'a map with level and file',
    example: '{ level: info }',
    unset: 'level info to standard error',
    about: 'Where messages go; see [Log](#log).',
  },
  /** What is kept of who did what; null: nothing. */
  auditLog: {
    key: 'audit_log',
    settings: AUDIT_SETTINGS,
    default: null,
    takes: 'a map with file',
    example: '{ file: /var/log/ringmaster/audit.log }',
    unset: 'off',
    about:
      'Who signed in, what operators changed, and who ran dangerous commands; see [Audit log](security.md#audit-log).',
  },
  /** How long a draining process may take before it cuts off what is left. */
  shutdownTimeoutMs: {
    key: 'shutdown_timeout',
    kind: duration(0, MAX_SHUTDOWN_MS),
    default: '10s',
    about: 'How long to wait for unanswered requests when told to stop.',
    applies: 'live',
  },
  /** A worker that does not report for so long is replaced. */
  workerTimeoutMs: {
    key: 'worker_timeout',
    kind: duration(MIN_WORKER_TIMEOUT_MS),
    default: '10s',
    about: 'A worker that does not report to the master for so long, from 2s on, hangs: it is killed and replaced.',
    applies: 'live',
  },
  /** Cores that workers are pinned to: `auto`: one each, in turn; a list: these in turn; `off`: none. */
  cpuAffinity: {
    key: 'cpu_affinity',
    kind: text<'auto' | 'off' | readonly number[]>('auto, off or a list of cores', parseAffinity, String, {
      type: ['string', 'integer'],
    }),
    default: 'off',
    about: 'Cores that workers are pinned to, in turn: `auto` means all, a list such as `0,2-5` these. Linux only.',
    applies: 'worker-restart',
  },
  /** Scheduling priority of the workers, 0–19: the higher, the later it is their turn. */
  workerNice: {
    key: 'worker_nice',
    kind: count(0, 19, 'a number from 0 to 19'),
    default: '0',
    about: 'Scheduling priority of the workers: the higher, the later it is their turn.',
    applies: 'worker-restart',
  },
  /** What a worker may hold for its clients; `auto`: its part of the memory there is; 0: any amount. */
  maxMemoryBytes: {
    key: 'max_memory',
    kind: sizeOr<'auto' | 0>({ minBytes: MIN_MEMORY_BYTES }, { auto: 'auto', none: 0 }),
    default: 'auto',
    about:
      'What each worker may hold for its clients: unfinished requests, replies not yet read, requests that servers have ' +
      'not taken. Over it, whoever holds most is cut off first. `auto`: 75 % of the memory of the machine or the ' +
      'container, divided by the workers, less 256mb for the worker itself; at least 64mb.',
    applies: 'live',
  },
} as const satisfies SettingTable;

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

type SocketAddress = { readonly path: string; readonly mode: number };

function parseAdminSocket(text: string): SocketAddress {
  if (!text.startsWith('/')) throw new SettingError(`must be an absolute path, not ${JSON.stringify(text)}`);
  const { path, mode } = parseListenAddress(text, 0, 'bracketed-ipv6') as Extract<
    ListenAddress,
    { readonly path: string }
  >;
  return { path, mode: mode ?? OWN_ONLY };
}

function adminAddress(): Kind<HostPort | null> {
  const read = (text: string): HostPort | null => {
    if (text === 'false') return null;
    if (!text.includes(':')) throw new SettingError(`must be host:port or false, not ${JSON.stringify(text)}`);
    return parseHostPort(text, 0, 'bracketed-ipv6').address;
  };
  const json = { anyOf: [{ type: 'string', pattern: ':[0-9]+$' }, { enum: [false, 'false'] }] };
  return text('host:port, or false', read, address => (address === null ? 'false' : addressText(address)), json);
}

function adminOfPeer(): Kind<string> {
  return text('host:port', read => {
    parseHostPort(read, 1, 'bracketed-ipv6');
    return read;
  });
}

/** What can stand in a header. Never shown in messages. */
function checkToken(text: string): string {
  if (!/^[\x21-\x7e]+$/.test(text)) throw new SettingError('must be printable ASCII characters without spaces');
  return text;
}

function checkUnixName(name: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/.test(name)) throw new SettingError('must be a name or a number');
  return name;
}

function checkLogFile(text: string): string {
  if (text === '' || text.includes('\0')) throw new SettingError('must be the path of a file');
  return text;
}
