// What resharding a Redis ring does to one key that moves from server F to server T: two workers (of two proxies) with
// a client each, a mover, a coordinator, and the two servers. Requests to a server take effect at once or later;
// those of a connection that was lost may yet take effect, at any time, or never. MIGRATE is three steps, as the
// servers do it: F stands still, RESTORE reaches T, F hears of it; F may lose patience before either.
import type { Half } from '../../src/config/tables/ring-settings.ts';
import { otherHalf } from '../../src/master/reshard/decision.ts';
import type { Model, Step } from './explorer.ts';
import { Coordinator, nameOf } from './redis-coordinator-model.ts';
import { Claims, MOVES_IN_PARTS } from './redis-parts-model.ts';
import {
  type Course,
  courseOf,
  F,
  initialState,
  type RedisMistake,
  type RedisReshardOptions,
  type Side,
  type State,
  sourceOf,
  type Worker,
} from './redis-reshard-state.ts';
import { invoked, type Operation, possibleValues, refused, returned } from './register-monitor.ts';

const MOVER = 2;
const NOBODY = -1;
const NEW_RUN = 10;

export class RedisReshardModel implements Model<State> {
  readonly initial: State;
  private readonly options: RedisReshardOptions;
  private readonly half: Half;
  private readonly claims: Claims;
  private readonly coordinator: Coordinator;

  constructor(options: RedisReshardOptions) {
    this.options = options;
    this.half = options.half ?? 'whole';
    this.coordinator = new Coordinator(options);
    this.claims = new Claims(options.mistake ?? null);
    this.initial = initialState(options);
  }

  steps(state: State, step: Step<State>): void {
    for (const i of [0, 1] as const) this.workerSteps(state, i, step);
    this.moverSteps(state, step);
    this.coordinator.steps(state, step);
    this.serverSteps(state, step);
    if (state.faults > 0) this.faultSteps(state, step);
  }

  problem({ monitor, values, coordinator, workers }: State, isLast: boolean): string | null {
    if (monitor.problem !== null) return monitor.problem;
    if (!isLast) return null;
    const { decision, acked } = coordinator;
    const course = courseOf(decision, this.half);
    if (!['new', 'over'].includes(decision.phase) || course.does !== 'serve' || acked.includes(false))
      return `it stands still in ${nameOf(decision)}`;
    const waiting = workers.find(({ at, decision: { seq } }) => at !== null || seq !== decision.seq);
    if (waiting !== undefined) return `a worker stands still in ${nameOf(waiting.decision)}, ${waiting.at}`;
    if (values[1 - course.server] !== 0) return `a second copy is left: ${values}`;
    return possibleValues(monitor).has(values[course.server]) ? null : `at the end the values are ${values}`;
  }

  private get isOwnOnly(): boolean {
    return this.has('only who asked waits after a failed MIGRATE') || this.has('no fence after a failed MIGRATE');
  }

  private has(mistake: RedisMistake): boolean {
    return this.options.mistake === mistake;
  }

  private course(state: State, i: 0 | 1): Course {
    const differs = i === 1 && this.has('workers differ about the half of a key');
    return courseOf(state.workers[i].decision, differs ? otherHalf(this.half) : this.half);
  }

  private source({ coordinator }: State): Side | undefined {
    return sourceOf(coordinator.decision, this.half);
  }

