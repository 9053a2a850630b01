// Is what was seen of a register linearizable? Source: Wing and Gong, "Testing and verifying concurrent objects" (1993);
// Lowe, "Testing for linearizability" (2017): the history is gone through in time, with all explanations that are still
// possible. What keeps them few: a read changes nothing, so it takes effect as soon as its value is there; an operation of
// unknown outcome takes effect only where somebody needs it; and of those that nobody can tell apart the first does.
import { describeOperation, NOTHING, type RegisterOperation, type Seen } from './key-history.ts';

/** The value now, and which pending operations have taken effect. */
interface Explanation {
  readonly value: Seen;
  readonly done: ReadonlySet<RegisterOperation>;
}

const MOST_EXPLANATIONS = 20_000;
/** Operations that are shown before the one that nothing explains. */
const SHOWN = 12;

export interface RegisterCheck {
  readonly initial?: Seen;
  /** What it is in the end; undefined: not looked at. */
  readonly final?: Seen | undefined;
  /** It is a cache: a read that finds nothing says nothing. */
  readonly mayMiss?: boolean;
}

/** Null when some order of the operations, each between its call and its return, explains all that was seen; else why not. */
export function registerProblem(operations: readonly RegisterOperation[], check: RegisterCheck = {}): string | null {
  const { initial = NOTHING, final, mayMiss = false } = check;
  const told = mayMiss ? operations.filter(isTelling).map(withoutCount) : [...operations];
  if (final !== undefined && !(mayMiss && final === NOTHING)) told.push(lastRead(operations, final));
  const events = told.flatMap(operation => [
    { operation, at: operation.invokedAt, isReturn: false },
    ...(operation.returnedAt === Number.POSITIVE_INFINITY
      ? []
      : [{ operation, at: operation.returnedAt, isReturn: true }]),
  ]);
  // At the same time: calls first, so that the two are taken to overlap.
  events.sort((a, b) => a.at - b.at || Number(a.isReturn) - Number(b.isReturn));
  const seenValues = new Set(told.flatMap(({ kind, seen }) => (kind === 'read' ? [seen] : [])));
  const pending = new Set<RegisterOperation>();
  let explanations: Explanation[] = [{ value: initial, done: new Set() }];
  for (const { operation, isReturn } of events) {
    if (!isReturn) {
      pending.add(operation);
      explanations = explanations.map(each => settled(each, pending));
      continue;
    }
    const left = after(operation, explanations, pending, seenValues);
    if (left.length === 0) return report(operation, told, explanations);
    pending.delete(operation);
    explanations = left;
  }
  return null;
}

/** Explanations in which `operation` has taken effect, without it. */
function after(
  operation: RegisterOperation,
  explanations: readonly Explanation[],
  pending: ReadonlySet<RegisterOperation>,
  seenValues: ReadonlySet<Seen | undefined>,
): Explanation[] {
  const found = new Map<string, Explanation>();
  const numbers = new Map([...pending].map((each, i) => [each, i]));
  const keyOf = ({ value, done }: Explanation) =>
    `${value}|${[...done]
      .map(each => numbers.get(each))
      .sort()
      .join()}`;
  const seen = new Set<string>();
  const todo = [...explanations];
  for (let each = todo.pop(); each !== undefined; each = todo.pop()) {
    const key = keyOf(each);
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > MOST_EXPLANATIONS) throw new Error(`more than ${MOST_EXPLANATIONS} explanations of one key`);
    if (each.done.has(operation)) {
      // What else may have taken effect by now does so when it must.
      found.set(key, each);
      continue;
    }
    let hasDelete = false;
    let hasUnseen = false;
    for (const next of pending) {
      if (next.kind === 'read' || each.done.has(next) || !isWanted(next, each, pending)) continue;
      if (next.kind === 'delete' && typeof next.seen === 'string' && each.value === NOTHING) continue;
      if (next.kind === 'delete' && next.seen === NOTHING && each.value !== NOTHING) continue;
      if (next.returnedAt === Number.POSITIVE_INFINITY) {
        const isUnseen = next.kind === 'write' && !seenValues.has(next.value);
        if ((isUnseen && hasUnseen) || (next.kind === 'delete' && hasDelete)) continue;
        if (isUnseen) hasUnseen = true;
        if (next.kind === 'delete') hasDelete = true;
      }
      const value = next.kind === 'write' ? next.value : NOTHING;
      todo.push(settled({ value, done: new Set(each.done).add(next) }, pending));
    }
  }
  const without = [...found.values()].map(({ value, done }) => {
    const rest = new Set(done);
    rest.delete(operation);
    return { value, done: rest };
  });
  return undominated(without);
}

