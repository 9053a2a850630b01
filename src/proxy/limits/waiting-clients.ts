import { Fifo } from '../../memory/fifo.ts';
import { type RateShare, ROUNDING } from './rate-share.ts';

/** A client, as one of its limiters knows it. */
export class LimitedClient {
  /** Of those who waited, each may ask so much before it is the next one's turn. */
  allowance = Number.POSITIVE_INFINITY;
  isWaiting = false;
  /** What its next request has to have, beside what all need. */
  wanted: LimitedCommands | null = null;
  /** It waits until so many may go on at once, … */
  requests = 1;
  /** … of which so many have to have `wanted`. */
  ofWanted = 1;
  isGone = false;
  /** What it sends next waits until then, because of what it has sent, and of this limit; empty: of another tenant's. */
  slowedUntilMs = 0;
  slowedBy = '';
  private readonly wake: () => void;

  constructor(wake: () => void) {
    this.wake = wake;
  }

  /** It was just let go on. */
  get hasTurn(): boolean {
    return this.allowance > 0 && this.allowance !== Number.POSITIVE_INFINITY;
  }

  wants(requests: number, wanted: LimitedCommands | null, ofWanted: number): void {
    this.requests = requests;
    this.wanted = wanted;
    this.ofWanted = ofWanted;
  }

  slow(untilMs: number, name: string): void {
    if (untilMs <= this.slowedUntilMs) return;
    this.slowedUntilMs = untilMs;
    this.slowedBy = name;
  }

  goOn(allowance: number): void {
    this.isWaiting = false;
    this.requests = 1;
    this.ofWanted = 1;
    this.allowance = allowance;
    this.wake();
  }
}

/** A limit that only some commands have. */
export interface LimitedCommands {
  readonly share: RateShare;
  readonly commands: ReadonlySet<string>;
  /** Others must not wait behind them. */
  readonly waiting: WaitingClients;
}

/** Those who wait, in the order they came; each has its turn, with a part of what there is. */
export class WaitingClients {
  private readonly clients = new Fifo<LimitedClient>();

  get length(): number {
    return this.clients.length;
  }

  get first(): LimitedClient | undefined {
    return this.clients.peek();
  }

  /** The first of them would have several requests let through at once. */
  get isSaving(): boolean {
    const { first } = this;
    return first !== undefined && first.requests > 1;
  }

  add(client: LimitedClient): void {
    this.clients.push(client);
  }

  shift(): LimitedClient | undefined {
    return this.clients.shift();
  }

  /**
   * Lets those go on whom `isOpen` lets, up to `available` requests; the others keep their order. Who would have several let
   * through at once saves up for them: nobody behind it takes what it lacks. Returns how many go on, those who are gone among them.
   */
  serve(available: number, isOpen: (client: LimitedClient) => boolean): number {
    const { clients } = this;
    const count = clients.length;
    const part = Math.max(1, Math.floor(available / count));
    let left = available;
    let served = 0;
    let isSaving = false;
    for (let i = 0; i < count; i++) {
      const client = clients.shift() as LimitedClient;
      if (client.isGone) client.goOn(Number.POSITIVE_INFINITY);
      // Whoever were let go on by less than it needs would find it taken by those before it, and have lost its turn.
      else if (isSaving || !isOpen(client) || left < client.requests - ROUNDING) {
        isSaving ||= client.requests > 1;
        clients.push(client);
        continue;
      } else {
        const taken = Math.max(part, client.requests);
        left -= taken;
        client.goOn(taken);
      }
      served++;
    }
    return served;
  }
}
