import { count, duration, type Kind, listOf, text } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';
import { addressText, type HostPort } from '../address.ts';
import { parseHostPort } from '../addresses.ts';

/** An address that nodes of a cluster tell, and where it is reached from here. Without ports: whatever the port is. */
export interface MappedAddress {
  readonly from: string;
  readonly to: string;
}

const MIN_REFRESH_MS = 100;
const MAX_REFRESH_MS = 24 * 3_600_000;
const MAX_REDIRECTS = 100;

/** What a pool says of the cluster behind it. */
export const CLUSTER_SETTINGS = {
  seeds: {
    key: 'seeds',
    kind: listOf(seed(), 'list of host:port'),
    about: 'Some of its nodes, as `host:port`: one that answers is enough. The others are found through it.',
    applies: 'live',
  },
  refreshIntervalMs: {
    key: 'refresh_interval',
    kind: duration(MIN_REFRESH_MS, MAX_REFRESH_MS),
    default: '30s',
    about: 'How often the master asks who has which slots, when nothing hints at a change.',
    applies: 'live',
  },
  /** Hints may come by the thousand. */
  refreshMinMs: {
    key: 'refresh_min',
    kind: duration(MIN_REFRESH_MS, MAX_REFRESH_MS),
    default: '1s',
    about:
      'How soon after it has asked it may ask again, however many redirects and lost connections hint at a change.',
    applies: 'live',
  },
  maxRedirects: {
    key: 'max_redirects',
    kind: count(0, MAX_REDIRECTS),
    default: '5',
    about: 'How often one request is sent on because a node says that another has its slot.',
    applies: 'live',
  },
  addressMap: {
    key: 'address_map',
    kind: listOf(mapping(), 'list of `from=to`'),
    default: null,
    unset: 'none',
    about:
      'Where nodes are reached that tell other addresses than ours (NAT, containers): `[10.0.0.1:7001=203.0.113.5:17001]`, or ' +
      'hosts alone, `[10.0.0.1=203.0.113.5]`.',
    applies: 'live',
  },
} as const satisfies SettingTable;

function seed(): Kind<HostPort> {
  return text('host:port', written => parseHostPort(written, 1, 'bracketed-ipv6').address, addressText);
}

function mapping(): Kind<MappedAddress> {
  const read = (written: string): MappedAddress => {
    const [from, to, ...more] = written.split('=').map(side => side.trim());
    if (!from || !to || more.length > 0 || isWithPort(from) !== isWithPort(to)) {
      throw new SettingError(
        `must be such as 10.0.0.1:7001=203.0.113.5:17001 or 10.0.0.1=203.0.113.5, not ${JSON.stringify(written)}`,
      );
    }
    return { from, to };
  };
  return text('from=to', read, ({ from, to }) => `${from}=${to}`);
}

function isWithPort(address: string): boolean {
  return /^(?:\[[^\]]+\]|[^:]+):\d+$/.test(address);
}
