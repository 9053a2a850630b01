// What phase `both` does to one key of memcached that moves from server F to server T: two workers with a client each
// and a mover, in every order of events. Nobody but those who move it touches the key on F. Who moves it puts a claim
// in the value's place, copies the value so that a copy which arrives late has expired, keeps it, and takes the claim off.
// A request whose connection was lost may yet take effect, at any time, or never. A cache may miss; it may not lie.
import type { Model, Step } from './explorer.ts';
import {
  invoked,
  type Monitor,
  newMonitor,
  type Operation,
  possibleValues,
  refused,
  returned,
  type Value,
} from './register-monitor.ts';

/** Ways to get it wrong. */
export type MemcachedMistake =
  | 'no claim'
  | 'deletes pass by a claim'
  | 'writes go to the new server first'
  | 'copies that are late do not expire'
  | 'a claim is taken over before its copy has expired'
  | 'the copy is kept without its CAS'
  | 'the new ring is in force while keys may be copied'
  | 'the new ring is in force while copies may be on their way';

export interface MemcachedReshardOptions {
  readonly programs: readonly [readonly Operation['kind'][], readonly Operation['kind'][]];
  readonly faults: number;
  readonly hasMover?: boolean;
  /** Keys that nobody asks for stay on F until the operator's time is over: they can't be found. Without a mover. */
  readonly hasEnd?: boolean;
  readonly mistake?: MemcachedMistake;
}

/** An item; `claim`: it is a claim of that number, on T a copy that goes when that claim's time is over. 0: neither. */
interface Item {
  value: Value;
  cas: number;
  claim: number;
}

type What = 'ask' | 'claim' | 'add' | 'keep' | 'release' | 'clear' | 'send';

interface Actor {
  operation: Operation | null;
  what: What | null;
  /** Of what it has seen: the value that it moves, its CAS value, and the number of the claim. */
  value: Value;
  cas: number;
  claim: number;
  /** Its request went to T before F was looked at. */
  isSent: boolean;
  next: number;
}

interface Message {
  what: What;
  kind: Operation['kind'];
  value: Value;
  cas: number;
  claim: number;
}

/** `drop`: what is still on F is dropped there instead of moved. `new`: F is not asked any more. */
type Mode = 'both' | 'drop' | 'new';

interface State {
  /** Of the two workers. */
  modes: [Mode, Mode];
  f: Item | null;
  t: Item | null;
  /** Claims whose time is over. */
  over: number[];
  actors: [Actor, Actor, Actor];
  late: Message[];
  faults: number;
  monitor: Monitor;
}

const MOVER = 2;

/** Numbers that somebody still knows: others are given again, which keeps the states few. */
const claimsOf = ({ f, t, actors, late }: State) =>
  new Set([f, t, ...actors, ...late].flatMap(each => (each === null || each.claim === 0 ? [] : [each.claim])));
const casValuesOf = ({ f, t, actors, late }: State) =>
  new Set([f, t, ...actors, ...late].flatMap(each => (each === null ? [] : [each.cas])));

function unused(numbers: ReadonlySet<number>): number {
  let number = 1;
  while (numbers.has(number)) number++;
  return number;
}

export class MemcachedReshardModel implements Model<State> {
  readonly initial: State;
  private readonly options: MemcachedReshardOptions;

  constructor(options: MemcachedReshardOptions) {
    this.options = options;
    const actor = (): Actor => ({ operation: null, what: null, value: 0, cas: 0, claim: 0, isSent: false, next: 0 });
    this.initial = {
      modes: ['both', 'both'],
      f: { value: 1, cas: 1, claim: 0 },
      t: null,
      over: [],
      actors: [actor(), actor(), actor()],
      late: [],
      faults: options.faults,
      monitor: newMonitor(1),
    };
  }

