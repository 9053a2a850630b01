import type { StreamSocket } from '../../socket/stream-socket.ts';
import type { Admission, Newcomer } from '../limits/admission.ts';
import type { Places } from '../limits/places.ts';

/** Clients for whom there is no place, and who are heard out all the same, so that they can read why. */
const UNPLACED_MAX = 16;

/** One who is heard out is turned away by whoever has looked for its place. */
type Greet = (onOver: () => void) => void;

/**
 * The places of clients that have yet to say who they are: those in a TLS handshake count at their address and their pool, those of
 * balancers, whose address is not known, at the pool. What follows the greeting takes the place over.
 */
export class GreetingPlaces {
  private readonly places: Places;
  private readonly onTurnedAway: (isByLimit: boolean) => void;
  private unplaced = 0;

  /** `onTurnedAway`: a client was closed without a word. `isByLimit`: its address has as many connections as it may; else the pool has. */
  constructor(places: Places, onTurnedAway: (isByLimit: boolean) => void) {
    this.places = places;
    this.onTurnedAway = onTurnedAway;
  }

  /** Greets it once it has its places, which are free again when it says that this is over. */
  enter(socket: StreamSocket, hasAddress: boolean, greet: Greet): void {
    const address = hasAddress ? this.places.ofAddress(socket.peer) : null;
    const { ofPool } = this.places;
    const turnAway = (full: Admission) => this.hearOut(socket, greet, full !== ofPool);
    const atPool = () =>
      ofPool.enter(
        new Greeted(socket, ofPool, turnAway, address, () =>
          greet(() => {
            ofPool.leave();
            address?.leave();
          }),
        ),
      );
    if (address === null) atPool();
    else address.enter(new Greeted(socket, address, turnAway, null, atPool));
  }

  /** Resolves when nobody waits for a place. */
  settled(): Promise<void> {
    return this.places.settled();
  }

  private hearOut(socket: StreamSocket, greet: Greet, isByLimit: boolean): void {
    if (this.unplaced >= UNPLACED_MAX) {
      socket.destroy();
      this.onTurnedAway(isByLimit);
      return;
    }
    this.unplaced++;
    greet(() => {
      this.unplaced--;
    });
  }
}

class Greeted implements Newcomer {
  private readonly socket: StreamSocket;
  private readonly at: Admission;
  private readonly onFull: (full: Admission) => void;
  /** Where it has a place already. */
  private readonly before: Admission | null;
  private readonly onAdmitted: () => void;

  constructor(
    socket: StreamSocket,
    at: Admission,
    onFull: (full: Admission) => void,
    before: Admission | null,
    onAdmitted: () => void,
  ) {
    this.socket = socket;
    this.at = at;
    this.onFull = onFull;
    this.before = before;
    this.onAdmitted = onAdmitted;
  }

  get isGone(): boolean {
    return this.socket.isDestroyed;
  }

  admit(): void {
    this.onAdmitted();
  }

  turnAway(): void {
    this.dropped();
    this.onFull(this.at);
  }

  dropped(): void {
    this.before?.leave();
  }
}
