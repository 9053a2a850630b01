import type { ReplySink, Request } from '../request/request.ts';

/** The client side of a request: who asked, and where its reply goes in the client's order. */
export interface RequestOrigin extends ReplySink {
  readonly id: number;
  /** `Session.variant` of the client's session. */
  readonly variant: number;
  /** Puts a request in the client's order of replies. */
  enqueue(request: Request): void;
  /** Answers without a server. `bytes` is never written to again; empty: no answer. */
  answer(bytes: Buffer, closesClient: boolean): void;
  /** The request failed, and the client reads `words` for a reply, which are never written to again; empty: nothing. */
  failWith(request: Request, words: Buffer): void;
  /** This much more is kept for the reply to a fragmented request. */
  onPart(request: Request, bytes: number): void;
  /** All fragments of a request are in: `request.source` writes the merged reply. */
  onCoalesced(request: Request): void;
}
