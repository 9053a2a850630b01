import type { SeededRandom } from '../support/seeded-random.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { minimise } from './minimise.ts';
import { mutate } from './mutation.ts';

export interface FuzzLimits {
  /** Ends after so many inputs, or when `untilMs` of performance.now() has passed. */
  readonly inputs: number;
  readonly untilMs: number;
}

export interface Failure {
  readonly target: string;
  /** As small as it could be made. */
  readonly input: Buffer;
  readonly message: string;
}

export interface FuzzOutcome {
  readonly inputs: number;
  /** The loop ends at the first. */
  readonly failure: Failure | null;
}

/** Of new inputs rather than changed ones, among all. */
const NEW_SHARE = 0.3;
/** Inputs by the grammar that mutation starts from, besides a corpus. */
const SEED_INPUTS = 200;
/** How often one of them is replaced. */
const RENEWAL_SHARE = 0.05;
const CLOCK_EVERY = 64;

/** Checks inputs by the grammar, and changed ones of them and of `corpus`, until a limit or the first failure. */
export function fuzz(
  target: FuzzTarget,
  random: SeededRandom,
  limits: FuzzLimits,
  corpus: readonly Buffer[] = [],
): FuzzOutcome {
  const sources = [...corpus, ...Array.from({ length: SEED_INPUTS }, () => target.generate(random))];
  for (let count = 1; count <= limits.inputs; count++) {
    if (count % CLOCK_EVERY === 0 && performance.now() > limits.untilMs) return { inputs: count - 1, failure: null };
    const input = nextInput(target, random, sources);
    const message = problemOf(target, input);
    if (message === null) continue;
    const smallest = minimise(input, candidate => problemOf(target, candidate) !== null);
    const failure = { target: target.name, input: smallest, message: problemOf(target, smallest) ?? message };
    return { inputs: count, failure };
  }
  return { inputs: limits.inputs, failure: null };
}

/** By the grammar, or a changed one of `sources`. */
export function nextInput(target: FuzzTarget, random: SeededRandom, sources: Buffer[]): Buffer {
  if (!random.chance(NEW_SHARE)) return mutate(random.pick(sources), random, target.tokens, sources);
  const input = target.generate(random);
  if (random.chance(RENEWAL_SHARE)) sources[sources.length - random.between(1, SEED_INPUTS)] = input;
  return input;
}

/** What the check finds wrong, or null. */
export function problemOf(target: FuzzTarget, input: Buffer): string | null {
  try {
    target.check(input);
    return null;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}
