// A few seconds of `npm run soak`: clients that check every byte, while servers and workers die and reloads come.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSoak } from '../soak/soak.ts';

const seed = Number(process.env.SOAK_SEED ?? 7);

test('in a short soak every request is answered right, fails with an error or loses its connection', async t => {
  t.diagnostic(`SOAK_SEED=${seed}`);
  const { tally, faults, problems } = await runSoak({ seed, warmUpMs: 1500, faultsMs: 9000, clients: 3, workers: 2 });
  const figures = `${JSON.stringify(tally.outcomes)} ${JSON.stringify([...faults])}`;
  t.diagnostic(figures);
  assert.equal(problems.join('\n'), '', figures);
  const { right, failed, closed, abandoned, silent, wrong, missing } = tally.outcomes;
  assert.equal(right + failed + closed + abandoned + silent, tally.sent);
  assert.deepEqual([wrong, missing], [0, 0]);
  // It was no idle run.
  assert.ok(right > 1000 && faults.size >= 4, figures);
});
