import type { Clock } from '../../loop/clock.ts';
import type { Turn, TurnTask } from '../../loop/turn.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { WholeParts } from '../../request/whole-parts.ts';
import { ReadyLine } from '../../socket/ready-lines.ts';
import { FloodBrake } from './flood-brake.ts';
import type { LimitName, LimitOptions, RateOption } from './limit-options.ts';
import { PendingShare } from './pending-share.ts';
import { RateLimit, RateShare } from './rate-share.ts';
import { ReplyReserve } from './reply-reserve.ts';
import { type LimitedTenant, placesKey, shareKey } from './share-keys.ts';
import { ASK_EVERY_MS, type ShareOffice, type ShareUser } from './share-office.ts';
import { type LimitedClient, type LimitedCommands, WaitingClients } from './waiting-clients.ts';
import { WHOLE_FITS, WHOLE_TOO_MUCH, WHOLE_WAITS, type WholeFit } from './whole-fit.ts';

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
  private readonly reserve: ReplyReserve | null;
  private readonly commands: readonly LimitedCommands[];
  private readonly shares: readonly RateShare[];
  private readonly waiting = new WaitingClients();
  private readonly brake: FloodBrake;
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
    this.brake = new FloodBrake(host.clock);
    const shareOf = (name: string, rate: RateOption | null) =>
      rate === null
        ? null
        : new RateShare(shareKey(tenant, name, rate, options.burstMs), name, new RateLimit(rate, options.burstMs));
    this.requests = shareOf('requests', options.requests);
    this.bytesIn = shareOf('bytes_in', options.bytesIn);
    this.bytesOut = shareOf('bytes_out', options.bytesOut);
    this.reserve = this.bytesOut === null ? null : new ReplyReserve(this.bytesOut);
    this.commands = options.commands.map(({ name, commands, rate }) => ({
      share: shareOf(`commands ${name}`, rate) as RateShare,
      commands,
      waiting: new WaitingClients(),
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
    this.release(this.waiting);
    this.release(this.brake);
    for (const { waiting } of this.commands) this.release(waiting);
  }

  get waitingClients(): number {
    let clients = this.waiting.length + this.brake.length;
    for (const { waiting } of this.commands) clients += waiting.length;
    return clients;
  }

  /** The next request of the client may not come yet; the client is woken when it may. */
  mustWait(client: LimitedClient, nowMs: number): boolean {
    if (this.host.isLifted) return false;
    if (client.isWaiting) return true;
    if (client.slowedUntilMs > nowMs) {
      if (client.slowedBy !== '') this.isOver(nowMs, client.slowedBy);
      this.wait(client, nowMs, this.brake);
      return true;
    }
    if (this.isOpen(client, nowMs)) {
      if (client.hasTurn) return false;
      if (!this.isBehind(client.wanted)) {
        client.allowance = Number.POSITIVE_INFINITY;
        return false;
      }
    } else this.isOver(nowMs, client.wanted?.share.name);
    this.wait(client, nowMs);
    return true;
  }

  /** What the command needs beside what all need is not there. */
  holdsUp(client: LimitedClient, command: string, nowMs: number): boolean {
    if (this.options.isRefusing) return false;
    client.wants(1, this.dryFor(command, client, nowMs), 1);
    return client.wanted !== null;
  }

  /** Why a request of so many bytes and keys is refused; null: it is not. */
  refusal(client: LimitedClient, command: string, bytes: number, keys: number, nowMs: number): FailureReason | null {
    const refusal = this.sizeRefusal(bytes, keys);
    if (refusal !== null || !this.options.isRefusing) return refusal;
    return this.refusalFor(
      this.dry(1, nowMs) ?? this.dryFor(command, client, nowMs)?.share ?? this.full(1, nowMs),
      nowMs,
    );
  }

  /** Likewise, whatever else it may ask. */
  sizeRefusal(bytes: number, keys: number): FailureReason | null {
    const { requestBytes, requestKeys } = this.options;
    if (requestBytes !== null && bytes > requestBytes) return 'limited_size';
    return requestKeys !== null && keys > requestKeys ? 'limited_keys' : null;
  }

  /** Why a transaction that came whole is refused as that; null: it is not. */
  wholeRefusal(parts: WholeParts, nowMs: number): FailureReason | null {
    const { count, sizesBytes, keyCounts } = parts;
    for (let i = 0; i < count; i++) {
      const refusal = this.sizeRefusal(sizesBytes[i] as number, keyCounts[i] as number);
      if (refusal !== null) return refusal;
    }
    if (!this.options.isRefusing) return null;
    const lacking = this.dry(count, nowMs) ?? this.dryForWhole(parts, nowMs)?.share ?? this.full(count, nowMs);
    return this.refusalFor(lacking, nowMs);
  }

  /** Whether all of a transaction may go on at once. */
  fit(client: LimitedClient, parts: WholeParts, nowMs: number): WholeFit {
    if (this.options.isRefusing || this.host.isLifted) return WHOLE_FITS;
    const { count } = parts;
    const commands = this.dryForWhole(parts, nowMs);
    const lacking = this.dry(count, nowMs) ?? this.full(count, nowMs) ?? commands?.share ?? null;
    if (lacking === null) return WHOLE_FITS;
    const wanted = lacking === commands?.share ? commands : null;
    const ofWanted = wanted === null ? 1 : parts.countOf(wanted.commands);
    if (!this.mayHold(count, wanted, ofWanted)) {
      this.host.office.askForMore(lacking, nowMs);
      return WHOLE_TOO_MUCH;
    }
    client.wants(count, wanted, ofWanted);
    this.isOver(nowMs, lacking.name);
    this.wait(client, nowMs);
    // What it was let go on with is for others.
    this.serveSoon();
    return WHOLE_WAITS;
  }

  /** A request goes on; `mayRefuse`: it could have been refused, where that is done. */
  charge(client: LimitedClient, command: string, bytes: number, mayRefuse: boolean): void {
    client.allowance--;
    if (this.options.isRefusing && !mayRefuse) {
      this.chargeUnrefused(client, command, bytes);
      return;
    }
    this.requests?.take(1);
    this.bytesIn?.take(bytes);
    for (const each of this.commands) if (each.commands.has(command)) each.share.take(1);
  }

  private chargeUnrefused(client: LimitedClient, command: string, bytes: number): void {
    if (this.requests?.units === 0) this.host.office.askForMore(this.requests, this.host.clock.turnMs());
    this.brake.charge(client, this.requests, 1);
    this.brake.charge(client, this.bytesIn, bytes);
    for (const { share, commands } of this.commands) if (commands.has(command)) this.brake.charge(client, share, 1);
  }

  /** So many bytes of a reply were given to a client. */
  replied(bytes: number): void {
    this.reserve?.replied(bytes);
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
    this.reserve?.asked();
  }

  /** So many requests are answered, or their client is gone. */
  answered(requests: number): void {
    const { pending, reserve } = this;
    if (pending === null && reserve === null) return;
    reserve?.answered(requests);
    pending?.put(requests);
    if (pending?.isOwing || this.waiting.length > 0) this.serveSoon();
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
    this.host.stats.limitWaiting -= this.brake.ease(nowMs, this.host.isLifted);
    this.serveClients(this.waiting, null, nowMs);
    for (const { waiting, share } of this.commands) this.serveClients(waiting, share, nowMs);
    if (this.waitingClients > 0) this.arm(nowMs);
  }

  /** `share`: what they need beside what all need; null: nothing. */
  private serveClients(waiting: WaitingClients, share: RateShare | null, nowMs: number): void {
    if (waiting.length === 0) return;
    let available = Number.POSITIVE_INFINITY;
    // Where requests are refused, only the master's first word is waited for.
    if (!this.host.isLifted && !this.options.isRefusing) {
      if (this.requests !== null) available = this.requests.available(nowMs);
      if (this.pending !== null) available = Math.min(available, this.pending.free);
      if (this.reserve !== null) available = Math.min(available, Math.max(1, this.reserve.fitting(nowMs)));
      if (share !== null) available = Math.min(available, share.available(nowMs));
    }
    this.host.stats.limitWaiting -= waiting.serve(available, client => this.isOpen(client, nowMs));
  }

  private wait(client: LimitedClient, nowMs: number, among = client.wanted?.waiting ?? this.waiting): void {
    client.isWaiting = true;
    this.host.stats.limitWaits++;
    this.host.stats.limitWaiting++;
    among.add(client);
    this.arm(nowMs);
  }

  private release(waiting: WaitingClients): void {
    for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
      this.host.stats.limitWaiting--;
      client.goOn(Number.POSITIVE_INFINITY);
    }
  }

  private isOpen(client: LimitedClient, nowMs: number): boolean {
    if (this.host.isLifted) return true;
    if (this.options.isRefusing) return this.areKnown;
    // It goes on in parts.
    if (client.requests > 1 && !this.mayHold(client.requests, client.wanted, client.ofWanted)) {
      client.wants(1, client.wanted, 1);
    }
    const { requests, wanted, ofWanted } = client;
    if (this.full(requests, nowMs) !== null || this.dry(requests, nowMs) !== null) return false;
    return wanted === null || wanted.share.has(ofWanted, nowMs);
  }

  /** What is leased is enough, in time, for so many requests at once, of which so many have to have `wanted`. */
  private mayHold(requests: number, wanted: LimitedCommands | null, ofWanted: number): boolean {
    if (this.requests?.mayHold(requests) === false || this.pending?.mayHold(requests) === false) return false;
    return wanted === null || wanted.share.mayHold(ofWanted);
  }

  private get areKnown(): boolean {
    for (const share of this.shares) if (!share.isKnown) return false;
    return this.pending === null || this.pending.isKnown;
  }

  /** What all of so many requests need and is used up. */
  private dry(count: number, nowMs: number): RateShare | null {
    const { requests, bytesIn, bytesOut } = this;
    if (requests !== null && !requests.has(count, nowMs)) return requests;
    if (bytesIn !== null && !bytesIn.has(0, nowMs)) return bytesIn;
    if (bytesOut !== null && !bytesOut.has(0, nowMs)) return bytesOut;
    return null;
  }

  /** So many more cannot be without their answers. */
  private full(count: number, nowMs: number): PendingShare | null {
    const { pending } = this;
    return pending === null || pending.has(count, nowMs) ? null : pending;
  }

  private dryFor(command: string, client: LimitedClient, nowMs: number): LimitedCommands | null {
    for (const each of this.commands) {
      if (!each.commands.has(command)) continue;
      if (!each.share.has(1, nowMs) || (!client.hasTurn && this.isBehind(each))) return each;
    }
    return null;
  }

  /** Who comes now has to let others go first: all who wait, and of those who wait for a command who save up for several of it. */
  private isBehind(wanted: LimitedCommands | null): boolean {
    return wanted === null ? this.waiting.length > 0 : wanted.waiting.isSaving;
  }

  private dryForWhole(parts: WholeParts, nowMs: number): LimitedCommands | null {
    for (const each of this.commands) {
      const count = parts.countOf(each.commands);
      if (count > 0 && !each.share.has(count, nowMs)) return each;
    }
    return null;
  }

  private refusalFor(lacking: RateShare | PendingShare | null, nowMs: number): FailureReason | null {
    if (lacking === null) return null;
    this.isOver(nowMs, lacking.name);
    this.host.office.askForMore(lacking, nowMs);
    return 'limited';
  }

  private isOver(nowMs: number, over = this.dry(1, nowMs)?.name ?? 'pending'): void {
    // What nobody has heard of yet is not used up.
    if (!this.areKnown) return;
    const wasOver = this.overAtMs;
    this.overAtMs = nowMs;
    this.over = over;
    if (wasOver === Number.NEGATIVE_INFINITY) this.host.onOver(this);
  }

  /** Looks again when there may be enough. */
  private arm(nowMs: number): void {
    let waitMs = this.brake.msUntilNext(nowMs);
    const lacking = this.full(this.waiting.first?.requests ?? 1, nowMs);
    if (lacking !== null) this.host.office.askForMore(lacking, nowMs);
    const { requests, bytesIn, bytesOut } = this;
    const look = (share: RateShare | null, least: number): void => {
      if (share === null || share.has(least, nowMs)) return;
      this.host.office.askForMore(share, nowMs);
      waitMs = Math.min(waitMs, share.msUntil(least, nowMs));
    };
    look(requests, this.waiting.first?.requests ?? 1);
    look(bytesIn, 0);
    look(bytesOut, 0);
    for (const { share, waiting } of this.commands) look(share, waiting.first?.ofWanted ?? 1);
    const delayMs = Math.max(SHORTEST_WAIT_MS, Math.min(ASK_EVERY_MS, Math.ceil(waitMs)));
    if (this.timer !== null) {
      if (this.timerAtMs <= nowMs + delayMs) return;
      clearTimeout(this.timer);
    }
    this.timerAtMs = nowMs + delayMs;
    this.timer = setTimeout(this.serveNow, delayMs).unref();
  }
}
