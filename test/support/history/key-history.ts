// What clients did to one key and what they saw, as a checker reads it. Times are of one clock for all clients.

/** No value: it was never written, or it was deleted. */
export const NOTHING = null;
export type Seen = string | typeof NOTHING;

/**
 * An operation on a register whose writes have values that no other write has.
 *
 *   read     `seen`: what it gave
 *   write    `value`
 *   delete   `seen`: any text when there was something to delete, NOTHING when not, undefined when that is not known
 */
export interface RegisterOperation {
  readonly kind: 'read' | 'write' | 'delete';
  readonly value: string;
  readonly seen: Seen | undefined;
  readonly invokedAt: number;
  /** Infinity: nobody knows whether it was done, or will be. Such a read is not recorded. */
  readonly returnedAt: number;
  /** Who did it, for people. */
  readonly by: string;
}

export function describeOperation({ kind, value, seen, invokedAt, returnedAt, by }: RegisterOperation): string {
  const what = kind === 'write' ? `write ${value}` : `${kind}${seen === undefined ? '' : ` → ${seen ?? 'nothing'}`}`;
  const until = returnedAt === Number.POSITIVE_INFINITY ? 'never known' : returnedAt.toFixed(2);
  return `${invokedAt.toFixed(2)} … ${until} ms  ${what}  (${by})`;
}
