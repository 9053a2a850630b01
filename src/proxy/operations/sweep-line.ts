import type { Block } from '../../memory/block.ts';
import type { ServerSweep } from '../../protocol/key-sweep.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { ReadyLine } from '../../socket/ready-lines.ts';
import type { Backend } from '../../upstream/backend.ts';
import { type ListerOwner, SweepLister } from './sweep-lister.ts';

/** Whose line it is: the sweep over all servers. */
export interface SweepOwner {
  readonly originId: number;
  readonly tenant: ReadyLine | null;
  readonly replyKind: number;
  /** Of the replies of a step. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** False: nothing more is to be asked. */
  mayGoOn(): boolean;
  onRequestDone(request: Request): void;
  onFailure(reason: FailureReason): void;
  /** It can't go on; `words` is what the client reads. */
  onRefused(words: Buffer): void;
  onTooLarge(): void;
  /** Nothing of the line is at its server, and nothing more will be. */
  onLineDone(): void;
}

const NO_REPLY = Buffer.alloc(0);
const stepBytes = new RequestBytes();

/**
 * What a sweep does at one server: the requests of a step, one directly after the other, and the next once all are answered; beside
 * them what the server lists, whenever there is nothing for a step to do.
 */
export class SweepLine implements ReplySink, ListerOwner {
  private readonly owner: SweepOwner;
  private readonly backend: Backend;
  private readonly variant: number;
  private readonly work: ServerSweep;
  private readonly lister: SweepLister | null;
  private replies: Buffer[] = [];
  private left = 0;
  private stepReplyBytes = 0;
  /** Of this step nothing more is kept. */
  private isDropped = false;
  private isDone = false;

  constructor(owner: SweepOwner, backend: Backend, variant: number, work: ServerSweep) {
    this.owner = owner;
    this.backend = backend;
    this.variant = variant;
    this.work = work;
    this.lister = work.listing === null ? null : new SweepLister(this, backend, variant, work.listing);
  }

  get heldBytes(): number {
    return this.stepReplyBytes + this.work.keptBytes;
  }

  get listingMs(): number {
    return this.owner.timeoutMs;
  }

  mayGoOn(): boolean {
    return this.owner.mayGoOn();
  }

  advance(): void {
    if (this.isDone || this.left > 0) return;
    const { owner, lister, work } = this;
    // A server that has left the pool takes nothing more.
    if (this.backend.isRetired && owner.mayGoOn()) owner.onFailure('no_backend');
    const mayGoOn = owner.mayGoOn();
    // Told to stop on the way here; the sweep may have begun anew by now, with other lines.
    if (this.isDone) return;
    const requests = mayGoOn ? work.step() : [];
    if (requests.length > 0) {
      this.send(requests);
      return;
    }
    if (mayGoOn && lister !== null) {
      if (!lister.isActive && work.listing?.isOver === false) lister.begin();
      if (lister.isActive) return;
    }
    lister?.stop();
    this.finish();
  }

  /** It ends as soon as nothing of it is at the server. */
  stop(): void {
    this.lister?.stop();
    this.advance();
  }

  onRequestDone(request: Request): void {
    this.owner.onRequestDone(request);
  }

  onListed(): void {
    const refusal = this.work.listing?.refusal ?? null;
    if (refusal !== null) this.owner.onRefused(refusal);
    this.advance();
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    this.stepReplyBytes += end - start;
    if (!this.isDropped) {
      request.hold(buf, start, end, block);
      if (this.stepReplyBytes > this.owner.maxBytes) {
        this.isDropped = true;
        this.owner.onTooLarge();
      }
    }
    if (this.isDropped) request.dropHeld();
    if (!isLast) return;
    this.replies[request.part] = request.takeHeld();
    this.done(request);
  }

  onFailure(request: Request, reason: FailureReason): void {
    request.dropHeld();
    this.isDropped = true;
    this.owner.onFailure(reason);
    this.done(request);
  }

  onListingFailed(reason: FailureReason): void {
    this.owner.onFailure(reason);
    this.advance();
  }

  private send(requests: readonly Buffer[]): void {
    const { owner, backend, variant } = this;
    this.replies = new Array<Buffer>(requests.length).fill(NO_REPLY);
    this.left = requests.length;
    this.isDropped = false;
    for (const [i, bytes] of requests.entries()) {
      const request = new Request(this, owner.replyKind);
      request.part = i;
      request.isFollowed = i < requests.length - 1;
      // The first may have had it replaced by one that finds out what the server understands.
      backend
        .connectionFor(owner.originId, variant)
        .send(request, stepBytes.set(bytes, 0, bytes.length, null), owner.tenant);
    }
  }

  private done(request: Request): void {
    const { owner } = this;
    owner.onRequestDone(request);
    if (--this.left > 0) return;
    const { replies, isDropped } = this;
    this.replies = [];
    this.stepReplyBytes = 0;
    const words = isDropped || !owner.mayGoOn() ? null : this.work.take(replies);
    if (words !== null) owner.onRefused(words);
    this.advance();
  }

  private finish(): void {
    // Whoever was told to stop, or could not begin, may have done so already.
    if (this.isDone) return;
    this.isDone = true;
    this.owner.onLineDone();
  }
}
