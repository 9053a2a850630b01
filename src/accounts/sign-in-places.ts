/** There is one, or none is needed: it may sign in. */
export const PLACE_TAKEN = 0;
/** The user has as many connections as it may. */
export const PLACE_NONE = 1;
/** The question is asked; the same request comes again when it is answered. */
export const PLACE_AWAITED = 2;
export type PlaceState = 0 | 1 | 2;

/** The places of one client among the connections of users. */
export interface SignInPlaces {
  /** It is not known yet whether there is a place for the user that the client wants to be. */
  readonly isAwaiting: boolean;
  /** A place is kept for a user that the client has not become. */
  readonly isKeeping: boolean;
  /** The client has given a password of this user: is there a place for one more connection? Asked directly before it signs in. */
  enter(user: string): PlaceState;
}

/** Nothing was tried. */
export const SIGN_IN_NONE = 0;
export const SIGN_IN_DONE = 1;
/** There is no such user, or it has another password. */
export const SIGN_IN_WRONG = 2;
/** See PLACE_NONE; the connection ends. */
export const SIGN_IN_FULL = 3;
/** See PLACE_AWAITED. */
export const SIGN_IN_AWAITED = 4;
export type SignInOutcome = 0 | 1 | 2 | 3 | 4;
