import type { Clock } from '../../loop/clock.ts';
import type { Turn, TurnTask } from '../../loop/turn.ts';
import { Fifo } from '../../memory/fifo.ts';
import type { FailureReason } from '../../request/failure.ts';
import { ReadyLine } from '../../socket/ready-lines.ts';
import type { LimitName, LimitOptions, RateOption } from './limit-options.ts';
import { PendingShare } from './pending-share.ts';
import { RateLimit, RateShare } from './rate-share.ts';
import { ASK_EVERY_MS, type ShareOffice, type ShareUser } from './share-office.ts';

/** Whose requests are limited together. */
export interface LimitedTenant {
  readonly pool: string;
  readonly scope: 'pool' | 'address' | 'user';
  /** An address, or the name of a user; of a pool its own. */
  readonly name: string;
}

export interface LimiterHost {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly office: ShareOffice;
  readonly stats: { limitWaits: number; limitRefusals: number; limitWaiting: number };
  /** What is in flight is to be answered, whatever it takes: the worker leaves. */
  readonly isLifted: boolean;
  /** It is over a limit now, and was not of late. */
  onOver(limiter: Limiter): void;
}

/** A client, as one of its limiters knows it. */
export class LimitedClient {
  readonly limiter: Limiter;
  /** Of those who waited, each may ask so much before it is the next one's turn. */
  allowance = Number.POSITIVE_INFINITY;
  isWaiting = false;
  /** What its next request has to have, beside what all need. */
  wanted: RateShare | null = null;
  isGone = false;
  private readonly wake: () => void;

  constructor(limiter: Limiter, wake: () => void) {
    this.limiter = limiter;
    this.wake = wake;
  }

  goOn(allowance: number): void {
    this.isWaiting = false;
    this.allowance = allowance;
    this.wake();
  }
}

interface LimitedCommands {
  readonly share: RateShare;
  readonly commands: ReadonlySet<string>;
}

/** No timer of ours is shorter. */
const SHORTEST_WAIT_MS = 1;

/**
 * The limits of one tenant in this worker, and its clients that wait because of them:
 *
 *   a request comes ─▶ all it needs is there ─▶ goes on, and takes it
 *                          └▶ its client waits, behind those who wait already ─▶ leased, filled, answered ─▶ each in turn a part
 *
 * Who waits for what only some commands need stands apart: others must not wait behind it.
 */
export class Limiter implements ShareUser, TurnTask {
  readonly tenant: LimitedTenant;
  readonly options: LimitOptions;
  private readonly host: LimiterHost;
  private readonly requests: RateShare | null;
  private readonly bytesIn: RateShare | null;
  private readonly bytesOut: RateShare | null;
  private readonly commands: readonly LimitedCommands[];
  private readonly shares: readonly RateShare[];
  private readonly waiting = new Fifo<LimitedClient>();
  private readonly waitingForCommand = new Fifo<LimitedClient>();
  /** Of the requests that are not answered; null: as many as its clients like. */
  private readonly pending: PendingShare | null;
  /** Where its clients wait to be read. */
  readonly line = new ReadyLine();
  private timer: NodeJS.Timeout | null = null;
  private timerAtMs = 0;
  private isServing = false;
  /** It has these. */
  clients = 0;
  /** Since then it has none. */
  idleSinceMs = 0;
  /** When somebody was last made to wait or refused, and because of what. */
  overAtMs = Number.NEGATIVE_INFINITY;
  over: LimitName = '';
  private readonly serveNow = (): void => {
    this.timer = null;
    this.serve();
  };

  constructor(tenant: LimitedTenant, options: LimitOptions, host: LimiterHost) {
    this.tenant = tenant;
    this.options = options;
    this.host = host;
    const shareOf = (name: string, rate: RateOption | null) =>
      rate === null ? null : new RateShare(shareKey(tenant, name, rate, options.burstMs), name, limitOf(rate, options));
    this.requests = shareOf('requests', options.requests);
    this.bytesIn = shareOf('bytes_in', options.bytesIn);
    this.bytesOut = shareOf('bytes_out', options.bytesOut);
    this.commands = options.commands.map(({ name, commands, rate }) => ({
      share: shareOf(`commands ${name}`, rate) as RateShare,
      commands,
    }));
    const all = [this.requests, this.bytesIn, this.bytesOut, ...this.commands.map(({ share }) => share)];
    this.shares = all.filter(share => share !== null);
    const { pending } = options;
    this.pending = pending === null ? null : new PendingShare(placesKey(tenant, pending), pending);
    for (const share of this.shares) host.office.open(share, this);
    if (this.pending !== null) host.office.open(this.pending, this);
  }

