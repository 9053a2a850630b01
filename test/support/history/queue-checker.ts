// Queues that clients push values to, each its own, and pop from: nothing is lost, nothing comes twice.

export interface QueueHistory {
  /** `isKnown`: it was acknowledged; else it may have been done or not. */
  readonly pushes: { readonly value: string; readonly isKnown: boolean }[];
  readonly pops: string[];
  /** Pops of which nobody knows what they gave. */
  lostPops: number;
}

export const emptyQueue = (): QueueHistory => ({ pushes: [], pops: [], lostPops: 0 });

/** Null, or what is wrong with it. `final`: what is in the queue in the end. */
export function queueProblem({ pushes, pops, lostPops }: QueueHistory, final: readonly string[]): string | null {
  const sent = new Set(pushes.map(({ value }) => value));
  const out = new Set<string>();
  for (const value of [...pops, ...final]) {
    if (!sent.has(value)) return `${value} was never pushed`;
    if (out.has(value)) return `${value} came twice`;
    out.add(value);
  }
  const missing = pushes.filter(({ value, isKnown }) => isKnown && !out.has(value));
  if (missing.length <= lostPops) return null;
  return `${missing.length} values are lost, ${missing[0]!.value} is one, and ${lostPops} pops may have taken one`;
}
