import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ConnectionQuota, RECALL_WITHIN_MS } from '../../../src/master/connection-quota.ts';

test('a worker that does not answer a recall is not waited for, and not asked again before it speaks', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const said: unknown[] = [];
  const quota = new ConnectionQuota(2, {
    grant: (worker, count) => said.push(`${count} to ${worker}`),
    recall: worker => said.push(`recall ${worker}`) > 0,
  });
  const wait = async () => {
    t.mock.timers.tick(RECALL_WITHIN_MS);
    await setImmediate();
  };
  quota.ask(1, 2, false);
  quota.ask(2, 1, false);
  assert.deepEqual(said, ['2 to 1', 'recall 1']);
  await wait();
  assert.deepEqual(said.splice(0), ['2 to 1', 'recall 1', '0 to 2']);
  quota.ask(2, 1, false);
  assert.deepEqual(said.splice(0), ['0 to 2']);
  // It lives after all.
  quota.giveBack(1, 0, true);
  quota.ask(2, 1, false);
  assert.deepEqual(said.splice(0), ['recall 1']);
  quota.giveBack(1, 1, true);
  assert.deepEqual(said.splice(0), ['1 to 2']);
});
