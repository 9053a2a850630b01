export interface TicketRotationHost {
  /** As of now; 0: never. */
  intervalMs(): number;
  /** Rejects to be called again soon. */
  rotate(): Promise<void>;
}

/** What the interval is now is looked at so often, and shorter ones are no shorter. */
const LOOK_MS = 1000;

/** Has the keys of session tickets made anew from time to time: who steals one reads what was resumed with it, and no more. */
export class TicketRotation {
  private readonly host: TicketRotationHost;
  private rotatedAtMs = performance.now();
  private isRotating = false;

  /** As long as the process. */
  constructor(host: TicketRotationHost) {
    this.host = host;
    // Nothing waits for it.
    setInterval(() => void this.look(), LOOK_MS).unref();
  }

  private async look(): Promise<void> {
    const intervalMs = this.host.intervalMs();
    if (intervalMs === 0 || this.isRotating || performance.now() - this.rotatedAtMs < intervalMs) return;
    this.isRotating = true;
    await this.host.rotate().then(
      () => {
        this.rotatedAtMs = performance.now();
      },
      () => {},
    );
    this.isRotating = false;
  }
}
