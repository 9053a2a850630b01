import { namesOf, oneOf } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';

/** One port for several pools. */
export const PORT_SETTINGS = {
  /** Null: it is a pool of its own. */
  poolBy: {
    key: 'pool_by',
    kind: oneOf('pool_by', ['user', 'server_name', 'database'] as const),
    default: null,
    unset: 'off',
    about:
      'Makes this a port that several pools share, without servers of its own. What tells the pool of a client: the user that it ' +
      'signs in as, the name that it asks TLS for (SNI), or the database that it selects; see [tenants.md](tenants.md#one-port-for-several-pools).',
    applies: 'new-pool',
  },
  /** Name, and the pool that it leads to. */
  pools: {
    key: 'pools',
    kind: namesOf('pool'),
    default: null,
    unset: 'unset',
    about:
      'Where a port with `pool_by` leads: a map of users, server names or database numbers to the names of pools. Of users that are not ' +
      'here, it is the first of their pools. Of server names `"*"` is all others, and `"*.example.net"` all below.',
    applies: 'live',
  },
} as const satisfies SettingTable;
