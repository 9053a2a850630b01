// What resharding a Redis ring does to one key that moves from server F to server T: two workers (of two proxies) with
// a client each, a mover, a coordinator, and the two servers. Requests to a server take effect at once or later;
// those of a connection that was lost may yet take effect, at any time, or never. MIGRATE is three steps, as the
// servers do it: F stands still, RESTORE reaches T, F hears of it; F may lose patience before either.
import type { Model, Step } from './explorer.ts';
import {
  F,
  initialState,
  type Phase,
  type RedisMistake,
  type RedisReshardOptions,
  type Side,
  type State,
  T,
  type Worker,
} from './redis-reshard-state.ts';
import { invoked, type Operation, possibleValues, refused, returned } from './register-monitor.ts';

const MOVER = 2;
const NOBODY = -1;
const NEW_RUN = 10;
const BRINGS: Partial<Record<Phase, Side>> = { both: F, back: T };

export class RedisReshardModel implements Model<State> {
  readonly initial: State;
  private readonly options: RedisReshardOptions;
  private readonly plan: readonly Phase[];

  constructor(options: RedisReshardOptions) {
    this.options = options;
    this.plan = this.has('no hold') ? ['old', 'both', 'new'] : ['old', 'hold', 'both', 'new'];
    this.initial = initialState(options);
  }

  steps(state: State, step: Step<State>): void {
    for (const i of [0, 1] as const) this.workerSteps(state, i, step);
    this.moverSteps(state, step);
    this.coordinatorSteps(state, step);
    this.serverSteps(state, step);
    if (state.faults > 0) this.faultSteps(state, step);
  }

  problem({ monitor, values, coordinator, workers }: State, isLast: boolean): string | null {
    if (monitor.problem !== null) return monitor.problem;
    if (!isLast) return null;
    const isOver = coordinator.phase === 'new' || coordinator.phase === 'old';
    if (!isOver || coordinator.acked.includes(false)) return `it stands still in ${coordinator.phase}`;
    const waiting = workers.find(({ at, phase }) => at !== null || phase !== coordinator.phase);
    if (waiting !== undefined) return `a worker stands still in ${waiting.phase}, ${waiting.at}`;
    const owner = coordinator.phase === 'new' ? T : F;
    if (values[1 - owner] !== 0) return `a second copy is left: ${values}`;
    if (!possibleValues(monitor).has(values[owner])) return `at the end the value is ${values[owner]}`;
    return null;
  }

  private has(mistake: RedisMistake): boolean {
    return this.options.mistake === mistake;
  }

  private workerSteps(state: State, i: 0 | 1, step: Step<State>): void {
    const worker = state.workers[i];
    const program = this.options.programs[i];
    const { at, phase } = worker;
    const isHeld = phase === 'hold' || phase === 'holdBack';
    if (at === null && worker.next < program.length) {
      const kind = program[worker.next]!;
      const operation = { id: i * 10 + worker.next, kind, value: kind === 'write' ? 10 * (i + 1) + worker.next : 0 };
      step(`client ${i} asks for ${kind} ${operation.value}`, next => {
        const mine = next.workers[i];
        mine.operation = operation;
        mine.next++;
        invoked(next.monitor, operation);
        this.begin(next, i);
      });
    }
    if (at === 'parked' && !isHeld) step(`worker ${i} lets its parked request go`, next => this.begin(next, i));
    if (at === 'fence' && this.isFenced(state, phase)) {
      step(`worker ${i} knows that failed MIGRATEs are over`, next => {
        const mine = next.workers[i];
        mine.fenced[mine.server] = mine.seen;
        mine.at = 'bring';
      });
    }
    for (const [n, [to, epoch]] of state.mail[i]!.entries()) {
      step(`worker ${i} hears ${to}`, next => {
        next.mail[i]!.splice(n, 1);
        const mine = next.workers[i];
        if (!this.has('commands without an order') && epoch <= mine.epoch) return;
        Object.assign(mine, { phase: to, epoch, isConfirmed: false });
      });
    }
    if (this.has('falls back from hold by itself') && phase === 'hold') {
      step(`worker ${i} gives up waiting`, next => {
        next.workers[i].phase = 'old';
      });
    }
    const { coordinator } = state;
    if (!coordinator.acked[i] && worker.epoch === coordinator.epoch && phase === coordinator.phase) {
      if (isHeld && !this.isQuiet(state, i)) return;
      step(`worker ${i} acknowledges ${phase}`, next => {
        next.coordinator.acked[i] = true;
      });
    }
  }

