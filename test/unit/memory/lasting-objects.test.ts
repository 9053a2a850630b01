import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LastingObjects, MOVED_AT_ONCE } from '../../../src/memory/lasting-objects.ts';

/** What is told to V8 and to whoever watches it, in order. */
function recorded(t: { after(end: () => void): void }, isOver: () => Promise<void> = async () => {}) {
  const calls: string[] = [];
  const before = globalThis.gc;
  const collect = (options?: { readonly type?: string }) => void calls.push(options?.type ?? 'all');
  globalThis.gc = collect as NodeJS.GCFunction;
  t.after(() => {
    globalThis.gc = before as NodeJS.GCFunction;
  });
  const objects = new LastingObjects({
    watch: () => void calls.push('watch'),
    unwatch: () => void calls.push('unwatch'),
    isOver: async () => {
      await isOver();
      calls.push('marked');
    },
  });
  return { calls, objects };
}

test('young objects are moved each time that there are a thousand servers of them', async t => {
  const { calls, objects } = recorded(t);
  await objects.made(MOVED_AT_ONCE - 1);
  assert.deepEqual(calls, []);
  await objects.made(1);
  assert.deepEqual(calls.splice(0), ['watch', 'marked', 'minor']);
  await objects.made(MOVED_AT_ONCE + 1);
  assert.deepEqual(calls.splice(0), ['marked', 'minor']);
  objects.end(true);
  assert.deepEqual(calls, ['unwatch']);
});

test('before clients are served all is collected, where many were made', async t => {
  const { calls, objects } = recorded(t);
  objects.end(false);
  await objects.made(10);
  objects.end(false);
  assert.deepEqual(calls, []);
  await objects.made(MOVED_AT_ONCE);
  objects.end(false);
  assert.deepEqual(calls, ['watch', 'marked', 'minor', 'unwatch', 'all']);
});

test('nothing is moved before the marking is over', async t => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { calls, objects } = recorded(t, () => promise);
  const moved = objects.made(MOVED_AT_ONCE);
  await new Promise(setImmediate);
  assert.deepEqual(calls, ['watch']);
  resolve();
  await moved;
  assert.deepEqual(calls, ['watch', 'marked', 'minor']);
});

test('a marking that goes on and on is waited for no longer than the master waits', async t => {
  t.mock.method(performance, 'now', () => nowMs);
  let nowMs = 0;
  const { calls, objects } = recorded(t, async () => {
    nowMs += 600;
  });
  for (let i = 0; i < 4; i++) await objects.made(MOVED_AT_ONCE);
  assert.deepEqual(calls, ['watch', 'marked', 'minor', 'marked', 'minor', 'minor', 'minor']);
});
