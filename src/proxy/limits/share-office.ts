import type { Clock } from '../../loop/clock.ts';
import type { Lease, LeasedShare } from './leased-share.ts';

/** The master's side of the rates, as a worker reaches it. */
export interface ShareLink {
  /** Asks for `wants` more units; `ShareOffice.granted` hears of it. */
  ask(share: LeasedShare, wants: number): void;
  /** `isAnswer`: to a recall, also when there is nothing to give. */
  give(key: string, lease: Lease, isAnswer: boolean): void;
}

/** Who uses a share. */
export interface ShareUser {
  /** More was leased, or the master's word is waited for no longer. */
  onLeased(): void;
}

interface Entry {
  readonly share: LeasedShare;
  readonly user: ShareUser;
  isAsking: boolean;
  mayAskAtMs: number;
}

/** The master's word about a share that it was never asked for is waited for so long. */
export const ANSWER_WITHIN_MS = 1000;
/** For more of a share the master is asked so often at most. */
export const ASK_EVERY_MS = 200;
const NOTHING: Lease = { units: 0, tokens: 0 };

/**
 * The shares of this worker in all rates that are limited. What they lack is asked of the master, and what they do not need is
 * given back when it is recalled; nothing that is leased waits for the master. One that hangs is waited for once: until it has
 * spoken again, what is new takes the part that each worker would have of it.
 */
export class ShareOffice {
  private readonly link: ShareLink;
  private readonly clock: Clock;
  private readonly entries = new Map<string, Entry>();
  private isMasterSilent = false;
  private timer: NodeJS.Timeout | null = null;
  /** That there are, this one among them. */
  workers = 1;

  constructor(link: ShareLink, clock: Clock) {
    this.link = link;
    this.clock = clock;
  }

  open(share: LeasedShare, user: ShareUser): void {
    const entry = { share, user, isAsking: false, mayAskAtMs: 0 };
    this.entries.set(share.key, entry);
    this.ask(entry, this.partOf(share));
    if (this.isMasterSilent) share.provide(this.partOf(share), this.clock.turnMs());
  }

  /** Nobody uses it any more. */
  close(share: LeasedShare): void {
    if (this.entries.get(share.key)?.share !== share) return;
    this.entries.delete(share.key);
    // What was taken without the master it must not get.
    if (!share.isProvisional) this.giveBack(share.key, share.giveAll(this.clock.turnMs()), false);
  }

  /** It has run out. */
  askForMore(share: LeasedShare, nowMs: number): void {
    const entry = this.entries.get(share.key);
    if (entry === undefined || share.units >= share.limit.units || nowMs < entry.mayAskAtMs) return;
    const part = share.asksForPart ? this.partOf(share) - share.units : 0;
    this.ask(entry, Math.min(Math.max(1, share.units, part), share.limit.units - share.units));
  }

  /** The master's answer to `ask`. */
  granted(key: string, lease: Lease): void {
    this.isMasterSilent = false;
    const entry = this.entries.get(key);
    if (entry === undefined) {
      this.giveBack(key, lease, false);
      return;
    }
    const nowMs = this.clock.turnMs();
    entry.isAsking = false;
    entry.mayAskAtMs = nowMs + ASK_EVERY_MS;
    const { share } = entry;
    if (share.isProvisional) {
      share.isProvisional = false;
      share.giveAll(nowMs);
    }
    share.isKnown = true;
    share.lease(lease, nowMs);
    entry.user.onLeased();
  }

  /** It was recalled, and not free then. */
  gaveLate(share: LeasedShare, lease: Lease): void {
    if (this.entries.get(share.key)?.share === share && !share.isProvisional) this.giveBack(share.key, lease, false);
  }

  /** Another worker lacks some: each should have `keep` units at most. */
  recalled(key: string, keep: number): void {
    const share = this.entries.get(key)?.share;
    const isLeased = share !== undefined && !share.isProvisional;
    this.giveBack(key, isLeased ? share.giveDownTo(keep, this.clock.turnMs()) : NOTHING, true);
  }

  private ask(entry: Entry, wants: number): void {
    if (entry.isAsking) return;
    entry.isAsking = true;
    this.link.ask(entry.share, wants);
    // An answer that came while this process was busy is read first.
    this.timer ??= setTimeout(() => setImmediate(() => this.giveUpWaiting()), ANSWER_WITHIN_MS).unref();
  }

  /** Who has asked since is let off early: the others have waited in vain. */
  private giveUpWaiting(): void {
    this.timer = null;
    const nowMs = this.clock.turnMs();
    for (const { share, user, isAsking } of this.entries.values()) {
      if (!isAsking || share.isKnown) continue;
      this.isMasterSilent = true;
      share.provide(this.partOf(share), nowMs);
      user.onLeased();
    }
  }

  private giveBack(key: string, lease: Lease, isAnswer: boolean): void {
    if (isAnswer || lease.units > 0 || lease.tokens !== 0) this.link.give(key, lease, isAnswer);
  }

  private partOf({ limit }: LeasedShare): number {
    return Math.max(1, Math.floor(limit.units / this.workers));
  }
}
