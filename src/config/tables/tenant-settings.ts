import { keyPrefix } from '../../settings/key-prefix.ts';
import { count, duration } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';

/** What keeps apart those who share servers. */
export const TENANT_SETTINGS = {
  /** Null: keys are on the servers as clients name them. */
  keyPrefix: {
    key: 'key_prefix',
    kind: keyPrefix(),
    default: null,
    unset: 'none',
    about:
      "What the names of the pool's keys and channels begin with on the servers, and only there: clients that share servers with " +
      'those of other pools neither see nor reach what is theirs; see [Tenants](tenants.md).',
    applies: 'new-pool',
  },
  sweepTimeoutMs: {
    key: 'sweep_timeout',
    kind: duration(1),
    default: '60s',
    about:
      'Time that DBSIZE, RANDOMKEY, FLUSHDB, FLUSHALL or memcached’s `flush_all` of a client whose keys have a `key_prefix` may take: ' +
      'servers look through all of their keys for them. The steps of a Redis server are requests with `timeout`. It is also how long ' +
      'such a request waits for its turn.',
    applies: 'live',
  },
  /** Per worker. */
  maxSweeps: {
    key: 'max_sweeps',
    kind: count(1),
    default: '2',
    about:
      'How many of those requests the servers of the pool are asked at once, by each worker. More wait, those of a tenant that has ' +
      'fewer at the servers before others.',
    applies: 'live',
  },
} as const satisfies SettingTable;
