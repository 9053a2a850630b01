import { ANY_TEXT_JSON, type Kind, password, text } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';

const MAX_USER_BYTES = 256;

/** Neither protocol can say a name with a space in it, and memcached none with a colon. */
export function userName(): Kind<string> {
  const read = (name: string): string => {
    if (/^[^\s:\0]+$/.test(name) && Buffer.byteLength(name) <= MAX_USER_BYTES) return name;
    throw new SettingError(`must be a name without spaces and colons, ${MAX_USER_BYTES} bytes at most`);
  };
  return text('name of a user', read, String, ANY_TEXT_JSON);
}

/** What a pool tells its servers, where that is not what its clients have to tell. */
export const CREDENTIAL_SETTINGS = {
  serverUser: {
    key: 'server_user',
    kind: userName(),
    default: null,
    unset: 'unset',
    about: 'By which name the servers are told `server_password`: a user of Redis’s ACL, or of memcached.',
    applies: 'new-connections',
  },
  serverPassword: {
    key: 'server_password',
    kind: password(),
    default: null,
    unset: '`redis_auth` or `memcached_auth`',
    about:
      'What the servers are told at first. Clients neither need nor get it: what they must give is `redis_auth` or ' +
      '`memcached_auth`, or nothing. See [Secrets](#secrets).',
    applies: 'new-connections',
  },
} as const satisfies SettingTable;
