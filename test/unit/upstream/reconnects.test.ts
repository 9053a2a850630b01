import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Reconnects } from '../../../src/upstream/reconnects.ts';

/** Timers and performance.now() go on together, and only by `tick`: a busy machine's time is none. */
function mockTime(): { tick(ms: number): void; end(): void } {
  let nowMs = 1000;
  mock.timers.enable({ apis: ['setTimeout'] });
  const clock = mock.method(performance, 'now', () => nowMs);
  return {
    tick(ms) {
      nowMs += ms;
      mock.timers.tick(ms);
    },
    end() {
      clock.mock.restore();
      mock.timers.reset();
    },
  };
}

/** How long each attempt lets wait, in steps of a millisecond; `asks`: a request comes all the time. */
function delays(count: number, isCheap: boolean, asks: boolean): number[] {
  const time = mockTime();
  try {
    let opened = 0;
    const reconnects = new Reconnects(() => opened++);
    return Array.from({ length: count }, () => {
      const before = opened;
      reconnects.failed(isCheap);
      let waited = 0;
      for (; opened === before; waited++) {
        if (asks) reconnects.wanted();
        time.tick(1);
      }
      return waited;
    });
  } finally {
    time.end();
  }
}

const within = (delay: number, least: number, most: number) => delay >= least && delay <= most;

test('each attempt waits twice as long as the one before, up to a second', () => {
  for (const [i, delay] of delays(8, true, false).entries()) {
    const ceiling = Math.min(1000, 50 * 2 ** i);
    assert.ok(within(delay, ceiling / 2 - 1, ceiling + 1), `attempt ${i} after ${delay} ms`);
  }
});

test('while requests ask for a server that refuses at once it is tried every 20 to 40 ms, and no more often', () => {
  for (const delay of delays(20, true, true)) assert.ok(within(delay, 18, 41), `${delay} ms`);
});

test('an attempt that cost somebody something is not hurried', () => {
  const slow = delays(8, false, true);
  assert.ok(within(slow[7] as number, 499, 1001), `${slow[7]} ms`);
});

test('a success begins anew; stopped, nothing follows', () => {
  const time = mockTime();
  let opened = 0;
  const reconnects = new Reconnects(() => opened++);
  for (let i = 0; i < 6; i++) reconnects.failed(false);
  reconnects.succeeded();
  reconnects.failed(false);
  time.tick(51);
  assert.equal(opened, 1);
  reconnects.failed(true);
  reconnects.stop();
  reconnects.wanted();
  time.tick(5000);
  assert.equal(opened, 1);
  time.end();
});