  /** The barrier: nothing of it is under way to any server. */
  private isQuiet(state: State, i: 0 | 1): boolean {
    const { at } = state.workers[i];
    const hasNone = at === null || at === 'parked' || this.has('hold acknowledged before the barrier');
    return hasNone && (this.has('lost connections not waited for at hold') || state.late.every(({ by }) => by !== i));
  }

  private isFenced(state: State, phase: Phase): boolean {
    const source = BRINGS[phase] ?? F;
    const isSkipped = this.has('no fence after a failed MIGRATE');
    return isSkipped || state.lateRestores.every(({ target }) => target === source);
  }

  /** Sends a request the way of the worker's phase. */
  private begin(state: State, i: 0 | 1): void {
    const worker = state.workers[i];
    const { phase, operation } = worker;
    const source = BRINGS[phase];
    if (phase === 'hold' || phase === 'holdBack') worker.at = 'parked';
    else if (source === undefined) Object.assign(worker, { at: 'sent', server: phase === 'old' ? F : T });
    else if (worker.isConfirmed) Object.assign(worker, { at: 'sent', server: 1 - source });
    else if (operation!.kind === 'read' && this.options.readsTargetFirst === true) {
      Object.assign(worker, { at: 'peek', server: 1 - source });
    } else Object.assign(worker, { at: 'bring', server: source });
  }

  private moverSteps({ mover, coordinator }: State, step: Step<State>): void {
    const source = BRINGS[coordinator.phase];
    if (source === undefined || coordinator.acked.includes(false) || mover.at !== null || mover.isDone) return;
    step('the mover asks for the key', next => {
      next.mover.at = 'bring';
    });
  }

  private coordinatorSteps(state: State, step: Step<State>): void {
    const { coordinator, mover } = state;
    const { phase, acked } = coordinator;
    const goOn = (to: Phase) =>
      step(`the coordinator goes on to ${to}`, next => {
        const mine = next.coordinator;
        Object.assign(mine, { phase: to, epoch: mine.epoch + 1, acked: [false, false] });
        if (!this.has('written after it was sent')) mine.written = [to, mine.epoch];
        for (const mail of next.mail) mail.push([to, mine.epoch]);
        next.mover.isDone = false;
      });
    const { mayAbort = false } = this.options;
    if (mayAbort && phase === 'hold') goOn('old');
    if (mayAbort && phase === 'both' && mover.at === null) goOn('holdBack');
    if (acked.includes(false)) return;
    if (coordinator.written[1] !== coordinator.epoch) {
      step('the coordinator writes its phase down', next => {
        next.coordinator.written = [next.coordinator.phase, next.coordinator.epoch];
      });
    }
    const source = BRINGS[phase];
    if (phase === 'holdBack') {
      const isOver = state.lateRestores.length === 0 && state.late.length === 0 && state.migrating === null;
      if (isOver || this.has('no fence before going back')) goOn('back');
    } else if (source !== undefined) {
      const isLate = state.lateRestores.some(({ target }) => target !== source) || state.migrating !== null;
      const isFenced = !isLate || this.has('no fence before new');
      const isEmpty = mover.isDone || this.has('new while keys are left');
      if (isEmpty && isFenced) goOn(phase === 'both' ? 'new' : 'old');
    } else if (phase !== 'new' && !(phase === 'old' && coordinator.epoch > 0)) {
      goOn(this.plan[this.plan.indexOf(phase) + 1]!);
    }
  }

