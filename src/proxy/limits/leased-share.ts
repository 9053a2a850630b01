/** What goes from one who has leased to another. */
export interface Lease {
  readonly units: number;
  readonly tokens: number;
}

/** The part of a worker in something that is limited over all workers: of a rate, or of the requests that are not answered. */
export interface LeasedShare {
  /** Names it, over all workers. */
  readonly key: string;
  /** As a whole. */
  readonly limit: { readonly perMs: number; readonly capacity: number; readonly units: number };
  /** It asks for what each worker would have of it at once, not for ever more. */
  readonly asksForPart: boolean;
  /** Of these it has so many. */
  readonly units: number;
  /** The master has spoken, or is waited for no longer. */
  isKnown: boolean;
  /** Taken without the master's word, because there was none. */
  isProvisional: boolean;
  lease(lease: Lease, nowMs: number): void;
  /** So many units without the master's word. */
  provide(units: number, nowMs: number): void;
  /** What it need not keep, if others want it, and what it has above `keep`. */
  giveDownTo(keep: number, nowMs: number): Lease;
  giveAll(nowMs: number): Lease;
}
