import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { PoolCommands } from '../../../../src/figures/command-times.ts';
import { Clock } from '../../../../src/loop/clock.ts';
import { Turn } from '../../../../src/loop/turn.ts';
import { ReplyTimer } from '../../../../src/proxy/insight/reply-timer.ts';

function timerAt(startUs: number) {
  const turn = new Turn();
  const clock = new Clock(turn);
  clock.nowUs = startUs;
  let refreshes = 0;
  clock.refresh = () => {
    refreshes++;
    clock.nowUs = (clock.nowUs + 100) | 0;
    return clock.nowMs;
  };
  return { turn, clock, timer: new ReplyTimer(clock, turn), refreshes: () => refreshes };
}

test('replies of a turn are timed at its end, with one look at the clock', async () => {
  const { timer, refreshes } = timerAt(2 ** 31 - 50);
  const commands = new PoolCommands();
  timer.settled(commands.of('get'), 2 ** 31 - 50);
  timer.settled(commands.of('get'), 2 ** 31 - 1050);
  timer.settled(commands.of('set'), 2 ** 31 - 250);
  assert.ok(commands.of('get').total.isEmpty);
  await setImmediate();
  assert.equal(refreshes(), 1);
  const { total } = commands.of('get');
  assert.deepEqual([total.count, total.sumUs, total.maxUs], [2, 100 + 1100, 1100]);
  assert.equal(commands.of('set').total.maxUs, 300);
  timer.settled(commands.of('get'), 0);
  await setImmediate();
  assert.equal(total.count, 3);
});

test('they are timed behind what was to be written when they were settled', async () => {
  const { turn, timer, clock } = timerAt(0);
  const command = new PoolCommands().of('get');
  timer.settled(command, 0);
  turn.defer({
    endTurn: () => {
      clock.nowUs = 5000;
    },
  });
  await setImmediate();
  assert.equal(command.total.maxUs, 5100);
});

test('however many there are in one turn, all of them are timed', async () => {
  const { timer } = timerAt(0);
  const command = new PoolCommands().of('get');
  for (let i = 0; i < 5000; i++) timer.settled(command, 0);
  await setImmediate();
  assert.equal(command.total.count, 5000);
});

test('a command is one object, whichever was asked for in between', () => {
  const commands = new PoolCommands();
  const get = commands.of('get');
  commands.of('set');
  assert.equal(commands.of('get'), get);
  assert.deepEqual(
    [...commands.all()].map(({ name }) => name),
    ['get', 'set'],
  );
});
