import { ANY_TEXT_JSON, text } from '../settings/kinds.ts';
import type { SettingTable } from '../settings/setting.ts';
import { addressText } from './address.ts';
import { checkAlias, parseServerAddress, parseWeight } from './addresses.ts';

/** The long form of a server. What these become is `ServerConfig`: the name follows from the address when it is not given. */
export const SERVER_SETTINGS = {
  address: {
    key: 'address',
    kind: text('host:port, [v6]:port, or /path', parseServerAddress, ({ address }) => addressText(address)),
    about: 'Where the server listens. Host names are looked up again on every reconnect.',
    applies: 'live',
  },
  weight: {
    key: 'weight',
    kind: text('number, at least 1', parseWeight, String, { type: 'integer', minimum: 1 }),
    default: '1',
    about: 'Its share of the keys against the other servers.',
    applies: 'live',
  },
  name: {
    key: 'name',
    kind: text('text', checkAlias, String, ANY_TEXT_JSON),
    default: null,
    unset: 'the address',
    about: 'Its name in the ring and in the metrics. A server that moves keeps its keys when it keeps its name.',
    applies: 'live',
  },
} as const satisfies SettingTable;
