/** How many topics clients may subscribe to. */
export interface SubscriptionLimits {
  /** One client. */
  readonly ofClient: number;
  /** All clients of the pool in this worker, each counted. */
  readonly ofWorker: number;
}
