import { ANY_TEXT_JSON, duration, listOf, password, text } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { addressText } from '../address.ts';
import { parseHostPort } from '../addresses.ts';

const MIN_REFRESH_MS = 100;
const MAX_REFRESH_MS = 24 * 3_600_000;
const MIN_TIMEOUT_MS = 10;
const MAX_TIMEOUT_MS = 60_000;

/** What a pool says of the Sentinels that look after its servers. */
export const SENTINEL_SETTINGS = {
  addresses: {
    key: 'addresses',
    kind: listOf(
      text('host:port', written => parseHostPort(written, 1, 'bracketed-ipv6').address, addressText),
      'list of host:port',
    ),
    about: 'The Sentinels, as `host:port`: all of them, since any may be the one that is left.',
    applies: 'live',
  },
  user: {
    key: 'user',
    kind: text('text', String, String, ANY_TEXT_JSON),
    default: null,
    unset: 'unset',
    about: 'What the Sentinels are given with AUTH before `password`, where they have users.',
    applies: 'live',
  },
  password: {
    key: 'password',
    kind: password(),
    default: null,
    unset: 'unset',
    about: 'Password of the Sentinels; that of the servers is `redis_auth`.',
    applies: 'live',
  },
  /** Of one answer, connecting included. */
  timeoutMs: {
    key: 'timeout',
    kind: duration(MIN_TIMEOUT_MS, MAX_TIMEOUT_MS),
    default: '500ms',
    about: 'How long a Sentinel has to answer, connecting included, before the next one is asked; a server, too.',
    applies: 'live',
  },
  refreshIntervalMs: {
    key: 'refresh_interval',
    kind: duration(MIN_REFRESH_MS, MAX_REFRESH_MS),
    default: '10s',
    about: 'How often the master asks who the masters are, when nothing hints at a change.',
    applies: 'live',
  },
  /** Hints may come by the thousand. */
  refreshMinMs: {
    key: 'refresh_min',
    kind: duration(MIN_REFRESH_MS, MAX_REFRESH_MS),
    default: '500ms',
    about: 'How soon after it has asked it may ask again, whatever hints at a change.',
    applies: 'live',
  },
} as const satisfies SettingTable;
