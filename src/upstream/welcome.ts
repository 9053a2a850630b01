/** So soon after it was made a connection is closed that the server has no room for. */
const GREETING_MAX_MS = 1000;

/** Whether a server that accepts connections serves on them, or accepts them only to say that it has no room. */
export class Welcome {
  /** It said so the last time: before it is used again it has to answer a probe. */
  needsProof = false;
  /** It has answered on this connection with something else than an error. */
  hasServed = false;
  private hasErred = false;
  /** On the worker's clock. */
  private readyAtMs = 0;

  /** A connection is ready; `isProven`: a probe was answered on it. */
  begin(nowMs: number, isProven: boolean): void {
    this.readyAtMs = nowMs;
    this.hasServed = isProven;
    this.hasErred = false;
    if (isProven) this.needsProof = false;
  }

  answered(isError: boolean): void {
    if (isError) this.hasErred = true;
    else this.hasServed = true;
  }

  /** The connection was closed at `nowMs`: after nothing but an error, and soon. */
  isRefusedBy(nowMs: number): boolean {
    return !this.hasServed && this.hasErred && nowMs - this.readyAtMs < GREETING_MAX_MS;
  }
}
