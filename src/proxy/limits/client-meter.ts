import type { Clock } from '../../loop/clock.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { WholeParts } from '../../request/whole-parts.ts';
import type { ReadyLine } from '../../socket/ready-lines.ts';
import type { Limiter } from './limiter.ts';
import { LimitedClient } from './waiting-clients.ts';
import { WHOLE_FITS, WHOLE_TOO_MUCH, WHOLE_WAITS, type WholeFit } from './whole-fit.ts';

interface HeldTo {
  readonly limiter: Limiter;
  readonly client: LimitedClient;
}

/** At its pool, its address and its user, and once more each. */
const WHOLE_WAITS_MAX = 6;

/** What one client is held to: the limits of its pool, its address and its user, as far as there are any. */
export class ClientMeter {
  private readonly clock: Clock;
  private readonly limited: readonly HeldTo[];
  /** Of its address, where addresses have limits. */
  readonly line: ReadyLine | null;
  private pending = 0;
  /** Why the transaction that comes is refused; null: it is not. */
  private refusedWhole: FailureReason | null = null;
  /** How often one that came whole has waited. */
  private wholeWaits = 0;

  /** `wake`: its next request may go on. */
  constructor(limiters: readonly Limiter[], clock: Clock, wake: () => void) {
    this.clock = clock;
    this.limited = limiters.map(limiter => ({ limiter, client: new LimitedClient(wake) }));
    this.line = limiters.find(({ tenant }) => tenant.scope === 'address')?.line ?? null;
    for (const limiter of limiters) limiter.clients++;
  }

  /** Its next request may not come yet. It is woken when it may. */
  mustWait(): boolean {
    const nowMs = this.clock.turnMs();
    for (const { limiter, client } of this.limited) if (limiter.mustWait(client, nowMs)) return true;
    return false;
  }

  /** It waits because of a limit. */
  get isWaiting(): boolean {
    for (const { client } of this.limited) if (client.isWaiting) return true;
    return false;
  }

  /** The request just read may not come yet, because of its command; `mustWait` until it may. */
  holdsUp(command: string): boolean {
    const nowMs = this.clock.turnMs();
    for (const { limiter, client } of this.limited) if (limiter.holdsUp(client, command, nowMs)) return true;
    return false;
  }

  /** Why a request is refused that is not answered here anyway; null: it is not. */
  refusal(command: string, bytes: number, keys: number): FailureReason | null {
    const nowMs = this.clock.turnMs();
    for (const { limiter, client } of this.limited) {
      const reason = limiter.refusal(client, command, bytes, keys, nowMs);
      if (reason !== null) return reason;
    }
    return null;
  }

  /** Why a transaction that came whole is refused as that; null: it is not. */
  wholeRefusal(parts: WholeParts): FailureReason | null {
    const nowMs = this.clock.turnMs();
    this.refusedWhole = null;
    for (const { limiter } of this.limited) this.refusedWhole ??= limiter.wholeRefusal(parts, nowMs);
    return this.refusedWhole;
  }

  /** Why this one of its requests is refused then; null: it is not, and costs nothing either. */
  refusalInWhole(bytes: number, keys: number): FailureReason | null {
    if (this.refusedWhole === null || this.refusedWhole === 'limited') return this.refusedWhole;
    for (const { limiter } of this.limited) {
      const reason = limiter.sizeRefusal(bytes, keys);
      if (reason !== null) return reason;
    }
    return null;
  }

  /** Whether all of it may go on at once. One that has waited again and again, at one limit for another, goes on in parts. */
  fit(parts: WholeParts): WholeFit {
    if (this.wholeWaits >= WHOLE_WAITS_MAX) return WHOLE_TOO_MUCH;
    const nowMs = this.clock.turnMs();
    for (const { limiter, client } of this.limited) {
      const fit = limiter.fit(client, parts, nowMs);
      if (fit === WHOLE_WAITS) this.wholeWaits++;
      if (fit !== WHOLE_FITS) return fit;
    }
    return WHOLE_FITS;
  }

  /** All of it goes on. */
  chargeWhole(parts: WholeParts): void {
    const { count, commands, sizesBytes } = parts;
    for (let i = 0; i < count; i++) this.charge(commands[i] as string, sizesBytes[i] as number, true);
  }

  /** A request goes on; `mayRefuse`: it was asked whether it may. */
  charge(command: string, bytes: number, mayRefuse: boolean): void {
    this.wholeWaits = 0;
    for (const { limiter, client } of this.limited) {
      client.wanted = null;
      limiter.charge(client, command, bytes, mayRefuse);
    }
  }

  enqueued(): void {
    this.pending++;
    for (const { limiter } of this.limited) limiter.enqueued();
  }

  answered(): void {
    this.pending--;
    for (const { limiter } of this.limited) limiter.answered(1);
  }

  replied(bytes: number): void {
    for (const { limiter } of this.limited) limiter.replied(bytes);
  }

  pushed(bytes: number): void {
    for (const { limiter } of this.limited) limiter.pushed(bytes);
  }

  /** So many of its requests were asked before it had this meter; what it sends next waits as it did by that, whoever it is now. */
  takeOver(before: ClientMeter | null, pending: number): void {
    for (let i = 0; i < pending; i++) this.enqueued();
    for (const { limiter, client } of before?.limited ?? []) {
      const own = this.limited.find(each => each.limiter === limiter) ?? this.limited[0];
      own?.client.slow(client.slowedUntilMs, own.limiter === limiter ? client.slowedBy : '');
    }
  }

  /** The client is gone, or has another meter from now on. */
  leave(): void {
    const nowMs = this.clock.turnMs();
    for (const { limiter, client } of this.limited) {
      limiter.answered(this.pending);
      limiter.leave(client);
      if (--limiter.clients === 0) limiter.idleSinceMs = nowMs;
    }
    this.pending = 0;
  }
}
