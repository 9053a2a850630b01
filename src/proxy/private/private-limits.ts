/** What may be kept of a transaction of which no server knows yet. */
export interface PrivateLimits {
  readonly maxPipeline: number;
  readonly bufferBytes: number;
}
