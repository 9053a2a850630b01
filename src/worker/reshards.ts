import type { ReshardState } from '../ipc/reshard-state.ts';

/** How far pools are between two rings, by name, also pools to come. */
export class Reshards {
  private readonly states = new Map<string, ReshardState>();

  /** Null: the pool has the ring of its configuration. */
  get(pool: string): ReshardState | null {
    return this.states.get(pool) ?? null;
  }

  keys(): Iterable<string> {
    return [...this.states.keys()];
  }

  delete(pool: string): void {
    this.states.delete(pool);
  }

  /**
   * Throws an Error for a step that can't be taken while the pool is served: requests could then be at one server by the one ring
   * while others are at another by the other.
   */
  take(pool: string, state: ReshardState | null, isServed: boolean): void {
    if (state === null) this.states.delete(pool);
    else {
      if (isServed) checkStep(this.states.get(pool)?.phase ?? 'old', state.phase);
      this.states.set(pool, state);
    }
  }
}

function checkStep(was: ReshardState['phase'], next: ReshardState['phase']): void {
  if (next === 'old' || next === 'hold') return;
  if (next === 'both' && (was === 'hold' || was === 'both')) return;
  if (next === 'new' && (was === 'both' || was === 'new')) return;
  throw new Error(`from ${was} there is no way to ${next}`);
}
