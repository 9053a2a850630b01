import assert from 'node:assert/strict';
import type { EventEmitter } from 'node:events';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

export interface WaitOptions {
  /** What is waited for, in words; it is what the failure says. */
  readonly what: string;
  /** Upper bound; the wait fails loudly when it passes. */
  readonly timeoutMs?: number;
}

/** Something hangs; a busy machine is no reason to give up. */
const DEFAULT_TIMEOUT_MS = 30_000;

/** Asks `condition` every few milliseconds and resolves with its first truthy answer. Rejects after `timeoutMs`. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions & { readonly everyMs?: number },
): Promise<Exclude<T, false | null | undefined>> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await condition();
    if (answer) return answer as Exclude<T, false | null | undefined>;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${options.what}`);
    await delay(options.everyMs ?? 5);
  }
}

/** Resolves or rejects as `promise` does; rejects when it has done neither within `timeoutMs`. */
export async function within<T>(promise: Promise<T>, options: WaitOptions): Promise<T> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const { promise: overdue, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms in vain for ${options.what}`)), timeoutMs);
  try {
    return await Promise.race([promise, overdue]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves with the arguments of the next `event`; rejects on 'error' (as events.once does) or after `timeoutMs`. */
export async function waitForEvent(emitter: EventEmitter, event: string, options: WaitOptions): Promise<unknown[]> {
  return within(once(emitter, event) as Promise<unknown[]>, options);
}

/**
 * Resolves once what `read` gives deep-equals `expected`: figures of workers may be some moments old, whoever asks. Else it
 * fails as `assert.deepEqual` does, on what was read last.
 */
export async function untilEqual<T>(read: () => T | Promise<T>, expected: T, what: string): Promise<void> {
  let last: T | undefined;
  const isThere = async () => {
    last = await read();
    return isDeepStrictEqual(last, expected);
  };
  await waitFor(isThere, { what, everyMs: 50 }).catch(() => assert.deepEqual(last, expected, what));
}