  steps(state: State, step: Step<State>): void {
    for (const [i, actor] of state.actors.entries()) {
      const program = i === MOVER ? [] : this.options.programs[i as 0 | 1];
      if (actor.what !== null) {
        const { claim } = state.f ?? { claim: 0 };
        const isEager = this.has('a claim is taken over before its copy has expired') || this.passesBy(actor);
        const isWaiting = actor.what === 'ask' && claim !== 0 && !state.over.includes(claim) && !isEager;
        if (!isWaiting)
          step(`${actor.what} of ${i} is answered`, next => {
            this.answer(next, i);
            next.over = next.over.filter(claim => claimsOf(next).has(claim));
          });
      } else if (actor.next < program.length) {
        const kind = program[actor.next]!;
        const operation = { id: i * 10 + actor.next, kind, value: kind === 'write' ? 10 * (i + 1) + actor.next : 0 };
        const isNew = i !== MOVER && state.modes[i as 0 | 1] === 'new';
        step(`client ${i} asks for ${kind}`, next => {
          const mine = next.actors[i]!;
          const isBackwards = this.has('writes go to the new server first') && kind !== 'read';
          Object.assign(mine, { operation, what: isBackwards || isNew ? 'send' : 'ask', next: mine.next + 1 });
          invoked(next.monitor, operation);
        });
      }
    }
    const mover = state.actors[MOVER];
    if (this.options.hasMover !== false && mover.what === null && state.f !== null) {
      step('the mover finds the key', next => {
        next.actors[MOVER].what = 'ask';
      });
    }
    for (const [n, message] of state.late.entries()) {
      step(`a late ${message.what} takes effect`, next => {
        next.late.splice(n, 1);
        this.takeEffect(next, message);
      });
    }
    for (const claim of claimsOf(state)) {
      if (!state.over.includes(claim)) step(`the time of claim ${claim} is over`, next => this.endTime(next, claim));
    }
    if (this.options.hasEnd) this.endSteps(state, step);
    if (state.faults > 0) this.faultSteps(state, step);
  }

  problem({ monitor, f, t, actors }: State, isLast: boolean): string | null {
    if (monitor.problem !== null) return monitor.problem;
    if (!isLast) return null;
    if (actors.some(({ what }) => what !== null)) return 'somebody waits for ever';
    if (f !== null && this.options.hasMover !== false) return 'a copy is left on the old server';
    const isRight = t === null || possibleValues(monitor, true).has(t.value);
    return isRight ? null : `at the end the value is ${t.value}`;
  }

  private has(mistake: MemcachedMistake): boolean {
    return this.options.mistake === mistake;
  }

  private passesBy({ operation }: Actor): boolean {
    return this.has('deletes pass by a claim') && operation !== null && operation.kind !== 'read';
  }

  private answer(state: State, i: number): void {
    const actor = state.actors[i]!;
    const { what } = actor;
    if (what === 'ask') {
      this.asked(state, actor, i !== MOVER && state.modes[i as 0 | 1] !== 'both');
      return;
    }
    const message = this.message(actor);
    const isDone = this.takeEffect(state, message);
    if (what === 'claim') {
      if (isDone) Object.assign(actor, { what: 'add', cas: state.f!.cas });
      else actor.what = 'ask';
    } else if (what === 'add') {
      // Both go out, and what comes of them is not waited for.
      if (isDone) state.late.push({ ...message, what: 'keep' });
      state.late.push({ ...message, what: 'release', cas: actor.cas });
      this.goOn(state, actor, false);
    } else if (what === 'send' && actor.operation !== null) this.sent(state, actor, isDone);
    else this.goOn(state, actor, what === 'clear' && !isDone);
  }

  /** The key on F: gone, a value to be moved or deleted, or a claim that is over. */
  private asked(state: State, actor: Actor, isDropped: boolean): void {
    const { f, over } = state;
    const isOverwritten = actor.operation?.kind === 'write' || this.passesBy(actor);
    if (f === null) this.goOn(state, actor, false);
    else if (f.claim !== 0 || isOverwritten || isDropped) {
      const isFree =
        f.claim === 0 || over.includes(f.claim) || this.has('a claim is taken over before its copy has expired');
      Object.assign(actor, { what: isFree ? 'clear' : 'send', cas: f.cas });
    } else if (this.has('no claim')) {
      Object.assign(actor, { what: 'add', value: f.value, cas: f.cas, claim: 0 });
    } else {
      Object.assign(actor, { what: 'claim', value: f.value, cas: f.cas, claim: unused(claimsOf(state)) });
    }
  }