  private workerSteps(state: State, i: 0 | 1, step: Step<State>): void {
    const worker = state.workers[i];
    const program = this.options.programs[i];
    const { at, decision } = worker;
    const course = this.course(state, i);
    const isHeld = course.does === 'park';
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
    if (at === 'fence' && this.isFenced(state, course)) {
      step(`worker ${i} knows that failed MIGRATEs are over`, next => {
        const mine = next.workers[i];
        mine.fenced[mine.server] = mine.seen;
        mine.at = 'bring';
      });
    }
    for (const [n, to] of state.mail[i]!.entries()) {
      step(`worker ${i} hears ${nameOf(to)}`, next => {
        next.mail[i]!.splice(n, 1);
        const mine = next.workers[i];
        if (!this.has('commands without an order') && to.seq <= mine.decision.seq) return;
        Object.assign(mine, { decision: to, isConfirmed: false });
        if (!MOVES_IN_PARTS.includes(mine.at)) return;
        // It goes on with that no more: the request is looked at again. A commit may be on its way.
        const { server, copied, claim } = mine;
        if (mine.at === 'commit') next.late.push({ by: i, server, what: 'commit', value: copied, claim });
        Object.assign(mine, { copied: 0, claim: 0 });
        this.begin(next, i);
      });
    }
    if (this.has('falls back from hold by itself') && decision.phase === 'hold') {
      step(`worker ${i} gives up waiting`, next => {
        next.workers[i].decision = { ...decision, phase: 'old' };
      });
    }
    const { coordinator } = state;
    if (
      !coordinator.acked[i] &&
      decision.seq === coordinator.decision.seq &&
      decision.phase === coordinator.decision.phase
    ) {
      if (decision.phase === 'hold' && !this.isQuiet(state, i)) return;
      step(`worker ${i} acknowledges ${nameOf(decision)}`, next => {
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

  private isFenced(state: State, course: Course): boolean {
    const source = course.does === 'bring' ? course.source : F;
    return this.has('no fence after a failed MIGRATE') || state.lateRestores.every(({ target }) => target === source);
  }

  /** Sends a request the way of the worker's phase. */
  private begin(state: State, i: 0 | 1): void {
    const worker = state.workers[i];
    const course = this.course(state, i);
    if (course.does === 'park') worker.at = 'parked';
    else if (course.does === 'serve') Object.assign(worker, { at: 'sent', server: course.server });
    else if (worker.isConfirmed) Object.assign(worker, { at: 'sent', server: 1 - course.source });
    else if (worker.operation!.kind === 'read' && this.options.readsTargetFirst === true) {
      Object.assign(worker, { at: 'peek', server: 1 - course.source });
    } else Object.assign(worker, { at: 'bring', server: course.source });
  }

  private moverSteps(state: State, step: Step<State>): void {
    const { mover, coordinator } = state;
    if (this.source(state) === undefined || coordinator.acked.includes(false)) return;
    if (mover.at !== null || mover.isDone) return;
    step('the mover asks for the key', next => {
      next.mover.at = 'bring';
    });
  }

  private serverSteps(state: State, step: Step<State>): void {
    const { migrating } = state;
    const stands = migrating?.source;
    for (const i of [0, 1] as const) {
      const { at, server } = state.workers[i];
      if (at === null || server === stands || at === 'parked' || at === 'migrating' || at === 'fence') continue;
      step(`server ${'FT'[server]} takes ${at} of worker ${i}`, next => this.takeOfWorker(next, i));
      if (at === 'bring' && this.options.inParts && state.values[server] !== 0)
        step(`worker ${i} finds it big`, next => Object.assign(next.workers[i], this.claims.begin(server)));
    }
    const { mover } = state;
    const source = this.source(state) ?? F;
    const at = mover.at === null || mover.at === 'migrating' ? null : mover.at;
    const server = at === 'claim' || at === 'commit' || at === 'unclaim' ? ((1 - source) as Side) : source;
    if (at !== null && server !== stands) {
      step(`server ${'FT'[server]} takes ${at} of the mover`, next => {
        if (at === 'bring') this.migrate(next, MOVER, source);
        else if (at === 'drop') this.drop(next, MOVER, source);
        else this.takeOfCopier(next, MOVER, server);
      });
      if (at === 'bring' && this.options.inParts && state.values[server] !== 0)
        step('the mover finds it big', next => Object.assign(next.mover, { at: this.claims.begin(server).at }));
    }
    this.claims.expirySteps(state, step);
    for (const [n, late] of state.late.entries()) {
      const { by, server, what, value } = late;
      if (server === stands) continue;
      step(`server ${'FT'[server]} takes a late ${what} of ${by}`, next => {
        next.late.splice(n, 1);
        if (what === 'migrate') this.migrate(next, NOBODY, server);
        else if (what === 'commit') this.claims.commit(next, late, server);
        else next.values[server] = value;
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
    else if (at === 'claim' || at === 'copy' || at === 'commit' || at === 'unclaim')
      this.takeOfCopier(state, i, server);
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

  /** A step of moving in parts at `server`. */
  private takeOfCopier(state: State, by: number, server: Side): void {
    const copier = by === MOVER ? state.mover : state.workers[by as 0 | 1];
    if (copier.at === 'unclaim') {
      state.claims[server] = 0;
      this.confirmed(state, by, (1 - server) as Side);
      return;
    }
    const source = (copier.at === 'copy' ? server : 1 - server) as Side;
    copier.at = this.claims.take(state, copier, by, server);
    const isAtTarget = copier.at === 'claim' || copier.at === 'commit';
    if (by !== MOVER) state.workers[by as 0 | 1].server = (isAtTarget ? 1 - source : source) as Side;
  }

  private migrate(state: State, by: number, source: Side): void {
    // On the way back nobody has a claim any more from before.
    const isBack = by !== NOBODY && (by === MOVER ? state.coordinator : state.workers[by as 0 | 1]).decision.isBack;
    if (isBack) state.claims[source] = 0;
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
    const isMarked = state.marks[source] && !this.has('marks not looked at');
    if (by === MOVER) {
      if (isMarked && !this.has('the mover does not look at marks')) state.mover.at = 'unclaim';
      else this.confirmed(state, by, source);
      return;
    }
    const worker = state.workers[by as 0 | 1];
    if (worker.fenced[source] !== state.failed[source] && !this.isOwnOnly) {
      Object.assign(worker, { at: 'fence', seen: state.failed[source] });
    } else if (isMarked) Object.assign(worker, { at: 'unclaim', server: 1 - source });
    else this.confirmed(state, by, source);
  }

  /** Nobody can put it to the target any more. */
  private confirmed(state: State, by: number, source: Side): void {
    if (by === MOVER) {
      Object.assign(state.mover, { at: null, isDone: true });
      return;
    }
    const worker = state.workers[by as 0 | 1];
    const isConfirmed = sourceOf(worker.decision, this.half) === source;
    Object.assign(worker, { at: 'sent', server: 1 - source, isConfirmed });
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
        const server = this.source(next) ?? F;
        const { at, copied, claim } = next.mover;
        if (at === 'bring') next.late.push({ by: MOVER, server, what: 'migrate', value: 0, claim: 0 });
        if (at === 'drop') next.late.push({ by: MOVER, server, what: 'delete', value: 0, claim: 0 });
        if (at === 'commit')
          next.late.push({ by: MOVER, server: (1 - server) as Side, what: 'commit', value: copied, claim });
        Object.assign(next.mover, { copied: 0, claim: 0 });
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
    const source = this.source(state);
    if (source !== undefined) fault(`server ${'FT'[source]} dies and comes back`, next => this.restart(next, source));
    fault('the coordinator dies and comes back', next => {
      const mine = next.coordinator;
      mine.decision = mine.written;
      mine.acked = [false, false];
      for (const mail of next.mail) mail.push(mine.decision);
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
    const { id, kind, value } = worker.operation!;
    const late = { by: i, server, claim: 0, value: 0 };
    if (at === 'bring') state.late.push({ ...late, what: 'migrate' });
    if (at === 'drop') state.late.push({ ...late, what: 'delete' });
    if (at === 'commit') state.late.push({ ...late, what: 'commit', value: worker.copied, claim: worker.claim });
    if (at === 'sent' && kind !== 'read') state.late.push({ ...late, what: kind, value });
    if (at !== 'sent') refused(state.monitor, id);
    if (state.migrating?.by === i) state.migrating.by = NOBODY;
    Object.assign(worker, { operation: null, at: null, copied: 0, claim: 0 });
  }
}
