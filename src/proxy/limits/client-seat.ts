import {
  PLACE_AWAITED,
  PLACE_NONE,
  PLACE_TAKEN,
  type PlaceState,
  type SignInPlaces,
} from '../../accounts/sign-in-places.ts';
import type { Admission, Newcomer } from './admission.ts';
import type { PlaceHolder, Places } from './places.ts';

/** Who wants to be a client of a pool. */
export interface Guest {
  /** It does not want to any more. */
  readonly isGone: boolean;
  /** There is a place for it everywhere. */
  admit(seat: ClientSeat): void;
  /** `full`: who has as many connections as it may. */
  turnAway(full: PlaceHolder['scope']): void;
}

/** The client that sits there. */
export interface Seated {
  /** Whether it may sign in is known now. */
  wake(): void;
}

// For which place the guest waits.
const AT_ADDRESS = 0;
const AT_USER = 1;
const AT_POOL = 2;
const SEATED = 3;

/*
 * The places of one client among the connections of its address, of its user and of its pool:
 *
 *   comes ─▶ address ─▶ user, where it is somebody already ─▶ pool ─▶ is in ─▶ leaves, and all are free again
 *                                                                       └ signs in: a place of that user is kept for it, then taken
 */
export class ClientSeat implements Newcomer, SignInPlaces {
  private readonly places: Places;
  private readonly peer: string;
  /** Whom it is from the begin, or null. */
  private readonly beginsAs: string | null;
  private address: Admission | null = null;
  private user: Admission | null = null;
  private guest: Guest | null;
  private client: Seated | null = null;
  private stage = AT_ADDRESS;
  /** Of whom it is about to sign in as. */
  private kept: Admission | null = null;
  private bid: PlaceBid | null = null;

  constructor(places: Places, guest: Guest, peer: string, beginsAs: string | null) {
    this.places = places;
    this.guest = guest;
    this.peer = peer;
    this.beginsAs = beginsAs;
  }

  /** Looks for places, one after the other; the guest hears of it. */
  find(): void {
    if (this.stage === AT_ADDRESS) {
      this.address = this.places.ofAddress(this.peer);
      if (this.address !== null) {
        this.address.enter(this);
        return;
      }
      this.stage = AT_USER;
    }
    if (this.stage === AT_USER) {
      this.user = this.places.ofUser(this.beginsAs);
      if (this.user !== null) {
        this.user.enter(this);
        return;
      }
      this.stage = AT_POOL;
    }
    this.places.ofPool.enter(this);
  }

  get isGone(): boolean {
    return this.guest === null || this.guest.isGone;
  }

  admit(): void {
    this.stage++;
    if (this.stage < SEATED) {
      this.find();
      return;
    }
    const guest = this.guest as Guest;
    this.guest = null;
    guest.admit(this);
  }

  turnAway(): void {
    const guest = this.guest as Guest;
    const full = this.stage === AT_POOL ? 'pool' : this.stage === AT_USER ? 'user' : 'address';
    this.dropped();
    guest.turnAway(full);
  }

  dropped(): void {
    this.guest = null;
    if (this.stage > AT_ADDRESS) this.address?.leave();
    if (this.stage > AT_USER) this.user?.leave();
  }

  /** It is this client's from now on. */
  take(client: Seated): void {
    this.client = client;
  }

  get isAwaiting(): boolean {
    return this.bid?.isOpen === true;
  }

  get isKeeping(): boolean {
    return this.kept !== null;
  }

  enter(user: string): PlaceState {
    const admission = this.places.ofUser(user);
    if (admission === null || admission === this.user || admission === this.kept) return PLACE_TAKEN;
    if (this.bid?.admission !== admission) {
      this.giveUpKept();
      this.bid = new PlaceBid(this, admission);
      admission.enter(this.bid);
      if (this.bid?.isOpen) return PLACE_AWAITED;
    }
    this.bid = null;
    return this.kept === admission ? PLACE_TAKEN : PLACE_NONE;
  }

  /** It counts as `user` now (null: as nobody), and by the limits that there are now. */
  countAs(user: string | null): void {
    const address = this.places.ofAddress(this.peer);
    if (address !== this.address) {
      this.address?.leave();
      address?.occupy();
      this.address = address;
    }
    const admission = this.places.ofUser(user);
    if (admission !== this.user) {
      this.user?.leave();
      if (admission === this.kept) this.kept = null;
      else admission?.occupy();
      this.user = admission;
    }
    this.giveUpKept();
  }

  /** The client is gone. */
  leave(): void {
    this.client = null;
    this.address?.leave();
    this.user?.leave();
    this.address = null;
    this.user = null;
    this.giveUpKept();
    this.places.ofPool.leave();
  }

  /** The bid is decided; it was for the user of `admission`. */
  decided(bid: PlaceBid, hasPlace: boolean): void {
    if (this.bid !== bid || this.client === null) {
      if (hasPlace) bid.admission.leave();
      return;
    }
    if (hasPlace) this.kept = bid.admission;
    this.client.wake();
  }

  isOf(bid: PlaceBid): boolean {
    return this.bid === bid && this.client !== null;
  }

  private giveUpKept(): void {
    this.bid = null;
    this.kept?.leave();
    this.kept = null;
  }
}

/** A client would sign in as somebody. */
class PlaceBid implements Newcomer {
  readonly admission: Admission;
  isOpen = true;
  private readonly seat: ClientSeat;

  constructor(seat: ClientSeat, admission: Admission) {
    this.seat = seat;
    this.admission = admission;
  }

  get isGone(): boolean {
    return !this.seat.isOf(this);
  }

  admit(): void {
    this.isOpen = false;
    this.seat.decided(this, true);
  }

  turnAway(): void {
    this.isOpen = false;
    this.seat.decided(this, false);
  }

  dropped(): void {
    this.isOpen = false;
  }
}
