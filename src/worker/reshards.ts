import type { PoolConfig } from '../config/config.ts';
import { isSameRing } from '../config/tables/ring-settings.ts';
import type { ReshardState } from '../ipc/reshard-state.ts';

/** How far pools are between two rings, by name, also pools to come. */
export class Reshards {
  private readonly states = new Map<string, ReshardState>();

  /** Null: the pool has the ring of its configuration. */
  get(pool: string): ReshardState | null {
    return this.states.get(pool) ?? null;
  }

  /** Of a pool that has this configuration from now on: none where it says itself what all requests go by. */
  getFor(config: PoolConfig): ReshardState | null {
    const state = this.get(config.name);
    if (state?.phase !== 'new' || !isSameRing(config, state.to)) return state;
    this.states.delete(config.name);
    return null;
  }

  keys(): Iterable<string> {
    return [...this.states.keys()];
  }

  delete(pool: string): void {
    this.states.delete(pool);
  }

  /**
   * Throws an Error for a step that can't be taken while the pool is served: requests could then be at one server by the one ring
   * while others are at another by the other. Null: the change is over. A worker that still has the old configuration `served`
   * then, because another takes its place, must not fall back to the old ring while it serves its last clients.
   */
  take(pool: string, state: ReshardState | null, served: PoolConfig | null): void {
    const before = this.get(pool);
    if (state !== null) {
      if (served !== null) checkStep(before?.phase ?? 'old', state.phase);
      this.states.set(pool, state);
    } else if (before?.phase !== 'new' || served === null || isSameRing(served, before.to)) {
      this.states.delete(pool);
    }
  }
}

function checkStep(was: ReshardState['phase'], next: ReshardState['phase']): void {
  if (next === 'hold' || (next === 'old' && was === 'old')) return;
  if (next === 'both' && (was === 'hold' || was === 'both')) return;
  if (next === 'new' && (was === 'both' || was === 'new')) return;
  throw new Error(`from ${was} there is no way to ${next}`);
}