  /** Its clients are let go, and what it has leased is given back. */
  close(): void {
    for (const share of this.shares) this.host.office.close(share);
    if (this.pending !== null) this.host.office.close(this.pending);
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    for (const queue of [this.waiting, this.waitingForCommand]) {
      for (let client = queue.shift(); client !== undefined; client = queue.shift()) this.release(client);
    }
  }

  get waitingClients(): number {
    return this.waiting.length + this.waitingForCommand.length;
  }

  /** The next request of the client may not come yet; the client is woken when it may. */
  mustWait(client: LimitedClient, nowMs: number): boolean {
    if (this.host.isLifted) return false;
    if (client.isWaiting) return true;
    if (this.isOpen(client, nowMs)) {
      if (this.waiting.length === 0) {
        if (client.allowance <= 0) client.allowance = Number.POSITIVE_INFINITY;
        return false;
      }
      if (client.allowance > 0 && client.allowance !== Number.POSITIVE_INFINITY) return false;
    } else this.isOver(nowMs, client.wanted?.name);
    client.isWaiting = true;
    this.host.stats.limitWaits++;
    this.host.stats.limitWaiting++;
    (client.wanted === null ? this.waiting : this.waitingForCommand).push(client);
    this.arm(nowMs);
    return true;
  }

  /** What the command needs beside what all need is not there. */
  holdsUp(client: LimitedClient, command: string, nowMs: number): boolean {
    if (this.options.isRefusing) return false;
    client.wanted = this.dryFor(command, nowMs);
    return client.wanted !== null;
  }

  /** Why a request of so many bytes and keys is refused; null: it is not. */
  refusal(command: string, bytes: number, keys: number, nowMs: number): FailureReason | null {
    const { requestBytes, requestKeys, isRefusing } = this.options;
    const { pending } = this;
    if (requestBytes !== null && bytes > requestBytes) return 'limited_size';
    if (requestKeys !== null && keys > requestKeys) return 'limited_keys';
    if (!isRefusing) return null;
    const isFull = pending !== null && !pending.has(nowMs);
    const dry = this.dry(nowMs) ?? this.dryFor(command, nowMs);
    if (dry === null && !isFull) return null;
    this.isOver(nowMs, dry?.name ?? 'pending');
    const lacking = dry ?? pending;
    if (lacking !== null) this.host.office.askForMore(lacking, nowMs);
    return 'limited';
  }

  /** A request goes on. */
  charge(client: LimitedClient, command: string, bytes: number): void {
    client.allowance--;
    this.requests?.take(1);
    this.bytesIn?.take(bytes);
    for (const each of this.commands) if (each.commands.has(command)) each.share.take(1);
  }

  /** So many bytes of a reply were given to a client. */
  replied(bytes: number): void {
    this.bytesOut?.take(bytes);
  }

  /**
   * The same of a message, which nobody has asked for and which can't wait: the requests of its client wait for it, but for no
   * longer than a burst is made up for in.
   */
  pushed(bytes: number): void {
    this.bytesOut?.takeWithin(bytes);
  }

  enqueued(): void {
    this.pending?.take();
  }

  /** So many requests are answered, or their client is gone. */
  answered(requests: number): void {
    const { pending } = this;
    if (pending === null) return;
    pending.put(requests);
    if (pending.isOwing || this.waiting.length > 0) this.serveSoon();
  }

  onLeased(): void {
    this.serveSoon();
  }

  endTurn(): void {
    this.isServing = false;
    this.serve();
  }

  /** It waits for nothing any more. */
  leave(client: LimitedClient): void {
    client.isGone = true;
    if (client.isWaiting) this.serveSoon();
  }

  /** All may go on. */
  lift(): void {
    this.serveSoon();
  }

  private serveSoon(): void {
    if (this.isServing) return;
    this.isServing = true;
    this.host.turn.defer(this);
  }

