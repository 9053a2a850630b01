import { listOf, text } from '../settings/kinds.ts';
import type { SettingTable } from '../settings/setting.ts';
import { SettingError } from '../settings/setting-error.ts';
import { OVER_UNIX, readRange } from '../system/address-ranges.ts';

const addressRange = () =>
  text('address, range or unix', written => {
    if (written === OVER_UNIX || readRange(written) !== null) return written;
    throw new SettingError(
      `${JSON.stringify(written)} is no address or range such as 10.0.0.0/8 or 2001:db8::/32, nor the word ${OVER_UNIX}`,
    );
  });

const ranges = () => listOf(addressRange(), 'address, range such as 10.0.0.0/8, or unix, or several');

/** Who may connect, by where from. */
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
} as const satisfies SettingTable;
