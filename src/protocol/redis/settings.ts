import { count, oneOf, password } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';

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
} as const satisfies SettingTable;
