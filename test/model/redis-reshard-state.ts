// The state of the model in redis-reshard-model.ts: one key, the servers F and T, and all who deal with it.
import { type Monitor, newMonitor, type Operation, type Value } from './register-monitor.ts';

export type Side = 0 | 1;
export const F = 0;
export const T = 1;

/** `back` and its `holdBack`: an aborted change, with the directions turned round. */
export type Phase = 'old' | 'hold' | 'both' | 'new' | 'holdBack' | 'back';

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
  | 'leftovers on the target';

export interface RedisReshardOptions {
  readonly programs: readonly [readonly Operation['kind'][], readonly Operation['kind'][]];
  /** How many things may go wrong. */
  readonly faults: number;
  /** The operator may turn back. */
  readonly mayAbort?: boolean;
  /** A read looks at the new owner before it has the key brought. */
  readonly readsTargetFirst?: boolean;
  readonly mistake?: RedisMistake;
}

/** `at`: where a worker's request or the mover stands. */
export type At = 'parked' | 'peek' | 'bring' | 'migrating' | 'fence' | 'drop' | 'sent';

export interface Late {
  readonly by: number;
  readonly server: Side;
  readonly what: 'write' | 'delete' | 'migrate';
  readonly value: Value;
}

export interface Worker {
  phase: Phase;
  epoch: number;
  /** It knows that the key is no longer on the source. */
  isConfirmed: boolean;
  /** Failed MIGRATEs of F and of T that it knows to be over. */
  fenced: [number, number];
  /** Failed MIGRATEs of the source when it was last asked. */
  seen: number;
  operation: Operation | null;
  at: At | null;
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
  mover: { at: At | null; isDone: boolean };
  coordinator: { phase: Phase; epoch: number; written: [Phase, number]; acked: [boolean, boolean] };
  mail: [Phase, number][][];
  faults: number;
  monitor: Monitor;
}

export function initialState({ faults, mistake }: RedisReshardOptions): State {
  const worker = (): Worker => ({
    phase: 'old',
    epoch: 0,
    isConfirmed: false,
    fenced: [0, 0],
    seen: 0,
    operation: null,
    at: null,
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
    mover: { at: null, isDone: false },
    coordinator: { phase: 'old', epoch: 0, written: ['old', 0], acked: [true, true] },
    mail: [[], []],
    faults: faults,
    monitor: newMonitor(1),
  };
}
