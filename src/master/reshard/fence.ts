import type { Placements } from '../../mover/mover-job.ts';
import { MOVERS } from '../../mover/movers.ts';
import type { ServerWatch } from '../../mover/protocol-mover.ts';

/** Clients wait for it. */
const WITHIN_MS = 1500;

/** Waits until servers do nothing any more of what was asked before; see `ServerWatch`. What goes wrong is a MoveTrouble. */
export class Fence {
  /** Open for the next time; null: nothing is. */
  private watch: ServerWatch | null = null;

  /** Connects already. */
  async open(placements: Placements): Promise<void> {
    this.close();
    this.watch = (await MOVERS[placements.from.protocol]?.watch(placements, WITHIN_MS)) ?? null;
  }

  /** The same, and once in vain: what it needs has been run when it counts. */
  async prepare(placements: Placements): Promise<void> {
    await this.open(placements);
    await this.watch?.untilQuiet();
  }

  async untilQuiet(placements: Placements): Promise<void> {
    if (this.watch === null) await this.open(placements);
    try {
      await this.watch?.untilQuiet();
    } finally {
      this.close();
    }
  }

  /** What lay unread of connections that have ended; see `ServerWatch`. */
  async untilRead(placements: Placements): Promise<void> {
    await this.open(placements);
    try {
      await this.watch?.untilRead();
    } finally {
      this.close();
    }
  }

  close(): void {
    this.watch?.close();
    this.watch = null;
  }
}
