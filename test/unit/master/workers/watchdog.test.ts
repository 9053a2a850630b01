import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Watchdog, type Watched } from '../../../../src/master/workers/watchdog.ts';

const LIMIT_MS = 10_000;
const TICK_MS = 500;

interface FakeWorker extends Watched {
  readonly name: string;
}

/** A watchdog over two workers, and time that passes as it is told. `heard` runs where messages are read. */
function watched(t: TestContext, hasServed = true) {
  t.mock.timers.enable({ apis: ['setInterval', 'setImmediate'] });
  let nowMs = 1000;
  const workers: FakeWorker[] = ['a', 'b'].map(name => ({ name, silentMs: 0, hasServed }));
  const hung: string[] = [];
  const dog = new Watchdog<FakeWorker>({
    limitMs: () => LIMIT_MS,
    workers: () => workers,
    onHang: ({ name }) => hung.push(name),
    nowMs: () => nowMs,
  });
  dog.start();
  t.after(() => dog.stop());
  const tick = (passedMs: number, heard: readonly number[]) => {
    nowMs += passedMs;
    t.mock.timers.tick(TICK_MS - 1);
    // The timer, the messages that are there to be read, then what was put off with setImmediate.
    for (const index of heard) workers[index]!.silentMs = 0;
    t.mock.timers.tick(1);
  };
  return { workers, hung, tick };
}

test('a worker that says nothing for so long is told of, once; the others are not', t => {
  const { hung, tick } = watched(t);
  for (let i = 0; i < LIMIT_MS / TICK_MS - 1; i++) tick(TICK_MS, [1]);
  assert.deepEqual(hung, []);
  for (let i = 0; i < 10; i++) tick(TICK_MS, [1]);
  assert.deepEqual(hung, ['a']);
});

test('a pause of this process, however long, is no silence of theirs', t => {
  const { hung, workers, tick } = watched(t);
  for (let i = 0; i < 8; i++) tick(3_600_000, []);
  assert.deepEqual(hung, []);
  assert.equal(workers[0]!.silentMs, 8 * 2 * TICK_MS);
  tick(TICK_MS, [0, 1]);
  assert.equal(workers[0]!.silentMs, TICK_MS);
});

test('a worker that has not served yet has more time', t => {
  const { hung, tick } = watched(t, false);
  for (let i = 0; i < (2 * LIMIT_MS) / TICK_MS; i++) tick(TICK_MS, []);
  assert.deepEqual(hung, []);
  for (let i = 0; i < 60_000 / TICK_MS; i++) tick(TICK_MS, []);
  assert.deepEqual(hung, ['a', 'b']);
});
