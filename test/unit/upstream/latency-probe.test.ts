import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { PROTOCOLS } from '../../../src/protocol/protocols.ts';
import type { Request } from '../../../src/request/request.ts';
import type { Backend } from '../../../src/upstream/backend.ts';
import { LatencyProbe } from '../../../src/upstream/latency-probe.ts';

test('the best of the last few counts, or for how long an answer is due', t => {
  let nowMs = 1000;
  mock.method(performance, 'now', () => nowMs);
  t.after(() => mock.restoreAll());
  const sent: Request[] = [];
  const backend = {
    options: { protocol: PROTOCOLS.redis },
    connectionFor: () => ({ send: (request: Request) => sent.push(request) }),
  } as unknown as Backend;
  const probe = new LatencyProbe(backend);
  const answer = (afterMs: number) => {
    probe.ask();
    nowMs += afterMs;
    probe.onReply(sent.at(-1) as Request, Buffer.alloc(0), 0, 0, true);
  };
  assert.equal(probe.roundTripMs(nowMs), Number.POSITIVE_INFINITY);
  answer(5);
  answer(2);
  answer(9);
  assert.equal(probe.roundTripMs(nowMs), 2);
  for (let i = 0; i < 5; i++) answer(7);
  assert.equal(probe.roundTripMs(nowMs), 7);
  probe.ask();
  probe.ask();
  assert.equal(sent.length, 9);
  assert.equal(probe.roundTripMs(nowMs + 100), 100);
  probe.onFailure();
  assert.equal(probe.roundTripMs(nowMs + 200), 7);
});
