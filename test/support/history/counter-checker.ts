// Counters that clients add one to, and never set: what each was told must be a value of its own.

export interface Increment {
  /** What it gave; undefined: nobody knows whether it was done. */
  readonly result: number | undefined;
  readonly invokedAt: number;
  readonly returnedAt: number;
}

/** Null, or why no order of these explains what they gave. `final`: what the counter is in the end. */
export function counterProblem(increments: readonly Increment[], final: number): string | null {
  const known = increments.filter(each => each.result !== undefined).sort((a, b) => a.result! - b.result!);
  for (const [i, each] of known.entries()) {
    if (known[i + 1]?.result === each.result) return `two increments gave ${each.result}`;
  }
  // In the order of results, none may have begun after the end of a later one.
  let earliest = Number.POSITIVE_INFINITY;
  for (const each of known.toReversed()) {
    if (each.invokedAt > earliest) return `${each.result} was given after a greater one had been returned`;
    earliest = Math.min(earliest, each.returnedAt);
  }
  const last = known.at(-1)?.result ?? 0;
  if (last > increments.length) return `${last} was given after ${increments.length} increments at most`;
  if (final < Math.max(known.length, last))
    return `it is ${final} after ${known.length} increments that gave up to ${last}`;
  if (final > increments.length) return `it is ${final} after ${increments.length} increments at most`;
  return null;
}
