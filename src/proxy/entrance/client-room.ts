import type { StreamSocket } from '../../socket/stream-socket.ts';

/** Clients at once that are turned away with a word; more are closed without. */
const FAREWELLS_MAX = 16;

/**
 * The places for clients that the open files of this worker leave, over all its pools: what else it needs files for,
 * server connections above all, must not starve.
 */
export class ClientRoom {
  limit = Number.POSITIVE_INFINITY;
  private used = 0;
  private farewells = 0;
  private readonly left = (): void => {
    this.used--;
  };
  private readonly toldGoodbye = (): void => {
    this.farewells--;
  };

  /** Takes a place until the socket closes; false when there is none. */
  enter(socket: StreamSocket): boolean {
    if (this.used >= this.limit) return false;
    this.used++;
    socket.closeListener = this.left;
    return true;
  }

  /** Whether there is a file to spare until a client that is turned away has read why. */
  mayLinger(socket: StreamSocket): boolean {
    if (this.farewells >= FAREWELLS_MAX) return false;
    this.farewells++;
    socket.closeListener = this.toldGoodbye;
    return true;
  }
}
