/** What tells whose client it is that has come by a port which several pools share. */
export type PoolBy = 'user' | 'server_name' | 'database';

/** Of the pool that serves the client now. */
export const POOL_HERE = 0;
export const POOL_ELSEWHERE = 1;
/** The port leads to no pool by that name. */
export const POOL_NOWHERE = 2;
export type PoolPlace = 0 | 1 | 2;

/** One client behind such a port, as the parser of the pool that serves it knows it. */
export interface PortGuest {
  readonly poolBy: PoolBy;
  /** Whose `name` (a user, the number of a database) is. */
  whereIs(name: string): PoolPlace;
  /**
   * The request that is being parsed is ROUTE_ELSEWHERE: the pool of `name` is to have it, once all before it is answered. If that
   * pool does not let the client in, it stays where it is.
   */
  goTo(name: string): void;
  /** Once the request that is being parsed is answered, the client is served as one that has just come. */
  goHome(): void;
}
