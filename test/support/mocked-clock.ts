import { afterEach, beforeEach, mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';

const STEP_MS = 10;

export interface MockedClock {
  /** Lets time pass, and then all that can go on without the outside. */
  pass(ms: number): Promise<void>;
  /** So much later, though no timer has heard of it. */
  skip(ms: number): void;
}

/** A clock and timers that the tests of this file, or of this suite, have in their hand: they do not go on by themselves. */
export function mockClock(): MockedClock {
  let nowMs = 0;
  beforeEach(() => {
    nowMs = 1000;
    mock.method(performance, 'now', () => nowMs);
    mock.timers.enable({ apis: ['setTimeout'] });
  });
  afterEach(() => {
    mock.timers.reset();
    mock.restoreAll();
  });
  return {
    async pass(ms) {
      for (let left = ms; left > 0; left -= STEP_MS) {
        nowMs += STEP_MS;
        mock.timers.tick(STEP_MS);
        await setImmediate();
      }
    },
    skip(ms) {
      nowMs += ms;
    },
  };
}
