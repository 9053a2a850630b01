import { ProxyIntake } from '../../socket/proxy-intake.ts';
import type { StreamSocket } from '../../socket/stream-socket.ts';
import { AddressRanges } from '../../system/address-ranges.ts';
import type { Log } from '../../system/log.ts';
import type { GreetingPlaces } from './greeting-places.ts';

/** Who may come in, as ranges of addresses; see `AddressRanges`. Null: everybody, nobody, nobody. */
export interface GateOptions {
  readonly allow: readonly string[] | null;
  readonly deny: readonly string[] | null;
  /** Balancers, which say first who the client is. */
  readonly balancers: readonly string[] | null;
}

export interface GateHost {
  readonly log: Log;
  readonly poolName: string;
  readonly stats: { deniedClients: number };
  readonly greetings: GreetingPlaces;
}

/** A client may come in; `isForTls`: as when it was accepted, whatever the pool speaks by now. */
type Pass = (socket: StreamSocket, isForTls: boolean) => void;

/**
 * Looks at who connects before anything is read or spoken:
 *
 *   accepted ─▶ a balancer: its PROXY header says who the client is ─▶ deny, allow ─▶ TLS, or the pool itself
 */
export class Gate {
  private readonly host: GateHost;
  private readonly pass: Pass;
  private readonly allow: AddressRanges | null;
  private readonly deny: AddressRanges | null;
  private readonly balancers: AddressRanges | null;
  private readonly proxied: ProxyIntake;

  constructor({ allow, deny, balancers }: GateOptions, host: GateHost, pass: Pass) {
    this.host = host;
    this.pass = pass;
    this.allow = rangesOf(allow);
    this.deny = rangesOf(deny);
    this.balancers = rangesOf(balancers);
    this.proxied = new ProxyIntake(host, (socket, isForTls) => this.judge(socket, isForTls));
  }

  /** Null where nobody is kept out and nothing is said first. */
  static of(options: GateOptions, host: GateHost, pass: Pass): Gate | null {
    const { allow, deny, balancers } = options;
    return allow === null && deny === null && balancers === null ? null : new Gate(options, host, pass);
  }

  /** `isForTls`: see `ProxyIntake.enter`. */
  enter(socket: StreamSocket, isForTls: boolean): void {
    if (this.balancers?.covers(socket.peer)) {
      this.host.greetings.enter(socket, false, onOver => this.proxied.enter(socket, isForTls, onOver));
    } else this.judge(socket, isForTls);
  }

  /** No header of a balancer is to come. */
  get isIdle(): boolean {
    return this.proxied.isIdle;
  }

  /** Resolves when that is so. */
  finish(): Promise<void> {
    return this.proxied.finish();
  }

  private judge(socket: StreamSocket, isForTls: boolean): void {
    const { peer } = socket;
    const isIn = (this.allow === null || this.allow.covers(peer)) && !this.deny?.covers(peer);
    if (isIn) {
      this.pass(socket, isForTls);
      return;
    }
    this.host.stats.deniedClients++;
    this.host.log.warn({ pool: this.host.poolName, client: peer }, 'client refused: its address is not allowed');
    socket.destroy();
  }
}

function rangesOf(texts: readonly string[] | null): AddressRanges | null {
  return texts === null ? null : new AddressRanges(texts);
}
