import { expectedPeers } from './expected-peers.ts';

/*
 * Rounds: some sockets are ready, all of them are read, and then what came of it is done.
 *
 *   round: deliver ─▶ what was to be done `soon` ─┐
 *     ▲                                           │  other sockets are ready
 *     └───────────────────────────────────────────┤
 *                                                 └▶ none is, or it has taken long: what waits for `whenIdle`
 *
 * What waits, waits for company: for more to go the same way. Peers who have just been answered may be about to ask again, so
 * for them it is worth to wait a moment longer than until no socket is ready.
 *
 * Where sockets are node's there are no rounds, and libuv's turns take their place.
 */

/** Something that can wait until no socket is ready. */
export interface IdleTask {
  onIdle(): void;
}

let isInRound = false;
const endsOfRound: (() => void)[] = [];
const idleTasks: IdleTask[] = [];

/**
 * Runs `deliver`, which reads sockets that are ready, and then what was to be done `soon`, such as the ends of turns. `onError`
 * hears what any of it throws.
 */
export function runRound(deliver: () => void, onError: (error: unknown) => void): void {
  isInRound = true;
  let next: (() => void) | undefined = deliver;
  while (next !== undefined) {
    try {
      next();
    } catch (error) {
      onError(error);
    }
    next = endsOfRound.pop();
  }
  isInRound = false;
}

/** Calls `act` when whoever calls is done: at the end of this round of sockets, or else in libuv's check phase. */
export function soon(act: () => void): void {
  if (isInRound) endsOfRound.push(act);
  else setImmediate(act);
}

/**
 * Has `task` called, once, when no socket is ready any more, or the rounds have gone on for long enough. False, and it is
 * not called: outside rounds nobody knows when that is.
 */
export function whenIdle(task: IdleTask): boolean {
  if (isInRound) idleTasks.push(task);
  return isInRound;
}

/** Runs what has waited for `whenIdle`, as a round. False: nothing has. */
export function runIdleTasks(onError: (error: unknown) => void): boolean {
  if (idleTasks.length === 0) return false;
  // Once more where one has thrown.
  do runRound(deliverIdleTasks, onError);
  while (idleTasks.length > 0);
  return true;
}

/** Something waits for `whenIdle`, and peers are expected who may add to it. */
export function isCompanyExpected(): boolean {
  return expectedPeers.isAny && idleTasks.length > 0;
}

function deliverIdleTasks(): void {
  for (let task = idleTasks.pop(); task !== undefined; task = idleTasks.pop()) task.onIdle();
}
