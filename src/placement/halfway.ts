/*
 * The halfway placement of a change that goes in two halves: a key is on the one of its two servers that sorts later by its
 * address, whichever way the change goes.
 */

/** For servers by index, how they sort by their addresses. */
export function ranksOf(addresses: readonly string[]): readonly number[] {
  const sorted = [...addresses].sort();
  return addresses.map(address => sorted.indexOf(address));
}

/** The one of two servers that sorts later. */
export function laterOf(ranks: readonly number[], one: number, other: number): number {
  return (ranks[one] as number) >= (ranks[other] as number) ? one : other;
}
