/** The most that was used in any time, above what a rate of `perMs` makes in it; the times in ms, in order. */
export function mostAtOnce(usedAtMs: readonly number[], perMs: number): number {
  // Of a window that begins with one use and ends with a later one, both in it.
  let most = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [i, atMs] of usedAtMs.entries()) {
    least = Math.min(least, i - atMs * perMs);
    most = Math.max(most, i + 1 - atMs * perMs - least);
  }
  return most;
}
