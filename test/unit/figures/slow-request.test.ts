import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlowLog, type SlowLogEntry } from '../../../src/figures/slow-request.ts';

const entries = (...ids: number[]) => ids.map(id => ({ id }) as SlowLogEntry);
const ids = (list: readonly SlowLogEntry[]) => list.map(({ id }) => id);

test('the newest are kept, and told newest first', () => {
  const log = new SlowLog(3);
  log.add(entries(1, 2));
  log.add(entries(3, 4));
  assert.deepEqual([ids(log.newest(2)), ids(log.newest(9)), log.length], [[4, 3], [4, 3, 2], 3]);
  assert.deepEqual(ids(log.newest(0)), []);
  log.setCapacity(1);
  assert.deepEqual(ids(log.all()), [4]);
  log.setCapacity(2);
  log.add(entries(5, 6, 7));
  assert.deepEqual(ids(log.all()), [6, 7]);
  log.clear();
  assert.equal(log.length, 0);
});
