// Is what clients saw of one register linearizable? All explanations that are still possible are kept as part of the
// state of a model: an explanation is a value and the pending operations that have taken effect already, with what
// they gave. Source: Lowe, "Testing for linearizability" (2017), just-in-time linearization, here over all orders.

/** 0: there is no value. */
export type Value = number;

export interface Operation {
  readonly id: number;
  readonly kind: 'read' | 'write' | 'delete';
  /** Of a write. */
  readonly value: Value;
}

interface Explanation {
  value: Value;
  /** Of pending operations: id and result. */
  done: [number, number][];
}

/** Plain data: it is part of a state. */
export interface Monitor {
  pending: Operation[];
  explanations: Explanation[];
  problem: string | null;
}

export function newMonitor(value: Value): Monitor {
  return { pending: [], explanations: [{ value, done: [] }], problem: null };
}

export function invoked(monitor: Monitor, operation: Operation): void {
  monitor.pending.push(operation);
}

/** `mayMiss`: a cache's read, which may find nothing though there is a value. */
export function returned(monitor: Monitor, id: number, result: number, mayMiss = false): void {
  const operation = monitor.pending.find(each => each.id === id)!;
  const all = closure(monitor, mayMiss);
  const left = all.filter(({ done }) => done.some(([each, gave]) => each === id && gave === result));
  if (left.length === 0) {
    monitor.problem ??= `${operation.kind} ${id} gave ${result}, which no order of what was done explains`;
  }
  for (const each of left) each.done = each.done.filter(([one]) => one !== id);
  monitor.pending = monitor.pending.filter(each => each.id !== id);
  monitor.explanations = unique(left);
}

/** It was refused before it reached a server: it never has an effect. An operation that is never settled may have one at any time. */
export function refused(monitor: Monitor, id: number): void {
  monitor.pending = monitor.pending.filter(each => each.id !== id);
  monitor.explanations = monitor.explanations.filter(({ done }) => !done.some(([each]) => each === id));
}

/** The values that the register may have now. */
export function possibleValues(monitor: Monitor, mayMiss = false): Set<Value> {
  return new Set(closure(monitor, mayMiss).map(({ value }) => value));
}

function closure(monitor: Monitor, mayMiss: boolean): Explanation[] {
  const found = new Map<string, Explanation>();
  const todo = monitor.explanations.map(({ value, done }) => ({ value, done: [...done] }));
  for (let each = todo.pop(); each !== undefined; each = todo.pop()) {
    const key = JSON.stringify(each);
    if (found.has(key)) continue;
    found.set(key, each);
    for (const operation of monitor.pending) {
      const { value, done } = each;
      if (done.some(([id]) => id === operation.id)) continue;
      for (const [after, result] of outcomes(operation, value, mayMiss)) {
        todo.push({
          value: after,
          done: [...done, [operation.id, result] as [number, number]].sort((a, b) => a[0] - b[0]),
        });
      }
    }
  }
  return [...found.values()];
}

/** A write gives 1; a delete 1 when there was something; a read the value. */
function outcomes({ kind, value }: Operation, before: Value, mayMiss: boolean): [Value, number][] {
  if (kind === 'write') return [[value, 1]];
  if (kind === 'read')
    return mayMiss && before !== 0
      ? [
          [before, before],
          [before, 0],
        ]
      : [[before, before]];
  return mayMiss
    ? [
        [0, 1],
        [0, 0],
      ]
    : [[0, before === 0 ? 0 : 1]];
}

function unique(explanations: Explanation[]): Explanation[] {
  const texts = explanations.map(each => JSON.stringify(each)).sort();
  return texts.filter((text, i) => text !== texts[i - 1]).map(text => JSON.parse(text) as Explanation);
}
