// The part of redis-reshard-model.ts that is about moving a key in parts: a claim on the target, a copy of what the source has, a
// mark there, and a commit that only the claim allows. A claim expires: when its owner has died, or, as a fault, when he is slow.
import type { Step } from './explorer.ts';
import type { At, Copier, Late, RedisMistake, Side, State } from './redis-reshard-state.ts';

export const MOVES_IN_PARTS: readonly (At | null)[] = ['claim', 'copy', 'commit', 'unclaim'];
/** Takers: two workers and the mover. */
const TAKERS = 3;

export class Claims {
  private readonly mistake: RedisMistake | null;

  constructor(mistake: RedisMistake | null) {
    this.mistake = mistake;
  }

  /** Where one begins who finds a key on `source` too big for MIGRATE. */
  begin(source: Side): { at: At; server: Side } {
    const isEarly = this.mistake === 'parts read before the claim';
    return isEarly ? { at: 'copy', server: source } : { at: 'claim', server: (1 - source) as Side };
  }

  /** What comes of a step of his at `server`: where he is next; 'drop' and 'bring' are steps at the source. */
  take(state: State, copier: Copier, by: number, server: Side): At {
    const isEarly = this.mistake === 'parts read before the claim';
    if (copier.at === 'claim') {
      if (state.values[server] !== 0) {
        state.claims[server] = 0;
        return 'drop';
      }
      if (state.claims[server] !== 0) return 'bring';
      copier.claim = by + 1 + TAKERS * state.claimed++;
      state.claims[server] = copier.claim;
      return isEarly ? 'commit' : 'copy';
    }
    if (copier.at === 'copy') {
      if (state.values[server] === 0) return 'bring';
      copier.copied = state.values[server];
      state.marks[server] = true;
      return isEarly ? 'claim' : 'commit';
    }
    const isDone = this.commit(state, copier, server);
    Object.assign(copier, { copied: 0, claim: 0 });
    return isDone ? 'drop' : 'bring';
  }

  /** Whether the key is on the target then. */
  commit(state: State, { claim, ...copy }: Pick<Copier, 'claim' | 'copied'> | Late, target: Side): boolean {
    const value = 'copied' in copy ? copy.copied : copy.value;
    if (this.mistake !== 'commit without a claim' && state.claims[target] !== claim) return false;
    if (state.claims[target] === claim) state.claims[target] = 0;
    if (state.values[target] === 0) state.values[target] = value;
    return true;
  }

  expirySteps(state: State, step: Step<State>): void {
    for (const target of [0, 1] as const) {
      const claim = state.claims[target];
      if (claim === 0) continue;
      const isHeld = [...state.workers, state.mover].some(each => each.claim === claim);
      if (isHeld && state.faults === 0) continue;
      step(`a claim on ${'FT'[target]} expires`, next => {
        next.claims[target] = 0;
        if (isHeld) next.faults--;
      });
    }
  }
}
