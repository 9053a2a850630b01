import { count, duration, listOf, oneOf, size, text } from '../../settings/kinds.ts';
import { byteRate, type Rate, rateOf, readCount, readRate, writeRate } from '../../settings/rates.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';

/*
 * What a tenant may ask: all clients of a pool together, all of one address, all of one user; over all workers.
 */

/** Below this the share of a worker is used up between two looks at the clock. */
const MIN_BURST_MS = 10;
const MAX_BURST_MS = 24 * 3_600_000;
const MIN_ADDRESSES = 16;
const MAX_ADDRESSES = 1_000_000;
const COMMAND_LIMIT = /^(@?[a-z0-9_.-]{1,32}(?:\|[a-z0-9_.-]{1,32})?)\s+(\S+)$/i;

/** How often a command, or the commands of a category, may be asked for. */
export interface CommandLimit extends Rate {
  /** `@write`, or `keys`, `config|get`; in lower case. */
  readonly name: string;
}

function commandLimit() {
  const read = (written: string): CommandLimit => {
    const [, name, rate] = COMMAND_LIMIT.exec(written) ?? [];
    if (name === undefined || rate === undefined) {
      throw new SettingError(`must be such as "@write 1000/s" or "keys 1/10s", not ${JSON.stringify(written)}`);
    }
    return { name: name.toLowerCase(), ...readRate(rate, amount => readCount(amount, 'requests')) };
  };
  const write = (limit: CommandLimit) => `${limit.name} ${writeRate(limit, String)}`;
  return text<CommandLimit>('@category or command, and how often', read, write);
}

export const LIMIT_SETTINGS = {
  requests: {
    key: 'requests',
    kind: rateOf('requests'),
    default: null,
    unset: 'unlimited',
    about: 'Requests, such as `1000/s` or `1/10s`; each of a pipeline or transaction counts.',
    applies: 'live',
  },
  bytesIn: {
    key: 'bytes_in',
    kind: byteRate(),
    default: null,
    unset: 'unlimited',
    about: 'Bytes of requests, such as `10mb/s`.',
    applies: 'live',
  },
  bytesOut: {
    key: 'bytes_out',
    kind: byteRate(),
    default: null,
    unset: 'unlimited',
    about:
      'Bytes of replies and messages. What a reply has is known when it is there: the next requests wait until it is paid for.',
    applies: 'live',
  },
  commands: {
    key: 'commands',
    kind: listOf(commandLimit(), '@category or command, and how often; or several'),
    default: null,
    unset: 'unlimited',
    about:
      "How often commands may be asked for, by category or name: `['@write 1000/s', 'keys 1/10s']`; Redis's categories " +
      '(`ACL CAT`), in memcached pools `@read` and `@write`. A command has to keep within all that it belongs to.',
    applies: 'live',
  },
  pending: {
    key: 'pending',
    kind: count(1),
    default: null,
    unset: 'unlimited',
    about: 'Requests at once that are not answered.',
    applies: 'live',
  },
  requestBytes: {
    key: 'request_bytes',
    kind: size(64),
    default: null,
    unset: 'max_request_bytes',
    about: 'The largest request; a larger one is refused.',
    applies: 'live',
  },
  requestKeys: {
    key: 'request_keys',
    kind: count(1),
    default: null,
    unset: 'unlimited',
    about: 'The most keys that one request may name; one of more is refused.',
    applies: 'live',
  },
  burstMs: {
    key: 'burst',
    kind: duration(MIN_BURST_MS, MAX_BURST_MS),
    default: '1s',
    about:
      'Who has asked for less may ask for more at once, up to what the rate allows in so long; one request at least.',
    applies: 'live',
  },
  over: {
    key: 'over',
    kind: oneOf('over', ['wait', 'error'] as const),
    default: 'wait',
    about: 'What is over a limit waits, and its client is not read from; or `error`: it is refused.',
    applies: 'live',
  },
} as const satisfies SettingTable;

/** Of the clients of a user, or of an address; a pool has `client_connections`. */
export const HOLDER_LIMIT_SETTINGS = {
  connections: {
    key: 'connections',
    kind: count(1),
    default: null,
    unset: 'unlimited',
    about:
      'Connections at once, over all workers; further ones are refused: of an address when they come, of a user when they sign in. ' +
      'A pool has `client_connections` instead.',
    applies: 'live',
  },
  ...LIMIT_SETTINGS,
} as const satisfies SettingTable;

/** Of a pool, for all its clients. */
export const POOL_LIMIT_SETTINGS = {
  limits: {
    key: 'limits',
    settings: LIMIT_SETTINGS,
    default: null,
    takes: 'a map of limits',
    example: '{ requests: 10000/s }',
    unset: 'off',
    about: 'What all clients of the pool together may ask; see [Tenants](tenants.md#limits).',
  },
  addressLimits: {
    key: 'address_limits',
    settings: HOLDER_LIMIT_SETTINGS,
    default: null,
    takes: 'a map of limits',
    example: '{ requests: 1000/s }',
    unset: 'off',
    about:
      'What the clients of one address together may ask; of IPv6, of one /64. Clients of unix sockets have no address, and ' +
      'none of these limits.',
  },
  limitAddresses: {
    key: 'limit_addresses',
    kind: count(MIN_ADDRESSES, MAX_ADDRESSES),
    default: '10000',
    about:
      'Addresses that each worker keeps account of at once for `address_limits`. The clients of further ones share the ' +
      'account of one address.',
    applies: 'live',
  },
} as const satisfies SettingTable;
