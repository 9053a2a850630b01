/**
 * The clients of this worker who have just been answered and may ask again at once: what is little waits for them for a moment
 * on its way to a server (see rounds.ts). A client's outbox says that one is answered, its connection that one has come.
 */
class ExpectedPeers {
  private count = 0;

  get isAny(): boolean {
    return this.count > 0;
  }

  /** One was answered. */
  expect(): void {
    this.count++;
  }

  /** One has asked. */
  came(): void {
    if (this.count > 0) this.count--;
  }

  /** They have not come in time: nothing waits for them any longer. */
  forget(): void {
    this.count = 0;
  }
}

/** One for the event loop, as there is one loop. */
export const expectedPeers = new ExpectedPeers();
