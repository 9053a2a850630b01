import { secret } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';

/** As memcached's text protocol wants them: a space parts the two, and a line end would end the value. */
const USER_AND_PASSWORD = /^[^\s:]+:[^\r\n]+$/;
const MAX_BYTES = 1024;

/** What only pools of this protocol have, beside what all pools have. */
export const MEMCACHED_SETTINGS = {
  memcachedAuth: {
    key: 'memcached_auth',
    kind: secret(text => {
      if (USER_AND_PASSWORD.test(text) && Buffer.byteLength(text) <= MAX_BYTES) return text;
      throw new SettingError('must be user:password, the user without spaces, 1 KiB at most');
    }),
    default: null,
    unset: 'unset',
    about:
      'User and password, as `user:password`, which clients must give, by a first `set` in text or by SASL PLAIN in binary, and ' +
      'which are given to the servers (memcached `-Y`). Memcached only.',
    applies: 'new-connections',
  },
} as const satisfies SettingTable;