  /** F has the key no more: on to T. `isAgain`: it has changed meanwhile. */
  private goOn(state: State, actor: Actor, isAgain: boolean): void {
    if (isAgain) actor.what = 'ask';
    else if (actor.isSent) this.sent(state, actor, true);
    else Object.assign(actor, { what: actor.operation === null ? null : 'send', value: 0, cas: 0, claim: 0 });
  }

  private sent(state: State, actor: Actor, isDone: boolean): void {
    const { id, kind } = actor.operation!;
    const isFirst = this.has('writes go to the new server first') && kind !== 'read' && !actor.isSent;
    const result = kind === 'read' ? (state.t?.value ?? 0) : kind === 'write' ? 1 : Number(isDone);
    if (isFirst) {
      // It is acknowledged after both.
      Object.assign(actor, { what: 'ask', isSent: true });
      return;
    }
    Object.assign(actor, { operation: null, isSent: false, what: null, value: 0, cas: 0, claim: 0 });
    returned(state.monitor, id, result, true);
  }

  private message({ what, operation, value, cas, claim }: Actor): Message {
    const isClient = what === 'send';
    const kind = operation?.kind ?? 'read';
    return { what: what!, kind, value: isClient ? (operation?.value ?? 0) : value, cas, claim };
  }

  /** What a server does with a request. Returns whether it did it, of a delete whether there was something. */
  private takeEffect(state: State, { what, kind, value, cas, claim }: Message): boolean {
    const { f, t } = state;
    if (what === 'claim') {
      if (f?.cas !== cas) return false;
      state.f = { value: 0, cas: unused(casValuesOf(state)), claim };
    } else if (what === 'release' || what === 'clear') {
      if (f?.cas !== cas) return false;
      state.f = null;
    } else if (what === 'add') {
      if (t !== null) return false;
      // Its time is over when it comes: it is stored and gone.
      const isLate = state.over.includes(claim) && !this.has('copies that are late do not expire');
      state.t = isLate ? null : { value, cas: unused(casValuesOf(state)), claim };
    } else if (what === 'keep') {
      const isHis = t !== null && t.value === value && t.claim === claim;
      if (!isHis && !this.has('the copy is kept without its CAS')) return false;
      state.t = { value, cas: unused(casValuesOf(state)), claim: 0 };
    } else if (kind !== 'read') {
      state.t = kind === 'write' ? { value, cas: unused(casValuesOf(state)), claim: 0 } : null;
      return kind === 'write' || t !== null;
    }
    return true;
  }

  /** The operator's time is over: all drop, then wait for as long as a claim and its copy have, and then have the new ring. */
  private endSteps(state: State, step: Step<State>): void {
    const areCopying = state.modes.includes('both') && !this.has('the new ring is in force while keys may be copied');
    const claims = this.has('the new ring is in force while copies may be on their way')
      ? new Set<number>()
      : claimsOf(state);
    const isTime = [...claims].every(claim => state.over.includes(claim));
    for (const [i, mode] of state.modes.entries()) {
      if (mode === 'both') {
        step(`worker ${i} drops what is still on F`, next => {
          next.modes[i as 0 | 1] = 'drop';
        });
      }
      if (mode !== 'new' && !areCopying && isTime) {
        step(`worker ${i} has the new ring`, next => {
          next.modes[i as 0 | 1] = 'new';
        });
      }
    }
  }

  /** A copy that was not kept by then expires. */
  private endTime(state: State, claim: number): void {
    state.over.push(claim);
    state.over.sort();
    if (state.t?.claim === claim && !this.has('copies that are late do not expire')) state.t = null;
  }

  private faultSteps(state: State, step: Step<State>): void {
    const fault = (name: string, change: (next: State) => void) =>
      step(name, next => {
        next.faults--;
        change(next);
      });
    if (state.t !== null) {
      fault('server T evicts the key', next => {
        next.t = null;
      });
    }
    for (const [i, actor] of state.actors.entries()) {
      if (actor.what === null) continue;
      fault(`${i} dies and is replaced`, next => {
        const mine = next.actors[i]!;
        if (mine.what !== 'ask') next.late.push(this.message(mine));
        if (mine.operation !== null && mine.what !== 'send' && !mine.isSent) refused(next.monitor, mine.operation.id);
        Object.assign(mine, { operation: null, isSent: false, what: null, value: 0, cas: 0, claim: 0 });
      });
    }
  }
}
