import type { Block } from '../../memory/block.ts';
import type { ServerSweep } from '../../protocol/key-sweep.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { ReadyLine } from '../../socket/ready-lines.ts';
import type { Backend } from '../../upstream/backend.ts';

/** Whose line it is: the sweep over all servers. */
export interface SweepOwner {
  readonly originId: number;
  readonly tenant: ReadyLine | null;
  readonly replyKind: number;
  /** Of the replies of a step. */
  readonly maxBytes: number;
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

/** What a sweep does at one server: the requests of a step, one directly after the other, and the next once all are answered. */
export class SweepLine implements ReplySink {
  private readonly owner: SweepOwner;
  private readonly backend: Backend;
  private readonly variant: number;
  private readonly work: ServerSweep;
  private replies: Buffer[] = [];
  private left = 0;
  private stepReplyBytes = 0;
  /** Of this step nothing more is kept. */
  private isDropped = false;

  constructor(owner: SweepOwner, backend: Backend, variant: number, work: ServerSweep) {
    this.owner = owner;
    this.backend = backend;
    this.variant = variant;
    this.work = work;
  }

  get heldBytes(): number {
    return this.stepReplyBytes + this.work.keptBytes;
  }

  advance(): void {
    const { owner, backend, variant } = this;
    const requests = owner.mayGoOn() ? this.work.step() : [];
    if (requests.length === 0) {
      owner.onLineDone();
      return;
    }
    this.replies = new Array<Buffer>(requests.length).fill(NO_REPLY);
    this.left = requests.length;
    this.isDropped = false;
    const connection = backend.connectionFor(owner.originId, variant);
    for (const [i, bytes] of requests.entries()) {
      const request = new Request(this, owner.replyKind);
      request.part = i;
      request.isFollowed = i < requests.length - 1;
      connection.send(request, stepBytes.set(bytes, 0, bytes.length, null), owner.tenant);
    }
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
}