  private serverSteps(state: State, step: Step<State>): void {
    const { migrating } = state;
    const stands = migrating?.source;
    for (const i of [0, 1] as const) {
      const { at, server } = state.workers[i];
      if (at === null || server === stands || at === 'parked' || at === 'migrating' || at === 'fence') continue;
      step(`server ${'FT'[server]} takes ${at} of worker ${i}`, next => this.takeOfWorker(next, i));
    }
    const { mover } = state;
    const source = BRINGS[state.coordinator.phase] ?? F;
    if ((mover.at === 'bring' || mover.at === 'drop') && source !== stands) {
      step(`server ${'FT'[source]} takes ${mover.at} of the mover`, next => {
        if (next.mover.at === 'bring') this.migrate(next, MOVER, source);
        else this.drop(next, MOVER, source);
      });
    }
    for (const [n, { by, server, what }] of state.late.entries()) {
      if (server === stands) continue;
      step(`server ${'FT'[server]} takes a late ${what} of ${by}`, next => {
        const [late] = next.late.splice(n, 1);
        if (what === 'migrate') this.migrate(next, NOBODY, server);
        else next.values[server] = late!.value;
      });
    }
    for (const [n, { target, value }] of state.lateRestores.entries()) {
      if (target === stands) continue;
      step(`server ${'FT'[target]} takes a late RESTORE`, next => {
        next.lateRestores.splice(n, 1);
        if (next.values[target] === 0) next.values[target] = value;
      });
    }
    if (migrating === null) return;
    const target = (1 - migrating.source) as Side;
    if (migrating.step === 'sent') {
      step(`server ${'FT'[target]} takes RESTORE`, next => {
        const isBusy = next.values[target] !== 0;
        if (!isBusy) next.values[target] = migrating.value;
        next.migrating!.step = isBusy ? 'busy' : 'restored';
      });
    } else {
      step(`server ${'FT'[migrating.source]} ends MIGRATE`, next => {
        next.migrating = null;
        if (migrating.step === 'restored') next.values[migrating.source] = 0;
        this.told(next, migrating.by, migrating.source, migrating.step);
      });
    }
  }

  private takeOfWorker(state: State, i: 0 | 1): void {
    const worker = state.workers[i];
    const { at, server } = worker;
    if (at === 'bring') this.migrate(state, i, server);
    else if (at === 'drop') this.drop(state, i, server);
    else this.takeRequest(state, worker, worker.operation!);
  }

  private takeRequest(state: State, worker: Worker, operation: Operation): void {
    const { at, server } = worker;
    const before = state.values[server];
    if (at === 'peek' && before === 0) {
      Object.assign(worker, { at: 'bring', server: 1 - server });
      return;
    }
    if (operation.kind !== 'read') state.values[server] = operation.value;
    const results = { read: before, write: 1, delete: before === 0 ? 0 : 1 };
    Object.assign(worker, { operation: null, at: null });
    returned(state.monitor, operation.id, results[operation.kind]);
  }

  private migrate(state: State, by: number, source: Side): void {
    const value = state.values[source];
    if (value === 0) this.confirm(state, by, source);
    else {
      state.migrating = { by, source, value, step: 'sent' };
      if (by === MOVER) state.mover.at = 'migrating';
      else if (by !== NOBODY) state.workers[by as 0 | 1].at = 'migrating';
    }
  }

  /** Deletes at the source what the target has already. */
  private drop(state: State, by: number, source: Side): void {
    if (this.has('source wins where the target is busy')) state.values[1 - source] = state.values[source];
    state.values[source] = 0;
    this.confirm(state, by, source);
  }

  private told(state: State, by: number, source: Side, step: 'sent' | 'restored' | 'busy' | 'failed'): void {
    if (step === 'restored') this.confirm(state, by, source);
    else if (by === MOVER) state.mover.at = step === 'busy' ? 'drop' : null;
    else if (by !== NOBODY) {
      const at = step === 'busy' ? 'drop' : 'fence';
      Object.assign(state.workers[by as 0 | 1], { at, seen: state.failed[source] });
    }
  }

