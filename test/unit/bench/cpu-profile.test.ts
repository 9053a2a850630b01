import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CpuProfile, selfTimes } from '../../../bench/load/cpu-profile.ts';

const node = (id: number, functionName: string, url: string, lineNumber: number) => ({
  id,
  callFrame: { functionName, url, lineNumber },
});

const PROFILE: CpuProfile = {
  nodes: [
    node(1, '(idle)', '', -1),
    node(2, 'flush', 'file:///r/src/socket/outbox.ts', 137),
    node(3, 'writeBuffer', '', -1),
    node(4, 'flush', 'file:///r/src/socket/outbox.ts', 137),
    node(5, '', 'node:net', 6),
    node(6, 'info', 'file:///r/node_modules/pino/lib/proto.js', 0),
    node(7, 'push', 'node:internal/streams/readable', 401),
  ],
  startTime: 1000,
  endTime: 1900,
  samples: [2, 1, 2, 3, 4, 5, 6, 7, 3],
  timeDeltas: [100, 100, 100, 100, 100, 100, 100, 100, 100],
};

test('a profile is summed up by function, whoever called it, and by folder', () => {
  const times = selfTimes(PROFILE, { fromUs: 0, untilUs: 2000 }, '/r/');
  assert.equal(times.samples, 9);
  assert.deepEqual(times.functions.slice(0, 2), [
    { name: 'flush', place: 'src/socket/outbox.ts:138', group: 'src/socket', us: 300 },
    { name: 'writeBuffer', place: '', group: '(native functions)', us: 200 },
  ]);
  assert.deepEqual(Object.fromEntries(times.groups), {
    'src/socket': 300,
    '(native functions)': 200,
    '(idle)': 100,
    'node:net': 100,
    pino: 100,
    'node:internal/streams': 100,
  });
});

test('a thread that lost its core is not charged for the time', () => {
  const preempted = { ...PROFILE, samples: [2, 3], timeDeltas: [100, 50_000] };
  const { functions } = selfTimes(preempted, { fromUs: 0, untilUs: 1e6 }, '/r/');
  assert.deepEqual(
    functions.map(({ name, us }) => [name, us]),
    [
      ['writeBuffer', 1000],
      ['flush', 100],
    ],
  );
});

test('only what was sampled in the window counts', () => {
  const times = selfTimes(PROFILE, { fromUs: 1150, untilUs: 1450 }, '/r/');
  assert.deepEqual(
    times.functions.map(({ name, us }) => [name, us]),
    [
      ['(idle)', 100],
      ['flush', 100],
      ['writeBuffer', 100],
    ],
  );
});
