import { isIPv6 } from 'node:net';
import {
  count,
  duration,
  durationOrNone,
  flag,
  type Kind,
  listOf,
  oneOf,
  password,
  size,
  text,
} from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';
import { checkZone, zonedAddress } from '../../settings/zones.ts';
import type { DeclaredCommand } from '../declared-traits.ts';

const MAX_DATABASES = 1000;
const NAME = /^[a-z0-9_.-]{1,32}([| ][a-z0-9_.-]{1,32})?$/i;
const DECLARED = /^(\S+) +(\d{1,3}) +(-?\d{1,3}) +(\d{1,3}) +(read|write)$/i;

/** `flushdb`, or `config|set` or `config set` for a subcommand; in lower case, with `|`. */
function commandName(): Kind<string> {
  return text('the name of a command', read => {
    if (!NAME.test(read)) throw new SettingError(`is no name of a command: ${JSON.stringify(read)}`);
    return read.toLowerCase().replace(' ', '|');
  });
}

/** `name first last step read|write`. */
function declaredCommand(): Kind<DeclaredCommand> {
  const read = (line: string): DeclaredCommand => {
    const [, name, first, last, step, effect] = DECLARED.exec(line) ?? [];
    const command = {
      name: String(name).toLowerCase(),
      firstKey: Number(first),
      lastKey: Number(last),
      keyStep: Number(step),
      isWrite: effect?.toLowerCase() === 'write',
    };
    const isOrdered = command.lastKey < 0 || command.lastKey >= command.firstKey;
    if (effect === undefined || !NAME.test(command.name) || command.name.includes('|')) {
      throw new SettingError(`must be such as "my.mset 1 -1 2 write", not ${JSON.stringify(line)}`);
    }
    if (command.firstKey < 1 || command.keyStep < 1 || !isOrdered) {
      throw new SettingError(`places of keys are 1 or more, the last not before the first: ${JSON.stringify(line)}`);
    }
    return command;
  };
  const write = ({ name, firstKey, lastKey, keyStep, isWrite }: DeclaredCommand): string =>
    `${name} ${firstKey} ${lastKey} ${keyStep} ${isWrite ? 'write' : 'read'}`;
  return text('name, first key, last key, step, read or write', read, write);
}

