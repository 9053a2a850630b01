import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ToWorker } from '../../../../src/ipc/messages.ts';
import { Crowds } from '../../../../src/master/clients/crowds.ts';
import type { WorkerProcess } from '../../../../src/master/workers/worker-process.ts';

class FakeWorker {
  readonly id: number;
  readonly got: ToWorker[] = [];
  hasServed = true;

  constructor(id: number) {
    this.id = id;
  }

  send(message: ToWorker): boolean {
    this.got.push(message);
    return true;
  }

  /** The round that the last message belongs to. */
  get round(): number {
    return (this.got.at(-1) as { id: number }).id;
  }
}

const real = (worker: FakeWorker) => worker as unknown as WorkerProcess;

function started(t: TestContext, count: number) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  const workers = Array.from({ length: count }, (_, i) => new FakeWorker(i + 1));
  return { workers, crowds: new Crowds(() => workers.map(real)) };
}

const change = (id: number, beyond: number) => ({ type: 'crowds', id, pool: 'p', crowds: [[0, 'a', beyond]] }) as const;

test('a change goes to all others, and who made it hears once they know', t => {
  const { workers, crowds } = started(t, 3);
  const [one, two, three] = workers as [FakeWorker, FakeWorker, FakeWorker];
  crowds.changed(real(one), change(7, 2));
  for (const other of [two, three]) {
    const told = { type: 'crowds', id: other.round, pool: 'p', worker: 1, crowds: [[0, 'a', 2]], isWhole: false };
    assert.deepEqual(other.got, [told]);
  }
  crowds.arrived(real(two), two.round);
  assert.deepEqual(one.got, []);
  crowds.arrived(real(three), three.round);
  assert.deepEqual(one.got, [{ type: 'crowdsTold', id: 7 }]);
});

test('a worker that says nothing, is gone, or has yet to serve, is not waited for', t => {
  const { workers, crowds } = started(t, 3);
  const [one, two, three] = workers as [FakeWorker, FakeWorker, FakeWorker];
  three.hasServed = false;
  crowds.changed(real(one), change(1, 1));
  assert.equal(three.got.length, 1);
  t.mock.timers.tick(999);
  assert.deepEqual(one.got, []);
  t.mock.timers.tick(1);
  t.mock.timers.tick(0);
  assert.deepEqual(one.got, [{ type: 'crowdsTold', id: 1 }]);
  crowds.changed(real(one), change(2, 2));
  workers.splice(1, 1);
  crowds.gone(real(two));
  assert.deepEqual(one.got.at(-1), { type: 'crowdsTold', id: 2 });
});

test('a new worker is told of all others, and all are told of one that is gone', t => {
  const { workers, crowds } = started(t, 2);
  const [one, two] = workers as [FakeWorker, FakeWorker];
  crowds.changed(real(one), change(1, 4));
  crowds.changed(real(two), change(1, 0));
  const three = new FakeWorker(3);
  crowds.greet(real(three));
  const whole = { type: 'crowds', id: 0, pool: 'p', worker: 1, crowds: [[0, 'a', 4]], isWhole: true };
  assert.deepEqual(three.got, [whole]);
  workers.shift();
  crowds.gone(real(one));
  assert.deepEqual(two.got.at(-1), { ...whole, id: two.round, crowds: [] });
  const four = new FakeWorker(4);
  crowds.greet(real(four));
  assert.deepEqual(four.got, []);
});
