import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock } from '../../../src/loop/clock.ts';
import { Turn } from '../../../src/loop/turn.ts';
import { socketPair } from '../../support/socket-pair.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Nothing else of this process runs meanwhile. */
function stopFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('every listener is called on each tick, with its time, until it is taken off or the clock stops', async () => {
  const clock = new Clock(new Turn());
  const first: number[] = [];
  const second: number[] = [];
  const endFirst = clock.onTick(nowMs => first.push(nowMs));
  clock.onTick(nowMs => second.push(nowMs));
  // The clock's timer holds no process open.
  const hold = setInterval(() => {}, 1000);
  clock.start(1);
  await waitFor(() => first.length >= 3, { what: 'three ticks' });
  endFirst();
  const count = first.length;
  const seen = second.length;
  await waitFor(() => second.length >= seen + 3, { what: 'three ticks more' });
  clock.stop();
  clearInterval(hold);
  assert.equal(first.length, count);
  assert.ok(second.every((now, i) => i === 0 || now > (second[i - 1] as number)));
});

test('it stands still while the worker is stopped, and never goes back', async t => {
  const clock = new Clock(new Turn());
  t.after(() => clock.stop());
  clock.start(5);
  const startedAtMs = clock.refresh();
  for (let i = 0; i < 3; i++) {
    stopFor(200);
    const beforeMs = clock.nowMs;
    assert.ok(clock.refresh() >= beforeMs);
    assert.ok(clock.refresh() - beforeMs < 100, 'one period, and what passed since');
  }
  assert.ok(clock.nowMs - startedAtMs < 300);
});

test('what came before a tick is read before the tick is told', async t => {
  const { socket, far } = await socketPair(t);
  const clock = new Clock(new Turn());
  t.after(() => clock.stop());
  const events: string[] = [];
  socket.on('data', () => events.push('read')).resume();
  let sentAtMs = 0;
  // One of before is of no interest, though it may be told now.
  clock.onTick(nowMs => void (nowMs > sentAtMs && events.push('tick')));
  clock.start(20);
  await waitFor(() => events.includes('tick'), { what: 'a tick' });
  for (let i = 0; i < 5; i++) {
    // From here on timers come before sockets.
    await new Promise(resolve => setImmediate(resolve));
    events.length = 0;
    sentAtMs = clock.refresh();
    far.send('x');
    // The next tick is due, and the byte has come.
    stopFor(40);
    await waitFor(() => events.includes('tick'), { what: 'a tick', everyMs: 1 });
    assert.equal(events[0], 'read');
  }
});

test('microseconds go on while the worker is stopped, on a scale of 32 bits', t => {
  const clock = new Clock(new Turn());
  t.after(() => clock.stop());
  clock.start(5);
  clock.refresh();
  const fromUs = clock.nowUs;
  const fromMs = performance.now();
  stopFor(200);
  clock.refresh();
  const passedUs = (clock.nowUs - fromUs) >>> 0;
  assert.equal(clock.nowUs, clock.nowUs | 0);
  assert.ok(passedUs >= 200_000 && passedUs / 1000 <= performance.now() - fromMs + 1, `${passedUs} µs`);
});
