import type { Clock } from '../../loop/clock.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReadyLine } from '../../socket/ready-lines.ts';
import { LimitedClient, type Limiter } from './limiter.ts';

/** What one client is held to: the limits of its pool, its address and its user, as far as there are any. */
export class ClientMeter {
  private readonly clock: Clock;
  private readonly limited: readonly LimitedClient[];
  /** Of its address, where addresses have limits. */
  readonly line: ReadyLine | null;
  private pending = 0;

  /** `wake`: its next request may go on. */
  constructor(limiters: readonly Limiter[], clock: Clock, wake: () => void) {
    this.clock = clock;
    this.limited = limiters.map(limiter => new LimitedClient(limiter, wake));
    this.line = limiters.find(({ tenant }) => tenant.scope === 'address')?.line ?? null;
    for (const limiter of limiters) limiter.clients++;
  }

  /** Its next request may not come yet. It is woken when it may. */
  mustWait(): boolean {
    const nowMs = this.clock.turnMs();
    for (const client of this.limited) if (client.limiter.mustWait(client, nowMs)) return true;
    return false;
  }

  /** It waits because of a limit. */
  get isWaiting(): boolean {
    for (const { isWaiting } of this.limited) if (isWaiting) return true;
    return false;
  }

  /** The request just read may not come yet, because of its command; `mustWait` until it may. */
  holdsUp(command: string): boolean {
    const nowMs = this.clock.turnMs();
    for (const client of this.limited) if (client.limiter.holdsUp(client, command, nowMs)) return true;
    return false;
  }

  /** Why a request is refused that is not answered here anyway; null: it is not. */
  refusal(command: string, bytes: number, keys: number): FailureReason | null {
    const nowMs = this.clock.turnMs();
    for (const { limiter } of this.limited) {
      const reason = limiter.refusal(command, bytes, keys, nowMs);
      if (reason !== null) return reason;
    }
    return null;
  }

  /** A request goes on. */
  charge(command: string, bytes: number): void {
    for (const client of this.limited) {
      client.wanted = null;
      client.limiter.charge(client, command, bytes);
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

  /** So many of its requests were asked before it had this meter. */
  takeOver(pending: number): void {
    for (let i = 0; i < pending; i++) this.enqueued();
  }

  /** The client is gone, or has another meter from now on. */
  leave(): void {
    const nowMs = this.clock.turnMs();
    for (const client of this.limited) {
      const { limiter } = client;
      limiter.answered(this.pending);
      limiter.leave(client);
      if (--limiter.clients === 0) limiter.idleSinceMs = nowMs;
    }
    this.pending = 0;
  }
}
