import { ANY_TEXT_JSON, listOf, password, text } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { checkZone } from '../../settings/zones.ts';
import { addressText } from '../address.ts';
import {
  checkAlias,
  checkMasterName,
  parseReplica,
  parseServerAddress,
  parseWeight,
  replicaText,
} from '../addresses.ts';
import { userName } from './credential-settings.ts';

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
  replicas: {
    key: 'replicas',
    kind: listOf(
      text('address, or address and zone', parseReplica, replicaText),
      'list of `host:port` or `host:port zone`',
    ),
    default: null,
    unset: 'none',
    about: 'Servers that have copies of its keys, for `read_from`; behind each its zone, where that matters.',
    applies: 'live',
  },
  zone: {
    key: 'availability_zone',
    kind: text('text', checkZone, String, ANY_TEXT_JSON),
    default: null,
    unset: 'unset',
    about: 'Where the server stands, in the words of the pool’s `availability_zone`.',
    applies: 'live',
  },
  user: {
    key: 'user',
    kind: userName(),
    default: null,
    unset: 'the pool’s `server_user`',
    about: 'By which name it is told `password`: a user of Redis’s ACL, or of memcached.',
    applies: 'new-connections',
  },
  password: {
    key: 'password',
    kind: password(),
    default: null,
    unset: 'the pool’s `server_password`',
    about:
      'What it is told at first, where that differs from server to server; its replicas, too. See [Secrets](#secrets).',
    applies: 'new-connections',
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
