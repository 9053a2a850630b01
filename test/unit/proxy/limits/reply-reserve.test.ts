import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLimit, RateShare } from '../../../../src/proxy/limits/rate-share.ts';
import { ReplyReserve } from '../../../../src/proxy/limits/reply-reserve.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';

/** A share of all there is, which does not fill. */
function shareOf(bytes: number): RateShare {
  const share = new RateShare('key', 'bytes_out', new RateLimit({ amount: bytes, periodMs: 1000 }, 1000));
  share.provide(share.limit.units, 0);
  return share;
}

test('when all is answered it has taken what the replies had, whatever was expected of them', () => {
  const random = new SeededRandom(3);
  const share = shareOf(1e9);
  const reserve = new ReplyReserve(share);
  let awaited = 0;
  let had = 0;
  for (let i = 0; i < 10_000; i++) {
    if (awaited < 50 && random.chance(0.55)) {
      reserve.asked();
      awaited++;
    } else if (awaited > 0) {
      const leaving = random.chance(0.1) ? random.between(1, awaited) : 1;
      reserve.answered(leaving);
      awaited -= leaving;
      if (leaving > 1) continue;
      const bytes = random.between(0, 5000);
      reserve.replied(bytes);
      had += bytes;
    }
  }
  reserve.answered(awaited);
  assert.ok(Math.abs(share.available(0) - (1e9 - had)) < 1);
});

test('what is awaited is taken as it was last, and what was once large is forgotten step by step', () => {
  const share = shareOf(1000);
  const reserve = new ReplyReserve(share);
  assert.equal(reserve.fitting(0), Number.POSITIVE_INFINITY);
  reserve.asked();
  reserve.answered(1);
  reserve.replied(100);
  assert.equal(share.available(0), 900);
  for (let i = 0; i < 5; i++) reserve.asked();
  assert.equal(share.available(0), 400);
  assert.equal(reserve.fitting(0), 4);
  for (let i = 0; i < 5; i++) {
    reserve.answered(1);
    reserve.replied(20);
  }
  assert.equal(Math.round(share.available(0)), 800);
  assert.ok(reserve.fitting(0) > 10 && reserve.fitting(0) < 20);
});
