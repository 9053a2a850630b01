/** What may be kept and waited for while a pool is between two rings. */
export interface ReshardLimits {
  /** How long a request may wait for keys on the move. */
  readonly patienceMs: number;
  /** What requests may hold that wait so, of all clients of the pool in this worker. */
  readonly waitingBytes: number;
  /** How long a server may take for its part of a step that it does with another. */
  readonly stepTimeoutMs: number;
  /** A key that takes more memory is moved in parts. */
  readonly wholeBytes: number;
  /** What the keys may take that are known to have been brought. */
  readonly knownBytes: number;
  /** See `ReshardState`. */
  readonly isBack: boolean;
  readonly isDropping: boolean;
}
