// The history checker over a reshard that is taken back half-way while processes die.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reshardAndBack, reshardFaults } from '../soak/reshard-change.ts';
import { runReshardSoak } from '../soak/reshard-soak.ts';

const RUN = { seed: 3, clients: 6, registers: 60, operationsBetween: 1000, faultPauseMs: 1500 };

for (const protocol of ['redis', 'memcached'] as const) {
  test(`${protocol}, taken back half-way while workers and movers die`, async () => {
    const fault = reshardFaults(['worker', 'mover', 'frozen worker']);
    const { problems } = await runReshardSoak({ ...RUN, protocol, rings: [2, 4], change: reshardAndBack, fault });
    assert.deepEqual(problems, []);
  });
}
