// Counters of a cache. One that is not there is begun anew, at a number of its own, so that a value says which beginning it is of:
// a cache may lose one at any time, but an older one must not come back, and no step is taken twice.

/** Between the first numbers of two beginnings; more steps than any is ever counted. */
export const GENERATION = 1_000_000;

export interface CounterEvent {
  /**
   *   begin   the counter was not there, and is `value` now
   *   step    it was one less, and is `value` now
   *   read    it is `value`
   */
  readonly kind: 'begin' | 'step' | 'read';
  readonly value: number;
  readonly invokedAt: number;
  /** Infinity: nobody knows whether it was done; then `value` of a step says nothing. */
  readonly returnedAt: number;
}

interface Generation {
  readonly number: number;
  readonly events: CounterEvent[];
  /** Before it nobody can have seen it. */
  readonly bornAt: number;
  /** Somebody has seen it by then. */
  readonly seenAt: number;
  /** The last who has seen it had not asked before. */
  readonly lastAskedAt: number;
}

/** Null, or what no order of the events explains. `final`: what is there in the end; null: nothing. */
export function generationProblem(events: readonly CounterEvent[], final: number | null): string | null {
  const begins = events.filter(({ kind }) => kind === 'begin');
  const known = events.filter(({ returnedAt }) => Number.isFinite(returnedAt));
  const end = Math.max(0, ...known.map(({ returnedAt }) => returnedAt)) + 1;
  if (final !== null) known.push({ kind: 'read', value: final, invokedAt: end, returnedAt: end });
  const steps = known.filter(({ kind }) => kind === 'step').map(({ value }) => value);
  const twice = steps.find((value, i) => steps.indexOf(value) !== i);
  if (twice !== undefined) return `two steps gave ${twice}`;

  const generations: Generation[] = [];
  for (const [number, seen] of Map.groupBy(known, ({ value }) => Math.floor(value / GENERATION))) {
    const born = begins.find(({ value }) => value === number * GENERATION);
    if (born === undefined) return `${seen[0]!.value} is of no beginning`;
    const problem = orderProblem(seen);
    if (problem !== null) return problem;
    generations.push({
      ...{ number, events: seen, bornAt: born.invokedAt },
      seenAt: Math.min(...seen.map(({ returnedAt }) => returnedAt)),
      lastAskedAt: Math.max(...seen.map(({ invokedAt }) => invokedAt)),
    });
  }
  for (const one of generations) {
    const back = generations.find(other => one.seenAt < other.bornAt && one.lastAskedAt > other.seenAt);
    if (back !== undefined) return `beginning ${one.number} came back after beginning ${back.number} had been seen`;
  }
  return null;
}

/** A smaller value must not be seen by who asks after a greater one was seen. */
function orderProblem(events: readonly CounterEvent[]): string | null {
  const sorted = [...events].sort((a, b) => b.value - a.value);
  let seen = { value: Number.NaN, returnedAt: Number.POSITIVE_INFINITY };
  for (let at = 0; at < sorted.length; ) {
    const { value } = sorted[at]!;
    const same = sorted.slice(at).filter(each => each.value === value);
    const late = same.find(({ invokedAt }) => invokedAt > seen.returnedAt);
    if (late !== undefined) return `${value} was seen after ${seen.value} had been`;
    for (const each of same) if (each.returnedAt < seen.returnedAt) seen = each;
    at += same.length;
  }
  return null;
}