/** Where clients reach the pool: `host:port`, `[v6]:port`. */
function endpoint(): Kind<{ readonly host: string; readonly port: number }> {
  const read = (written: string) => {
    const [, v6, name, portText] = /^(?:\[([^\]]+)\]|([^\s:[\]/*]+)):(\d{1,5})$/.exec(written) ?? [];
    const port = Number(portText);
    if ((v6 === undefined ? name === undefined : !isIPv6(v6)) || port < 1 || port > 65_535) {
      throw new SettingError(`must be host:port, not ${JSON.stringify(written)}`);
    }
    return { host: v6 ?? (name as string), port };
  };
  return text('host:port', read, ({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`));
}

/** What only pools of this protocol have, beside what all pools have. */
export const REDIS_SETTINGS = {
  redisAuth: {
    key: 'redis_auth',
    kind: password(),
    default: null,
    unset: 'unset',
    twemproxy: { ...password(), takes: 'the password' },
    about: 'Password clients must give with AUTH, and which is given to the servers. Redis only.',
    applies: 'new-connections',
  },
  redisDb: {
    key: 'redis_db',
    kind: count(0),
    default: '0',
    twemproxy: count(0),
    about: 'Database selected on every server connection. Redis only.',
    applies: 'live',
  },
  /** Numbered from 0, as on the servers. */
  databases: {
    key: 'databases',
    kind: count(1, MAX_DATABASES),
    default: '1',
    about:
      'Databases that clients of a Redis pool may SELECT, 0 to one less; the servers need as many. Each has server connections of ' +
      'its own, opened on demand and closed after a minute without use. With 1 the pool is one database, `redis_db`.',
    applies: 'live',
  },
  resp3: {
    key: 'resp3',
    kind: oneOf<'auto' | 'off'>('choice', ['auto', 'off']),
    default: 'auto',
    about:
      'Whether clients of a Redis pool may change to RESP3 by HELLO 3: where all servers speak it, or not at all. Where they may not, ' +
      'they read NOPROTO, and go on in RESP2.',
    applies: 'live',
  },
  /** A multi-key command that cannot be split and whose keys fall on different servers. */
  crossServer: {
    key: 'cross_server',
    kind: oneOf('policy', ['error', 'first_key']),
    default: 'error',
    isHarmlessElsewhere: true,
    about:
      'What becomes of a multi-key Redis command that cannot be split when its keys live on different servers: ' +
      "an error that says so, or (twemproxy's way, with wrong answers) all of it to the first key's server.",
    applies: 'live',
  },
  /** Scripts of clients whose keys have a prefix. */
  scriptsUnderPrefix: {
    key: 'scripts_under_prefix',
    kind: oneOf<'refuse' | 'allow'>('choice', ['refuse', 'allow']),
    default: 'refuse',
    about:
      'Whether clients whose keys have a `key_prefix` may run scripts and functions. The keys that they are given have the prefix, but ' +
      'nothing keeps them from using others: allow it only to clients that may see all of the servers. Redis only.',
    applies: 'live',
    isHarmlessElsewhere: true,
  },
  /** Where EVAL and its like run that name no key, in pools of several servers. */
  keylessScripts: {
    key: 'keyless_scripts',
    kind: oneOf<'error' | 'any' | 'all'>('place', ['error', 'any', 'all']),
    default: 'error',
    about:
      'Where a script or function without keys runs in a Redis pool of several servers: nowhere, with an error that says so; ' +
      'on any of them (for what computes and leaves nothing behind); or on all, and the first one’s reply is the answer.',
    applies: 'live',
  },
  /** What KEYS may collect of several servers. */
  keysLimitBytes: {
    key: 'keys_limit',
    kind: size(1024),
    default: '64mb',
    about: 'Bytes that the reply to KEYS may have in a Redis pool of several servers; with more it is an error.',
    applies: 'live',
  },
  /** 0: none are kept. */
  scriptMemoryBytes: {
    key: 'script_memory',
    kind: size(0),
    default: '4mb',
    about:
      'Bytes of scripts (EVAL, SCRIPT LOAD) and libraries (FUNCTION LOAD) that each worker keeps for a Redis pool, for servers that lose ' +
      'them or come later. 0: none, and NOSCRIPT reaches the client.',
    applies: 'live',
  },
  deniedCommands: {
    key: 'deny_commands',
    kind: listOf(commandName(), 'list of commands'),
    default: null,
    unset: 'none',
    about:
      'Redis commands that clients of this pool may not use, such as `[flushdb, keys, config|get]`; a container (`script`) ' +
      'stands for all its subcommands.',
    applies: 'live',
  },
  learnsCommands: {
    key: 'learn_commands',
    kind: flag(),
    default: 'true',
    about:
      'Whether the servers of a Redis pool are asked (COMMAND) about a command that Ringmaster does not know, of a module for ' +
      'instance, when a client first uses one; a minute later at the earliest they are asked again.',
    applies: 'live',
  },
  declaredCommands: {
    key: 'commands',
    kind: listOf(declaredCommand(), 'list of `name first last step read` or `… write`'),
    default: null,
    unset: 'none',
    about:
      'Commands that Ringmaster does not know, of modules for instance: the name, the places of the first and the last key ' +
      '(negative: from the end) and the step between keys, the name being 0, and whether it writes: `[my.mset 1 -1 2 write]`.',
    applies: 'live',
  },
  readFrom: {
    key: 'read_from',
    kind: oneOf<'primary' | 'prefer_primary' | 'replica' | 'prefer_replica' | 'any' | 'nearest'>('choice', [
      ...(['primary', 'prefer_primary', 'replica', 'prefer_replica', 'any', 'nearest'] as const),
    ]),
    default: 'primary',
    about:
      'Which servers answer commands that only read, where there are replicas; see [replicas.md](replicas.md). What a replica ' +
      'answers may be out of date.',
    applies: 'live',
  },
  replicaUnavailable: {
    key: 'replica_unavailable',
    kind: oneOf<'primary' | 'error'>('choice', ['primary', 'error']),
    default: 'primary',
    about: 'With `read_from: replica`, who answers a read while no replica can.',
    applies: 'live',
  },
  replicaCheckMs: {
    key: 'replica_check',
    kind: duration(100, 3_600_000),
    default: '1s',
    about:
      'How often the master asks replicas whether they follow their primary, and how long one may take to answer at most.',
    applies: 'live',
  },
  maxLagMs: {
    key: 'max_lag',
    kind: durationOrNone(),
    default: '10s',
    about:
      'A replica that is behind its primary for longer is left out; it is measured as often as `replica_check` says.',
    applies: 'live',
  },
  nearestToleranceMs: {
    key: 'nearest_tolerance',
    kind: duration(0, 60_000),
    default: '1ms',
    about: 'With `read_from: nearest`, servers that are slower than the nearest by no more share the reads with it.',
    applies: 'live',
  },
  readYourWritesMs: {
    key: 'read_your_writes',
    kind: durationOrNone(),
    default: 'none',
    about: 'For so long after it has written something a client reads from primaries.',
    applies: 'live',
  },
  availabilityZone: {
    key: 'availability_zone',
    kind: text('text', checkZone),
    default: null,
    unset: 'unset',
    about:
      'Where this proxy stands: replicas in the same zone are read from first, whatever `read_from` has to choose from.',
    applies: 'live',
  },
  zones: {
    key: 'zones',
    kind: listOf(zonedAddress(), 'list of `address=zone`'),
    default: null,
    unset: 'none',
    about: 'Where servers stand that are found: `[10.0.0.1:6379=eu-1a, 10.0.0.2=eu-1b]`.',
    applies: 'live',
  },
  presentAs: {
    key: 'present_as',
    kind: oneOf<'server' | 'cluster'>('way', ['server', 'cluster']),
    default: 'server',
    about:
      'What a Redis pool is to its clients: one server, or a Redis Cluster of one node that has all slots, for libraries in cluster ' +
      'mode. Whatever it is made of; see [cluster.md](cluster.md#libraries-in-cluster-mode).',
    applies: 'live',
  },
  /** Null: each client where it has connected. */
  advertise: {
    key: 'advertise',
    kind: endpoint(),
    default: null,
    unset: 'where the client has connected',
    about: 'With `present_as: cluster`: where clients are told to reach the pool, `host:port`.',
    applies: 'live',
  },
  clientSubscriptions: {
    key: 'client_subscriptions',
    kind: count(1),
    default: '100000',
    isHarmlessElsewhere: true,
    about: 'Channels and patterns that one client may subscribe to; it reads an error above that. Redis only.',
    applies: 'live',
  },
  workerSubscriptions: {
    key: 'worker_subscriptions',
    kind: count(1),
    default: '1000000',
    isHarmlessElsewhere: true,
    about:
      'Channels and patterns that the clients of one worker may subscribe to, each client counted; above that they read an error. ' +
      'Redis only.',
    applies: 'live',
  },
} as const satisfies SettingTable;
