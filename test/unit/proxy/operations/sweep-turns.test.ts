import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PoolStats } from '../../../../src/figures/statistics.ts';
import { Clock } from '../../../../src/loop/clock.ts';
import { Turn } from '../../../../src/loop/turn.ts';
import { SweepTurns, type TurnTaker } from '../../../../src/proxy/operations/sweep-turns.ts';
import { ReadyLine } from '../../../../src/socket/ready-lines.ts';

function turnsOf(limit: number) {
  const stats = new PoolStats();
  const turns = new SweepTurns(new Clock(new Turn()), stats, limit);
  const begun: string[] = [];
  const enter = (name: string, tenant: ReadyLine | null = null, isThrough = false): TurnTaker => {
    const taker: TurnTaker = {
      tenant,
      onTurn: () => {
        begun.push(name);
        if (isThrough) turns.leave(taker);
      },
      checkDeadline: () => {},
    };
    turns.enter(taker);
    return taker;
  };
  return { stats, turns, begun, enter };
}

test('so many go on at once as may, the others in the order in which they came', () => {
  const { turns, stats, begun, enter } = turnsOf(2);
  const [a, b, c] = ['a', 'b', 'c', 'd'].map(name => enter(name));
  assert.deepEqual(begun, ['a', 'b']);
  assert.deepEqual([stats.sweepsRunning, stats.sweepsWaiting, stats.sweeps, stats.sweepWaits], [2, 2, 4, 2]);
  turns.leave(b!);
  assert.deepEqual(begun, ['a', 'b', 'c']);
  turns.leave(a!);
  turns.leave(c!);
  assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
  assert.deepEqual([stats.sweepsRunning, stats.sweepsWaiting], [1, 0]);
});

test('a tenant that has fewer of them goes before', () => {
  const { turns, begun, enter } = turnsOf(2);
  const [greedy, other] = [new ReadyLine(), new ReadyLine()];
  const first = enter('g1', greedy);
  for (const name of ['g2', 'g3', 'g4']) enter(name, greedy);
  enter('o1', other);
  turns.leave(first);
  assert.deepEqual(begun, ['g1', 'g2', 'o1']);
});

test('one that leaves before its turn is not begun', () => {
  const { turns, begun, stats, enter } = turnsOf(1);
  const a = enter('a');
  const b = enter('b');
  enter('c');
  turns.leave(b);
  assert.equal(stats.sweepsWaiting, 1);
  turns.leave(a);
  assert.deepEqual(begun, ['a', 'c']);
});

test('those that are through at once make room for all that wait', () => {
  const { turns, begun, stats, enter } = turnsOf(1);
  const a = enter('a');
  for (const name of ['b', 'c', 'd']) enter(name, null, true);
  turns.leave(a);
  assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
  assert.deepEqual([stats.sweepsRunning, stats.sweepsWaiting], [0, 0]);
});

test('a limit that was lowered holds for those that come, a higher one at once for the next', () => {
  const { turns, begun, enter } = turnsOf(2);
  const [a, b] = ['a', 'b'].map(name => enter(name));
  turns.limit = 1;
  enter('c');
  turns.leave(a!);
  assert.deepEqual(begun, ['a', 'b']);
  turns.leave(b!);
  assert.deepEqual(begun, ['a', 'b', 'c']);
});
