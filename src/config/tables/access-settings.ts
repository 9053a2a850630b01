import { listOf, oneOf, text } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';
import { OVER_UNIX, readRange } from '../../system/address-ranges.ts';

const addressRange = () =>
  text('address, range or unix', written => {
    if (written === OVER_UNIX || readRange(written) !== null) return written;
    throw new SettingError(
      `${JSON.stringify(written)} is no address or range such as 10.0.0.0/8 or 2001:db8::/32, nor the word ${OVER_UNIX}`,
    );
  });

const ranges = () => listOf(addressRange(), 'address, range such as 10.0.0.0/8, or unix, or several');

/** Who may connect, by where from, and what balancers and servers are told and tell of that. */
export const ACCESS_SETTINGS = {
  /** Null: everybody. */
  allow: {
    key: 'allow',
    kind: ranges(),
    default: null,
    unset: 'everybody',
    about:
      'Addresses and ranges that clients may come from; `unix` is whoever comes over a unix socket. Others are closed at once.',
    applies: 'new-connections',
  },
  /** Null: nobody. */
  deny: {
    key: 'deny',
    kind: ranges(),
    default: null,
    unset: 'nobody',
    about: 'Addresses and ranges whose clients are closed at once, also where `allow` has them.',
    applies: 'new-connections',
  },
  /** Null: nobody. */
  proxyProtocol: {
    key: 'proxy_protocol',
    kind: ranges(),
    default: null,
    unset: 'nobody',
    about:
      'Balancers, which say who the client is in a PROXY header, version 1 or 2, before anything else: their connections must ' +
      "begin with one, others must not. `allow`, `deny`, logs and `CLIENT LIST` go by the client's address then. " +
      'Name only who can be trusted to tell the truth.',
    applies: 'new-connections',
  },
  serverProxyProtocol: {
    key: 'server_proxy_protocol',
    kind: oneOf('server_proxy_protocol', ['off', 'v1', 'v2'] as const),
    default: 'off',
    about:
      'Begin each connection to a server with a PROXY header of this version, for what stands in front of servers and wants one ' +
      '(`accept-proxy` of HAProxy). It says that the connection is Ringmaster’s own, since it is that of many clients; see ' +
      '[operations.md](operations.md#servers-behind-a-proxy).',
    applies: 'new-connections',
  },
} as const satisfies SettingTable;
