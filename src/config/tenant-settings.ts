import { keyPrefix } from '../settings/key-prefix.ts';
import type { SettingTable } from '../settings/setting.ts';

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
} as const satisfies SettingTable;
