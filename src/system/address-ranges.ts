import { BlockList, isIP } from 'node:net';

/** Who comes over a unix socket, as a range. */
export const OVER_UNIX = 'unix';

interface Range {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  /** Null: one address. */
  readonly bits: number | null;
}

/** Null: it is no address and no range in CIDR notation, as in `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`. */
export function readRange(text: string): Range | null {
  const [, address = '', bitsText] = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) return null;
  const bits = bitsText === undefined ? null : Number(bitsText);
  if (bits !== null && bits > (version === 4 ? 32 : 128)) return null;
  return { address, family: version === 4 ? 'ipv4' : 'ipv6', bits };
}

/** Addresses of clients. IPv4 in IPv6's notation (`::ffff:10.1.2.3`) is IPv4. */
export class AddressRanges {
  private readonly list = new BlockList();
  private readonly hasUnix: boolean;

  /** `texts`: each `OVER_UNIX`, or as `readRange` takes it. */
  constructor(texts: readonly string[]) {
    this.hasUnix = texts.includes(OVER_UNIX);
    for (const text of texts) {
      const range = readRange(text);
      if (range === null) continue;
      if (range.bits === null) this.list.addAddress(range.address, range.family);
      else this.list.addSubnet(range.address, range.bits, range.family);
    }
  }

  /** `peer`: as `StreamSocket.peer`: `10.1.2.3:4711`, `[::1]:4711`, or whatever it is of a unix socket. */
  covers(peer: string): boolean {
    const [, v6, v4] = /^(?:\[([^\]]+)\]|([0-9.]+)):\d+$/.exec(peer) ?? [];
    if (v6 !== undefined) return this.list.check(v6, 'ipv6');
    if (v4 !== undefined) return this.list.check(v4, 'ipv4');
    return this.hasUnix;
  }
}
