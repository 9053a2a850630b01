import type { FailureReason } from '../core/failure.ts';
import type { ReplyOut, ReplySink, ReplySource, Request } from '../core/request.ts';
import type { Coalescer } from '../protocol/protocol.ts';

/** Who waits for a fragmented request as a whole. */
export interface FragmentParent {
  /** All fragments are in: `request.source` writes the merged reply. */
  onCoalesced(request: Request): void;
  onFailure(request: Request, reason: FailureReason): void;
  /** This much more of a fragment's reply is kept until then. */
  onPart(request: Request, bytes: number): void;
}

const NO_PART = Buffer.alloc(0);

/**
 * A request that was split over servers: collects the replies of its fragments and settles when the last one is in,
 * also when an earlier one failed, so that nothing of it is still going on when the client reads the reply.
 */
export class FragmentedRequest implements ReplySink, ReplySource {
  private readonly parent: FragmentParent;
  private readonly request: Request;
  private readonly coalescer: Coalescer;
  private readonly owners: Int32Array;
  private readonly parts: Buffer[];
  private remaining: number;
  private failure: FailureReason | null = null;

  /** `request` is the client's; `owners[i]` is the fragment of key i, and empty when all servers get the whole. */
  constructor(parent: FragmentParent, request: Request, coalescer: Coalescer, owners: Int32Array, count: number) {
    this.parent = parent;
    this.request = request;
    this.coalescer = coalescer;
    this.owners = owners;
    this.parts = new Array<Buffer>(count).fill(NO_PART);
    this.remaining = count;
    request.source = this;
  }

  onReply(fragment: Request, buf: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.isAbandoned) {
      fragment.dropHeld();
    } else {
      fragment.hold(buf, start, end);
      this.parent.onPart(this.request, end - start);
    }
    if (!isLast) return;
    this.parts[fragment.part] = fragment.takeHeld();
    this.partDone();
  }

  onFailure(fragment: Request, reason: FailureReason): void {
    fragment.dropHeld();
    this.failure ??= reason;
    this.partDone();
  }

  writeReply(out: ReplyOut): void {
    this.coalescer.merge(this.parts, this.owners, out);
  }

  /** Fragments may still be waited for, for ever even. */
  drop(): void {
    this.parts.fill(NO_PART);
  }

  /** Nobody will read the merged reply: the client left, or a fragment failed. */
  private get isAbandoned(): boolean {
    return this.request.sink === null || this.failure !== null;
  }

  private partDone(): void {
    if (--this.remaining > 0 || this.request.sink === null) return;
    if (this.failure !== null) {
      this.parent.onFailure(this.request, this.failure);
      return;
    }
    this.parent.onCoalesced(this.request);
  }
}
