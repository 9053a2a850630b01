import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { ReportRounds } from '../../../../src/master/workers/report-rounds.ts';
import { stopThread } from '../../../support/stop-thread.ts';

test('a round is over when all have answered, who is gone or is not there, or in time', async () => {
  const rounds = new ReportRounds(10);
  const asked: number[] = [];
  const ask = (id: number) => asked.push(id) > 0;
  const round = rounds.ask([
    { index: 0, ask },
    { index: 1, ask },
    { index: 2, ask: () => false },
  ]);
  rounds.arrived(asked[0]!, 0);
  rounds.gone(1);
  assert.deepEqual(await round, []);
  assert.deepEqual(await rounds.ask([{ index: 2, ask: () => false }]), []);
  const late = rounds.ask([{ index: 3, ask }]);
  assert.deepEqual(await late, [3]);
  rounds.arrived(asked.at(-1)!, 3);
});

test('an answer that came in time counts also where this process was stopped before it read it', async t => {
  const rounds = new ReportRounds(10);
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  port1.on('message', (id: number) => rounds.arrived(id, 0));
  const ask = (id: number) => {
    port2.postMessage(id);
    return true;
  };
  // From here on timers come before what is read.
  await setImmediate();
  const round = rounds.ask([{ index: 0, ask }]);
  stopThread(50);
  assert.deepEqual(await round, []);
});
