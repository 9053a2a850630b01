// Explores all interleavings of a small model: every state that any order of its steps can reach, each once.
// A model is what a design does, without its code; a state is plain data, which JSON must give back as it was.

export interface Model<S> {
  readonly initial: S;
  /** Calls `step` with a name and the state after it, for everything that may happen next; `state` is only read. */
  steps(state: S, step: Step<S>): void;
  /** What must never be, or null. `isLast`: nothing can happen any more. */
  problem(state: S, isLast: boolean): string | null;
}

/** `change` gets a copy of the state to work on. */
export type Step<S> = (name: string, change: (next: S) => void) => void;

export interface Exploration {
  readonly states: number;
  /** The first problem, and the steps that lead to it, one of the shortest ways; null: there is none. */
  readonly found: { readonly problem: string; readonly steps: readonly string[] } | null;
}

/** Breadth first. @throws Error when there are more states than `most`: a model is to be small */
export function explore<S>(model: Model<S>, most = 2_000_000): Exploration {
  const first = JSON.stringify(model.initial);
  const seen = new Set([first]);
  const states = [first];
  const cameFrom = [-1];
  const names = [''];
  const way = (at: number): string[] => (at <= 0 ? [] : [...way(cameFrom[at]!), names[at]!]);
  for (let at = 0; at < states.length; at++) {
    const text = states[at]!;
    let isLast = true;
    const state = JSON.parse(text) as S;
    model.steps(state, (name, change) => {
      isLast = false;
      const next = copy(state);
      change(next);
      const key = JSON.stringify(next);
      if (seen.has(key)) return;
      seen.add(key);
      states.push(key);
      cameFrom.push(at);
      names.push(name);
    });
    const problem = model.problem(state, isLast);
    if (problem !== null) return { states: states.length, found: { problem, steps: way(at) } };
    if (states.length > most) throw new Error(`more than ${most} states`);
  }
  return { states: states.length, found: null };
}

function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copy) as T;
  const copied: Record<string, unknown> = {};
  for (const name in value) copied[name] = copy(value[name]);
  return copied as T;
}