  private serve(): void {
    const nowMs = this.host.clock.turnMs();
    const { pending } = this;
    if (pending?.isOwing) this.host.office.gaveLate(pending, pending.giveOwed(nowMs));
    this.serveQueue(this.waiting, nowMs);
    this.serveQueue(this.waitingForCommand, nowMs);
    if (this.waitingClients > 0) this.arm(nowMs);
  }

  /** Who may go on, in the order they came; the others keep theirs. */
  private serveQueue(queue: Fifo<LimitedClient>, nowMs: number): void {
    const count = queue.length;
    if (count === 0) return;
    const { pending } = this;
    const { isLifted } = this.host;
    const free = this.requests === null || isLifted ? Number.POSITIVE_INFINITY : this.requests.available(nowMs);
    let left = pending === null || isLifted ? free : Math.min(free, pending.free);
    const part = Math.max(1, Math.floor(left / count));
    for (let i = 0; i < count; i++) {
      const client = queue.shift() as LimitedClient;
      if (client.isGone) this.release(client);
      else if (!this.isOpen(client, nowMs) || left <= 0) queue.push(client);
      else {
        left -= part;
        this.host.stats.limitWaiting--;
        client.goOn(part);
      }
    }
  }

  private release(client: LimitedClient): void {
    this.host.stats.limitWaiting--;
    client.goOn(Number.POSITIVE_INFINITY);
  }

  private isOpen(client: LimitedClient, nowMs: number): boolean {
    if (this.host.isLifted) return true;
    if (this.options.isRefusing) return this.areKnown;
    if (this.pending !== null && !this.pending.has(nowMs)) return false;
    return this.dry(nowMs) === null && (client.wanted === null || client.wanted.has(1, nowMs));
  }

  private get areKnown(): boolean {
    for (const share of this.shares) if (!share.isKnown) return false;
    return this.pending === null || this.pending.isKnown;
  }

  /** What all requests need and is used up. */
  private dry(nowMs: number): RateShare | null {
    const { requests, bytesIn, bytesOut } = this;
    if (requests !== null && !requests.has(1, nowMs)) return requests;
    if (bytesIn !== null && !bytesIn.has(0, nowMs)) return bytesIn;
    if (bytesOut !== null && !bytesOut.has(0, nowMs)) return bytesOut;
    return null;
  }

  private dryFor(command: string, nowMs: number): RateShare | null {
    for (const { share, commands } of this.commands) if (commands.has(command) && !share.has(1, nowMs)) return share;
    return null;
  }

  private isOver(nowMs: number, over = this.dry(nowMs)?.name ?? 'pending'): void {
    // What nobody has heard of yet is not used up.
    if (!this.areKnown) return;
    const wasOver = this.overAtMs;
    this.overAtMs = nowMs;
    this.over = over;
    if (wasOver === Number.NEGATIVE_INFINITY) this.host.onOver(this);
  }

  /** Looks again when there may be enough. */
  private arm(nowMs: number): void {
    let waitMs = Number.POSITIVE_INFINITY;
    if (this.pending !== null && !this.pending.has(nowMs)) this.host.office.askForMore(this.pending, nowMs);
    for (const share of this.shares) {
      const least = share === this.bytesIn || share === this.bytesOut ? 0 : 1;
      if (share.has(least, nowMs)) continue;
      this.host.office.askForMore(share, nowMs);
      waitMs = Math.min(waitMs, share.msUntil(least, nowMs));
    }
    const delayMs = Math.max(SHORTEST_WAIT_MS, Math.min(ASK_EVERY_MS, Math.ceil(waitMs)));
    if (this.timer !== null) {
      if (this.timerAtMs <= nowMs + delayMs) return;
      clearTimeout(this.timer);
    }
    this.timerAtMs = nowMs + delayMs;
    this.timer = setTimeout(this.serveNow, delayMs).unref();
  }
}

function limitOf(rate: RateOption, { burstMs }: LimitOptions): RateLimit {
  return new RateLimit(rate, burstMs);
}

/** The same in all workers, and another when the limit is. */
function placesKey({ pool, scope, name }: LimitedTenant, places: number): string {
  return JSON.stringify([pool, scope, name, 'pending', places]);
}

/** Likewise. */
function shareKey({ pool, scope, name }: LimitedTenant, what: string, rate: RateOption, burstMs: number): string {
  return JSON.stringify([pool, scope, name, what, rate.amount, rate.periodMs, burstMs]);
}