/** One of unknown outcome: only where it lets somebody else be explained. */
function isWanted(
  next: RegisterOperation,
  { value, done }: Explanation,
  pending: ReadonlySet<RegisterOperation>,
): boolean {
  if (next.returnedAt !== Number.POSITIVE_INFINITY) return true;
  for (const other of pending) {
    if (done.has(other)) continue;
    const { kind, seen } = other;
    if (kind === 'read' && seen === (next.kind === 'write' ? next.value : NOTHING)) return true;
    if (kind !== 'delete') continue;
    if (next.kind === 'write' && typeof seen === 'string' && value === NOTHING) return true;
    if (next.kind === 'delete' && seen === NOTHING) return true;
  }
  return false;
}

/** Lets reads take effect whose value is there, and deletes that found nothing. */
function settled(explanation: Explanation, pending: ReadonlySet<RegisterOperation>): Explanation {
  let done: Set<RegisterOperation> | null = null;
  for (const each of pending) {
    if (each.kind === 'write' || explanation.done.has(each) || each.seen === undefined) continue;
    const isExplained =
      each.kind === 'read' ? each.seen === explanation.value : each.seen === NOTHING && explanation.value === NOTHING;
    if (isExplained) done = (done ?? new Set(explanation.done)).add(each);
  }
  return done === null ? explanation : { value: explanation.value, done };
}

/** Without those that differ from another only in that more of unknown outcome has been done. */
function undominated(explanations: readonly Explanation[]): Explanation[] {
  const isKnown = (each: RegisterOperation) => each.returnedAt !== Number.POSITIVE_INFINITY;
  const sorted = [...explanations].sort((a, b) => a.done.size - b.done.size);
  const kept: Explanation[] = [];
  for (const each of sorted) {
    const known = [...each.done].filter(isKnown);
    const isDominated = kept.some(
      ({ value, done }) =>
        value === each.value && [...done].every(one => each.done.has(one)) && known.every(one => done.has(one)),
    );
    if (!isDominated) kept.push(each);
  }
  return kept;
}

const isTelling = ({ kind, seen }: RegisterOperation) => kind !== 'read' || seen !== NOTHING;
const withoutCount = (each: RegisterOperation): RegisterOperation =>
  each.kind === 'delete' ? { ...each, seen: undefined } : each;

function lastRead(operations: readonly RegisterOperation[], seen: Seen): RegisterOperation {
  const times = operations.flatMap(({ invokedAt, returnedAt }) => [invokedAt, returnedAt]).filter(Number.isFinite);
  const at = Math.max(0, ...times) + 1;
  return { kind: 'read', value: '', seen, invokedAt: at, returnedAt: at, by: 'the end' };
}

function report(
  operation: RegisterOperation,
  operations: readonly RegisterOperation[],
  explanations: readonly Explanation[],
): string {
  const before = operations
    .filter(each => each.invokedAt <= operation.returnedAt && each !== operation)
    .sort((a, b) => a.invokedAt - b.invokedAt);
  const source = operations.find(each => each.kind === 'write' && each.value === operation.seen);
  const shown = before.slice(-SHOWN);
  if (source !== undefined && !shown.includes(source)) shown.unshift(source);
  const could = explanations.slice(0, 3).map(({ value }) => value ?? 'nothing');
  const lines = [...shown, operation].map(each => `    ${describeOperation(each)}`);
  return `the last of these fits no order (it could have been ${could.join(' or ')}):\n${lines.join('\n')}`;
}
