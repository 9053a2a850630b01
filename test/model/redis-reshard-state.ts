// The state of the model in redis-reshard-model.ts: one key, the servers F and T, and all who deal with it.
import type { Half } from '../../src/config/tables/ring-settings.ts';
import { type Decision, otherHalf } from '../../src/master/reshard/decision.ts';
import { type Monitor, newMonitor, type Operation, type Value } from './register-monitor.ts';

export type Side = 0 | 1;
export const F = 0;
export const T = 1;

/** What the coordinator decides of, see master/reshard/decision.ts; `seq` is its number. */
export type Decided = Pick<Decision, 'phase' | 'isBack' | 'half' | 'otherwise' | 'seq'>;

/** Ways to get it wrong. */
export type RedisMistake =
  | 'no hold'
  | 'hold acknowledged before the barrier'
  | 'lost connections not waited for at hold'
  | 'source wins where the target is busy'
  | 'no fence after a failed MIGRATE'
  | 'only who asked waits after a failed MIGRATE'
  | 'a source that comes back is taken for one without failures'
  | 'no fence before new'
  | 'no fence before going back'
  | 'commands without an order'
  | 'written after it was sent'
  | 'falls back from hold by itself'
  | 'new while keys are left'
  | 'leftovers on the target'
  | 'no hold between the halves'
  | 'no fence before the other half'
  | 'workers differ about the half of a key'
  | 'back begins with what was gone first'
  | 'commit without a claim'
  | 'parts read before the claim'
  | 'marks not looked at'
  | 'the mover does not look at marks';

export interface RedisReshardOptions {
  readonly programs: readonly [readonly Operation['kind'][], readonly Operation['kind'][]];
  /** How many things may go wrong. */
  readonly faults: number;
  /** The operator may turn back. */
  readonly mayAbort?: boolean;
  /** A hold may be refused. */
  readonly mayRefuse?: boolean;
  /** In which half of a change the key moves; `whole`: it has none. */
  readonly half?: Half;
  /** Whoever moves the key may do so in parts (parts-traits.ts), and not all need agree whether to. */
  readonly inParts?: boolean;
  /** A read looks at the new owner before it has the key brought. */
  readonly readsTargetFirst?: boolean;
  readonly mistake?: RedisMistake;
}

/** `at`: where a worker's request or the mover stands. */
export type At =
  | 'parked'
  | 'peek'
  | 'bring'
  | 'migrating'
  | 'fence'
  | 'drop'
  | 'sent'
  | 'claim'
  | 'copy'
  | 'commit'
  | 'unclaim';

export interface Late {
  readonly by: number;
  readonly server: Side;
  readonly what: 'write' | 'delete' | 'migrate' | 'commit';
  readonly value: Value;
  /** Of a commit. */
  readonly claim: number;
}

/** Who moves the key in parts. */
export interface Copier {
  at: At | null;
  /** What was read of it. */
  copied: Value;
  /** Its claim; 0: none. */
  claim: number;
}

export interface Worker extends Copier {
  decision: Decided;
  /** It knows that the key is no longer on the source. */
  isConfirmed: boolean;
  /** Failed MIGRATEs of F and of T that it knows to be over. */
  fenced: [number, number];
  /** Failed MIGRATEs of the source when it was last asked. */
  seen: number;
  operation: Operation | null;
  server: Side;
  /** Of its client's program. */
  next: number;
}

export interface State {
  values: [Value, Value];
  migrating: { by: number; source: Side; value: Value; step: 'sent' | 'restored' | 'busy' } | null;
  lateRestores: { target: Side; value: Value }[];
  late: Late[];
  /** Failed MIGRATEs by source, which Redis counts (INFO errorstats), and a NEW_RUN for each time it was started. */
  failed: [number, number];
  workers: [Worker, Worker];
  mover: Copier & { isDone: boolean };
  coordinator: { decision: Decided; written: Decided; acked: [boolean, boolean] };
  mail: Decided[][];
  /** By target: who may commit; 0: nobody. */
  claims: [number, number];
  /** How often one was taken. */
  claimed: number;
  /** By source: somebody may be about to commit what he has read there. */
  marks: [boolean, boolean];
  faults: number;
  monitor: Monitor;
}

export function initialState({ faults, mistake, half = 'whole' }: RedisReshardOptions): State {
  const first = half === 'whole' ? half : 'first';
  const old: Decided = { phase: 'old', isBack: false, half: first, otherwise: null, seq: 0 };
  const worker = (): Worker => ({
    decision: old,
    isConfirmed: false,
    fenced: [0, 0],
    seen: 0,
    operation: null,
    at: null,
    copied: 0,
    claim: 0,
    server: F,
    next: 0,
  });
  return {
    values: [1, mistake === 'leftovers on the target' ? 2 : 0],
    migrating: null,
    lateRestores: [],
    late: [],
    failed: [0, 0],
    workers: [worker(), worker()],
    mover: { at: null, copied: 0, claim: 0, isDone: false },
    coordinator: { decision: old, written: old, acked: [true, true] },
    mail: [[], []],
    claims: [0, 0],
    claimed: 0,
    marks: [false, false],
    faults: faults,
    monitor: newMonitor(1),
  };
}

/** What a worker does with a request for the key. */
export type Course =
  | { readonly does: 'serve'; readonly server: Side }
  | { readonly does: 'park' }
  | { readonly does: 'bring'; readonly source: Side };

/** `half`: the key's own. On the way back what was gone last is gone first. */
export function courseOf({ phase, isBack, half: now }: Decided, half: Half): Course {
  if (phase === 'old' || phase === 'over') return { does: 'serve', server: F };
  if (phase === 'new') return { does: 'serve', server: isBack ? F : T };
  const mine = isBack ? otherHalf(half) : half;
  if (now === mine) return phase === 'hold' ? { does: 'park' } : { does: 'bring', source: isBack ? T : F };
  // It has gone already, or not yet.
  const isMoved = now === 'second';
  return { does: 'serve', server: isMoved === isBack ? F : T };
}

export function sourceOf(decision: Decided, half: Half): Side | undefined {
  const course = courseOf(decision, half);
  return course.does === 'bring' ? course.source : undefined;
}
