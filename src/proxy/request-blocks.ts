import type { RequestReading } from '../protocol/protocol.ts';
import type { RequestBytes } from '../request/request-bytes.ts';

/** What an operator has blocked in a pool. */
export interface BlockedThing {
  readonly kind: 'key' | 'prefix' | 'command' | 'client';
  /** Of a client: its address, with or without the port, IPv6 without brackets. */
  readonly value: string;
}

/** Which requests of a pool are refused because an operator said so. There is none of these where nothing is blocked. */
export class RequestBlocks {
  private readonly keys: readonly Buffer[];
  private readonly prefixes: readonly Buffer[];
  private readonly commands: ReadonlySet<string>;
  private readonly clients: readonly string[];
  readonly needsPeer: boolean;

  constructor(things: readonly BlockedThing[]) {
    const of = (kind: BlockedThing['kind']) => things.filter(thing => thing.kind === kind).map(({ value }) => value);
    this.keys = of('key').map(value => Buffer.from(value));
    this.prefixes = of('prefix').map(value => Buffer.from(value));
    this.commands = new Set(of('command'));
    this.clients = of('client').flatMap(value => [value, `[${value}]`, `[::ffff:${value}]`]);
    this.needsPeer = this.clients.length > 0;
  }

  /** `peer`: such as `10.1.2.3:4711` or `[::1]:4711`; not looked at unless `needsPeer`. */
  covers(parser: RequestReading, bytes: RequestBytes, peer: string): boolean {
    if (this.commands.has(parser.command)) return true;
    if (this.needsPeer && this.isBlockedClient(peer)) return true;
    if (this.keys.length === 0 && this.prefixes.length === 0) return false;
    const { keyStarts, keyEnds, keyCount } = parser;
    const buf = bytes.keyBuf;
    for (let i = 0; i < keyCount; i++) {
      if (this.isBlockedKey(buf, keyStarts[i] as number, keyEnds[i] as number)) return true;
    }
    return false;
  }

  private isBlockedClient(peer: string): boolean {
    const colon = peer.lastIndexOf(':');
    const host = colon < 0 ? peer : peer.slice(0, colon);
    return this.clients.includes(host) || this.clients.includes(peer);
  }

  private isBlockedKey(buf: Buffer, start: number, end: number): boolean {
    for (const key of this.keys) {
      if (key.length === end - start && key.compare(buf, start, end) === 0) return true;
    }
    for (const prefix of this.prefixes) {
      if (prefix.length <= end - start && prefix.compare(buf, start, start + prefix.length) === 0) return true;
    }
    return false;
  }
}
