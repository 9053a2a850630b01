// The history checker over all that clients do (scans, pops, channels, counters, text and binary), where nothing dies, or workers
// and movers do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reshardFaults, reshardTo } from '../soak/reshard-change.ts';
import { runReshardSoak } from '../soak/reshard-soak.ts';

const RUN = { seed: 2, clients: 6, registers: 60, operationsBetween: 1000, change: reshardTo, faultPauseMs: 1500 };

test('redis, without a single error', async () => {
  const { problems, errors } = await runReshardSoak({ ...RUN, protocol: 'redis', rings: [2, 3, 2] });
  assert.deepEqual([problems, [...errors]], [[], []]);
});

test('memcached, while workers and movers die', async () => {
  const fault = reshardFaults(['worker', 'mover', 'frozen worker']);
  const { problems } = await runReshardSoak({ ...RUN, protocol: 'memcached', rings: [2, 3], fault });
  assert.deepEqual(problems, []);
});
