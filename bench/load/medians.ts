/** The median of some numbers, nulls left out; null when none is left. */
export function median(values: readonly (number | null)[]): number | null {
  const sorted = values.filter(value => value !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A ratio over paired rounds. */
export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Round by round `values[i] / base[i]`, and of these the median: what disturbs the machine for a while disturbs both of
 * a pair. Null when no pair has both.
 */
export function pairedRatio(values: readonly (number | null)[], base: readonly (number | null)[]): Ratio | null {
  const ratios: number[] = [];
  for (let i = 0; i < Math.min(values.length, base.length); i++) {
    const value = values[i] ?? null;
    const by = base[i] ?? null;
    if (value !== null && by !== null && by > 0) ratios.push(value / by);
  }
  if (ratios.length === 0) return null;
  return { median: median(ratios)!, min: Math.min(...ratios), max: Math.max(...ratios) };
}
