// The coordinator in redis-reshard-model.ts. It decides as the program does (master/reshard/decision.ts), and tells everybody.
import { type Decision, type DecisionEvent, nextDecision } from '../../src/master/reshard/decision.ts';
import type { Step } from './explorer.ts';
import {
  type Decided,
  type RedisMistake,
  type RedisReshardOptions,
  type State,
  sourceOf,
} from './redis-reshard-state.ts';

/** Holds after this many decisions are not refused: it might go on for ever. */
const MAX_REFUSED_SEQ = 5;

export class Coordinator {
  private readonly options: RedisReshardOptions;

  constructor(options: RedisReshardOptions) {
    this.options = options;
  }

  steps(state: State, step: Step<State>): void {
    const { coordinator, mover } = state;
    const { decision, acked } = coordinator;
    const { phase, isBack, otherwise } = decision;
    const goOn = (event: DecisionEvent, ...more: readonly DecisionEvent[]) =>
      step(`the coordinator: ${event}`, next => this.decide(next, [event, ...more]));
    const { mayAbort = false, mayRefuse = false, half = 'whole' } = this.options;
    if (mayAbort && !isBack && (phase === 'hold' || (phase === 'both' && mover.at === null))) goOn('abort');
    if (mayRefuse && phase === 'hold' && decision.seq < MAX_REFUSED_SEQ) goOn('refused');
    if (acked.includes(false)) return;
    if (coordinator.written.seq !== decision.seq) {
      step('the coordinator writes its phase down', next => {
        next.coordinator.written = next.coordinator.decision;
      });
    }
    const source = sourceOf(decision, half);
    const isAnyLate = state.lateRestores.length > 0 || state.late.length > 0 || state.migrating !== null;
    if (phase === 'old') {
      if (this.has('no hold')) goOn('acknowledged', 'acknowledged');
      else goOn('acknowledged');
    } else if (phase === 'hold') {
      if (otherwise === null || !isAnyLate || this.has('no fence before going back')) goOn('acknowledged');
    } else if (phase === 'both') {
      const isLate = state.lateRestores.some(({ target }) => target !== source) || state.migrating !== null;
      const isUnfenced = this.has(decision.half === 'first' ? 'no fence before the other half' : 'no fence before new');
      const isEmpty = source === undefined || mover.isDone || this.has('new while keys are left');
      if (!isEmpty || (isLate && !isUnfenced)) return;
      if (decision.half === 'first' && this.has('no hold between the halves')) goOn('moved', 'acknowledged');
      else goOn('moved');
    }
  }

  private decide(state: State, events: readonly DecisionEvent[]): void {
    const mine = state.coordinator;
    const { half } = mine.decision;
    for (const event of events) {
      const next = nextDecision(mine.decision as Decision, event)!;
      const isWrong = event === 'abort' && this.has('back begins with what was gone first');
      mine.decision = isWrong && next.isBack ? { ...next, half } : next;
    }
    mine.acked = [false, false];
    if (!this.has('written after it was sent')) mine.written = mine.decision;
    for (const mail of state.mail) mail.push(mine.decision);
    state.mover.isDone = false;
  }

  private has(mistake: RedisMistake): boolean {
    return this.options.mistake === mistake;
  }
}

export function nameOf({ phase, isBack, half }: Decided): string {
  return `${phase}${half === 'whole' ? '' : ` of the ${half} half`}${isBack ? ', back' : ''}`;
}
