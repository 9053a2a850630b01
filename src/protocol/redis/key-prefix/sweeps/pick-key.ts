import type { ServerSweep } from '../../../key-sweep.ts';
import { COLON, encodeReply, encodeRequest, isErrorReply, numberAfterType, type RespVersion } from '../../resp.ts';
import { PrefixSweep } from './prefix-sweep.ts';
import { KEYS_A_STEP } from './scan-page.ts';

/** Cursors are as large on no server. */
const CURSORS = 2 ** 48;

/** RANDOMKEY under a prefix: one of those that servers tell of from a place that is chosen by chance, those with more the more often. */
export class PickKey extends PrefixSweep {
  private readonly version: RespVersion;
  private servers: ServerPick[] = [];

  constructor(prefix: Buffer, maxBytes: number, version: RespVersion) {
    super('randomkey', prefix, maxBytes);
    this.version = version;
  }

  restart(): void {
    this.servers = [];
  }

  begin(): ServerSweep {
    const server = new ServerPick(this);
    this.servers.push(server);
    return server;
  }

  reply(): Buffer {
    const { servers, prefix } = this;
    let left = Math.random() * servers.reduce((sum, server) => sum + server.weight, 0);
    const chosen = servers.find(server => {
      left -= server.weight;
      return server.weight > 0 && left < 0;
    });
    const names = [...((chosen ?? servers.find(server => server.weight > 0))?.names ?? [])];
    const name = names[Math.floor(Math.random() * names.length)];
    return encodeReply(name === undefined ? null : Buffer.from(name, 'latin1').subarray(prefix.length), this.version);
  }
}

/**
 * Looks at one server's keys from any place on until some have the prefix; where that leads to the end, from the beginning, too. In a
 * small server all are seen so, and each comes as often.
 */
class ServerPick implements ServerSweep {
  readonly listing = null;
  readonly names = new Set<string>();
  keptBytes = 0;
  private readonly sweep: PickKey;
  private cursor: string | null = String(Math.floor(Math.random() * CURSORS));
  private isFromBeginning = false;
  /** Keys of the server, with the prefix or without. */
  private size = 0;
  private steps = 0;

  constructor(sweep: PickKey) {
    this.sweep = sweep;
  }

  /** About how many of its keys have the prefix. */
  get weight(): number {
    return this.names.size * Math.max(1, this.size / (KEYS_A_STEP * this.steps));
  }

  step(): readonly Buffer[] {
    if (this.cursor === null) return [];
    const scan = this.sweep.scan(this.cursor);
    return this.steps === 0 ? [scan, encodeRequest('DBSIZE')] : [scan];
  }

  take([scanned, sized]: readonly Buffer[]): Buffer | null {
    if (sized?.[0] === COLON) this.size = numberAfterType(sized, 0);
    this.steps++;
    if (isErrorReply(scanned!) && !this.isFromBeginning) {
      // A server may not take cursors that are not its own.
      this.beginAnew();
      return null;
    }
    const page = this.sweep.pageOf(scanned!);
    if (Buffer.isBuffer(page)) return page;
    for (const name of page.names) {
      this.names.add(name.toString('latin1'));
      this.keptBytes += name.length;
    }
    const isAtEnd = page.cursor === '0';
    if (isAtEnd && !this.isFromBeginning) this.beginAnew();
    else this.cursor = isAtEnd || this.names.size > 0 ? null : page.cursor;
    return null;
  }

  private beginAnew(): void {
    this.isFromBeginning = true;
    this.cursor = '0';
  }
}
