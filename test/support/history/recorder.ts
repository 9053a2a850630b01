// Everything that the clients of one run did and saw, by key, and the verdict over it.
import { counterProblem, type Increment } from './counter-checker.ts';
import type { RegisterOperation, Seen } from './key-history.ts';
import { registerProblem } from './register-checker.ts';

/** A set that members are only added to, each once. */
interface Addition {
  readonly member: string;
  readonly isKnown: boolean;
}

/** What is on the servers in the end, read from each directly. */
export interface FinalKeys {
  /** By key: the servers that have it, and what each says it is. */
  readonly found: ReadonlyMap<string, readonly { readonly server: string; readonly value: FinalValue }[]>;
}

export type FinalValue = string | readonly string[];

const MOST_PROBLEMS = 20;

export class HistoryRecorder {
  /** Answered, also by an error. */
  operations = 0;
  /** Error replies and lost connections, by their text. */
  readonly errors = new Map<string, number>();
  private readonly registers = new Map<string, RegisterOperation[]>();
  private readonly counters = new Map<string, Increment[]>();
  private readonly sets = new Map<string, Addition[]>();
  private values = 0;

  /** A value that nobody else writes. */
  newValue(): string {
    return `v${++this.values}`;
  }

  register(key: string, operation: RegisterOperation): void {
    listOf(this.registers, key).push(operation);
  }

  increment(key: string, increment: Increment): void {
    listOf(this.counters, key).push(increment);
  }

  addition(key: string, member: string, isKnown: boolean): void {
    listOf(this.sets, key).push({ member, isKnown });
  }

  error(text: string): void {
    this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
  }

  /** What does not add up, a few of it. `mayMiss`: it is a cache. */
  problems({ found }: FinalKeys, mayMiss = false): string[] {
    const problems: string[] = [];
    const finalOf = (key: string) => found.get(key)?.[0]?.value;
    for (const [key, copies] of found) {
      if (copies.length > 1) problems.push(`${key} is on ${copies.map(({ server }) => server).join(' and ')}`);
      if (!this.registers.has(key) && !this.counters.has(key) && !this.sets.has(key)) {
        problems.push(`${key} was never written, and is on ${copies[0]!.server}`);
      }
    }
    for (const [key, operations] of this.registers) {
      const final = (finalOf(key) ?? null) as Seen;
      const problem = registerProblem(operations, { final, mayMiss });
      if (problem !== null) problems.push(`${key}: ${problem}`);
    }
    for (const [key, increments] of this.counters) {
      const problem = counterProblem(increments, Number(finalOf(key) ?? 0));
      if (problem !== null) problems.push(`${key}: ${problem}`);
    }
    for (const [key, additions] of this.sets) problems.push(...setProblems(key, additions, finalOf(key) ?? []));
    return problems.slice(0, MOST_PROBLEMS);
  }
}

function setProblems(key: string, additions: readonly Addition[], final: FinalValue): string[] {
  const members = new Set(final);
  const sent = new Set(additions.map(({ member }) => member));
  const lost = additions.filter(({ member, isKnown }) => isKnown && !members.has(member));
  const strange = [...members].filter(member => !sent.has(member));
  return [
    ...lost.slice(0, 1).map(({ member }) => `${key} has lost ${lost.length} members, ${member} is one`),
    ...strange.slice(0, 1).map(member => `${key} has ${strange.length} members that nobody added, ${member} is one`),
  ];
}

function listOf<T>(lists: Map<string, T[]>, key: string): T[] {
  const list = lists.get(key);
  if (list !== undefined) return list;
  const empty: T[] = [];
  lists.set(key, empty);
  return empty;
}
