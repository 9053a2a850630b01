// Everything that the clients of one run did and saw, by key, and the verdict over it.
import { counterProblem, type Increment } from './counter-checker.ts';
import { type CounterEvent, GENERATION, generationProblem } from './generation-checker.ts';
import type { RegisterOperation, Seen } from './key-history.ts';
import { emptyQueue, type QueueHistory, queueProblem } from './queue-checker.ts';
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
  private readonly queues = new Map<string, QueueHistory>();
  private readonly cachedCounters = new Map<string, CounterEvent[]>();
  private values = 0;
  private generations = 0;

  /** A value that nobody else writes. */
  newValue(): string {
    return `v${++this.values}`;
  }

  /** A beginning of a cache's counter that nobody else makes; see generation-checker.ts. */
  newGeneration(): number {
    return ++this.generations * GENERATION;
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

  counted(key: string, event: CounterEvent): void {
    listOf(this.cachedCounters, key).push(event);
  }

  push(key: string, value: string, isKnown: boolean): void {
    this.queueOf(key).pushes.push({ value, isKnown });
  }

  /** undefined: nobody knows what it gave. */
  pop(key: string, value: string | undefined): void {
    if (value === undefined) this.queueOf(key).lostPops++;
    else this.queueOf(key).pops.push(value);
  }

  /** Keys that are there by now, and are never deleted. */
  lastingKeys(): string[] {
    const counters = [...this.counters].filter(([, all]) => all.some(({ result }) => result !== undefined));
    const sets = [...this.sets].filter(([, all]) => all.some(({ isKnown }) => isKnown));
    return [...counters, ...sets].map(([key]) => key);
  }

  private queueOf(key: string): QueueHistory {
    const queue = this.queues.get(key) ?? emptyQueue();
    this.queues.set(key, queue);
    return queue;
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
      const all: readonly ReadonlyMap<string, unknown>[] = [
        ...[this.registers, this.counters, this.sets, this.queues, this.cachedCounters],
      ];
      if (!all.some(keys => keys.has(key))) {
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
    for (const [key, queue] of this.queues) {
      const final = finalOf(key) ?? [];
      const problem = queueProblem(queue, typeof final === 'string' ? [final] : final);
      if (problem !== null) problems.push(`${key}: ${problem}`);
    }
    for (const [key, events] of this.cachedCounters) {
      const final = finalOf(key);
      const problem = generationProblem(events, final === undefined ? null : Number(final));
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
