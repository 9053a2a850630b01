import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Turn } from '../../../src/loop/turn.ts';
import { MemoryCeiling, type MemoryHolder } from '../../../src/memory/memory-ceiling.ts';
import { CollectedLog } from '../../support/collected-log.ts';

const MIB = 2 ** 20;
/** Below what any process of node has in use, so that holders are always added up. */
const LIMIT = MIB;

class Holder implements MemoryHolder {
  memoryBytes: number;
  isShed = false;

  constructor(bytes: number) {
    this.memoryBytes = bytes;
  }

  shed(): void {
    this.isShed = true;
    this.memoryBytes = 0;
  }

  describe() {
    return { bytesOf: this.memoryBytes };
  }
}

function ceilingOver(holders: readonly Holder[]) {
  const log = new CollectedLog();
  let walks = 0;
  const ceiling = new MemoryCeiling(new Turn(), log, null, visit => {
    walks++;
    for (const holder of holders) visit(holder);
  });
  return { ceiling, log, walks: () => walks };
}

test('those who hold most are shed first, until less than nine tenths are left', async () => {
  const holders = [0.1, 0.5, 0.05, 0.3, 0.2].map(share => new Holder(share * LIMIT));
  const { ceiling, log } = ceilingOver(holders);
  ceiling.setLimit(LIMIT);
  ceiling.grew(1);
  assert.ok(
    holders.every(({ isShed }) => !isShed),
    'nobody inside a read',
  );
  await setImmediate();
  assert.deepEqual(
    holders.map(({ isShed }) => isShed),
    [false, true, false, false, false],
  );
  assert.deepEqual(log.lines, [
    'warn cut off: it held most when the worker came to max_memory',
    'warn the worker was over max_memory',
  ]);
});

test('what is at the limit is let be', async () => {
  const holders = [new Holder(LIMIT / 2), new Holder(LIMIT / 2)];
  const { ceiling, walks } = ceilingOver(holders);
  ceiling.setLimit(LIMIT);
  ceiling.grew(1);
  await setImmediate();
  assert.equal(walks(), 1);
  assert.ok(holders.every(({ isShed }) => !isShed));
});

test('nobody is looked at while the heap is below the limit, or before enough was read', async () => {
  const { ceiling, walks } = ceilingOver([new Holder(1)]);
  ceiling.setLimit(64 * 1024 * MIB);
  ceiling.grew(1);
  await setImmediate();
  assert.equal(walks(), 0, 'the heap is small');

  ceiling.setLimit(LIMIT);
  ceiling.grew(1);
  await setImmediate();
  assert.equal(walks(), 1);
  for (let i = 0; i < 250; i++) ceiling.grew(1024);
  await setImmediate();
  assert.equal(walks(), 1, 'a quarter of a MiB is nothing to look for');
  for (let i = 0; i < 10; i++) ceiling.grew(1024);
  await setImmediate();
  assert.equal(walks(), 2);
});

test('without a limit nothing is shed', async () => {
  const holder = new Holder(Number.MAX_SAFE_INTEGER);
  const { ceiling } = ceilingOver([holder]);
  ceiling.grew(Number.MAX_SAFE_INTEGER);
  ceiling.setLimit(0);
  ceiling.grew(Number.MAX_SAFE_INTEGER);
  await setImmediate();
  assert.equal(holder.isShed, false);
});

test('a storm of sheds is a few lines in the log', async () => {
  const holders = Array.from({ length: 1024 }, () => new Holder(LIMIT / 128));
  const { ceiling, log } = ceilingOver(holders);
  ceiling.setLimit(LIMIT);
  ceiling.grew(1);
  await setImmediate();
  const shed = holders.filter(({ isShed }) => isShed).length;
  assert.equal(shed, 909);
  assert.equal(log.lines.length, 17);
});
