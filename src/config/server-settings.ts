import { ANY_TEXT_JSON, text } from '../settings/kinds.ts';
import type { SettingTable } from '../settings/setting.ts';
import { addressText } from './address.ts';
import { checkAlias, checkMasterName, parseServerAddress, parseWeight } from './addresses.ts';

/** The long form of a server. What these become is `ServerConfig`: the name follows from the address when it is not given. */
export const SERVER_SETTINGS = {
  address: {
    key: 'address',
    kind: text('host:port, [v6]:port, or /path', parseServerAddress, ({ address }) => addressText(address)),
    default: null,
    unset: '**required**, or `master`',
    about: 'Where the server listens. Host names are looked up again on every reconnect.',
    applies: 'live',
  },
  master: {
    key: 'master',
    kind: text('name of a master', checkMasterName, String, ANY_TEXT_JSON),
    default: null,
    unset: 'unset',
    about:
      'In place of an address, in a pool with `sentinel`: the server is whoever Sentinel says is the master of that name. ' +
      'It is also its name in the ring, unless `name` is another.',
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
