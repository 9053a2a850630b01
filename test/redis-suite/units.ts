// Which units of Redis's own test suite run through a pool, and which of their tests do not.

/** Why a test is left out. */
export type Reason = keyof typeof REASONS;

export const REASONS = {
  administers: 'it administers the server with a command that pools refuse (docs/redis.md, Commands)',
  'held up':
    'it wants BUSY of PING, which Ringmaster answers itself, or of what clients ask on the connection that the script holds up (docs/redis.md, Keys on several servers)',
  'left later':
    'it counts subscribers before the client that leaves has read that it has left (docs/redis.md, Pub/Sub)',
  clock: 'it fails where one request takes longer than some tenths of a second, as on a busy machine',
  replicates: 'it reads what the server sends to replicas (docs/redis.md, Commands)',
  tracks: 'it wants CLIENT TRACKING (docs/redis.md, Connecting)',
  'all keys': 'SWAPDB concerns all keys of a server, which pools refuse (docs/redis.md, Commands)',
} as const;

export interface Unit {
  /** How many tests pass; fewer are a failure, as more are: then this number is to be raised. */
  readonly passing: number;
  readonly excluded?: Readonly<Partial<Record<Reason, readonly string[]>>>;
}

export const UNITS: Readonly<Record<string, Unit>> = {
  'unit/type/incr': { passing: 25 },
  'unit/type/string': { passing: 75 },
  'unit/type/hash': { passing: 73 },
  'unit/type/list-3': { passing: 11 },
  'unit/type/zset': { passing: 310 },
  'unit/keyspace': { passing: 53 },
  'unit/multi': {
    passing: 36,
    excluded: {
      administers: [
        'EXEC fails if there are errors while queueing commands #2',
        'DISCARD should not fail during OOM',
        'MULTI with SAVE',
        'MULTI with SHUTDOWN',
        'MULTI with config error',
      ],
      'all keys': [
        'SWAPDB is able to touch the watched keys that exist',
        'SWAPDB is able to touch the watched keys that do not exist',
        'SWAPDB does not touch watched stale keys',
        'SWAPDB does not touch non-existing key replaced with stale key',
        'SWAPDB does not touch stale key replaced with another stale key',
      ],
    },
  },
  'unit/sort': { passing: 52 },
  'unit/bitops': { passing: 45 },
  'unit/bitfield': { passing: 16 },
  'unit/hyperloglog': {
    passing: 16,
    excluded: {
      administers: [
        'HyperLogLog self test passes',
        'HyperLogLogs are promote from sparse to dense',
        'HyperLogLog sparse encoding stress test',
        'PFDEBUG GETREG returns the HyperLogLog raw registers',
      ],
    },
  },
  'unit/geo': { passing: 59 },
  'unit/scan': { passing: 17 },
  'unit/type/stream': { passing: 72 },
  'unit/type/stream-cgroups': { passing: 51 },
  'unit/type/set': { passing: 99 },
  'unit/type/list-2': { passing: 2 },
  'unit/expire': {
    passing: 55,
    excluded: {
      clock: [
        'EXPIRE - set timeouts multiple times',
        "EXPIRE - It should be still possible to read 'x'",
        'SETEX - Overwrite old key',
        'PERSIST can undo an EXPIRE',
        'PTTL returns time to live in milliseconds',
        'Redis should actively expire keys incrementally',
        'Redis should lazy expire keys',
      ],
      replicates: [
        'SCAN: Lazy-expire should not be wrapped in MULTI/EXEC',
        'RANDOMKEY: Lazy-expire should not be wrapped in MULTI/EXEC',
      ],
    },
  },
  'unit/other': {
    passing: 19,
    excluded: {
      administers: ['RESET clears MONITOR state', 'RESET clears authenticated state'],
      tracks: ['RESET clears client state'],
    },
  },
  'unit/dump': { passing: 12 },
  'unit/pubsub': {
    passing: 28,
    excluded: {
      'left later': [
        'PUBLISH/SUBSCRIBE after UNSUBSCRIBE without arguments',
        'PUBLISH/PSUBSCRIBE after PUNSUBSCRIBE without arguments',
      ],
    },
  },
  'unit/scripting': {
    passing: 256,
    excluded: {
      administers: ['Script ACL check'],
      'held up': [
        'Timedout read-only scripts can be killed by SCRIPT KILL',
        'Timedout read-only scripts can be killed by SCRIPT KILL even when use pcall',
        'Timedout script does not cause a false dead client',
        'Timedout script link is still usable after Lua returns',
      ],
    },
  },
  'unit/functions': {
    passing: 91,
    excluded: {
      'held up': [
        'FUNCTION - test function kill',
        'FUNCTION - test script kill not working on function',
        'FUNCTION - test function kill not working on eval',
      ],
    },
  },
};