  /** The source says that it has the key no more, and how many of its MIGRATEs have failed so far. */
  private confirm(state: State, by: number, source: Side): void {
    if (by === NOBODY) return;
    if (by === MOVER) {
      state.mover = { at: null, isDone: true };
      return;
    }
    const worker = state.workers[by as 0 | 1];
    const isOwnOnly =
      this.has('only who asked waits after a failed MIGRATE') || this.has('no fence after a failed MIGRATE');
    if (worker.fenced[source] !== state.failed[source] && !isOwnOnly) {
      Object.assign(worker, { at: 'fence', seen: state.failed[source] });
      return;
    }
    Object.assign(worker, { at: 'sent', server: 1 - source, isConfirmed: BRINGS[worker.phase] === source });
  }

  private faultSteps(state: State, step: Step<State>): void {
    const fault = (name: string, change: (next: State) => void) =>
      step(name, next => {
        next.faults--;
        change(next);
      });
    for (const i of [0, 1] as const) {
      const { at } = state.workers[i];
      if (at !== null) {
        fault(`worker ${i} loses its connection`, next => this.lose(next, i));
        fault(`worker ${i} dies and is replaced`, next => {
          this.lose(next, i);
          Object.assign(next.workers[i], { isConfirmed: false, fenced: [0, 0] });
        });
      }
    }
    if (state.mover.at !== null) {
      fault('the mover dies', next => {
        const server = BRINGS[next.coordinator.phase] ?? F;
        const { at } = next.mover;
        if (at === 'bring') next.late.push({ by: MOVER, server, what: 'migrate', value: 0 });
        if (at === 'drop') next.late.push({ by: MOVER, server, what: 'delete', value: 0 });
        if (next.migrating?.by === MOVER) next.migrating.by = NOBODY;
        next.mover.at = null;
      });
    }
    const { migrating } = state;
    if (migrating !== null) {
      fault(`server ${'FT'[migrating.source]} waits no longer for RESTORE`, next => {
        const { by, source, value, step: reached } = migrating;
        next.migrating = null;
        next.failed[source]++;
        if (reached === 'sent') next.lateRestores.push({ target: (1 - source) as Side, value });
        this.told(next, by, source, 'failed');
      });
    }
    const source = BRINGS[state.coordinator.phase];
    if (source !== undefined) fault(`server ${'FT'[source]} dies and comes back`, next => this.restart(next, source));
    fault('the coordinator dies and comes back', next => {
      const mine = next.coordinator;
      [mine.phase, mine.epoch] = mine.written;
      mine.acked = [false, false];
      for (const mail of next.mail) mail.push([mine.phase, mine.epoch]);
    });
  }

  /** It has its values again, and nothing of what was on the way to it; what it sent is on its way. */
  private restart(state: State, source: Side): void {
    const { migrating } = state;
    if (migrating?.step === 'sent') state.lateRestores.push({ target: (1 - source) as Side, value: migrating.value });
    for (const i of [0, 1] as const) {
      const { at, server } = state.workers[i];
      if (at === 'migrating' || (at !== null && at !== 'parked' && at !== 'fence' && server === source))
        this.lose(state, i);
    }
    state.late = state.late.filter(({ server }) => server !== source);
    state.migrating = null;
    state.mover.at = null;
    if (!this.has('a source that comes back is taken for one without failures')) state.failed[source] += NEW_RUN;
  }

  /** What was on the connection may take effect later; the client is told that it failed. */
  private lose(state: State, i: 0 | 1): void {
    const worker = state.workers[i];
    const { at, server } = worker;
    const operation = worker.operation!;
    const { kind, value } = operation;
    if (at === 'bring') state.late.push({ by: i, server, what: 'migrate', value: 0 });
    if (at === 'drop') state.late.push({ by: i, server, what: 'delete', value: 0 });
    if (at === 'sent' && kind !== 'read') state.late.push({ by: i, server, what: kind, value });
    if (at !== 'sent') refused(state.monitor, operation.id);
    if (state.migrating?.by === i) state.migrating.by = NOBODY;
    Object.assign(worker, { operation: null, at: null });
  }
}
