import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leftRates, lentMessage, shareMessage } from '../../../../src/master/upgrade/share-messages.ts';

const ASK = { type: 'askShare', key: 'k', perMs: 0.1, capacity: 100, ofUnits: 64, wants: 2 };
const GIVE = { type: 'giveShare', key: 'k', units: 2, tokens: -1.5, isAnswer: true };
const LENT = { type: 'share', key: 'k', units: 2, tokens: 0.5 };
const RECALL = { type: 'recallShare', key: 'k', keep: 0 };
const RATE = { key: 'k', perMs: 0.1, capacity: 100, units: 64, tokens: 3 };

test('what is said of rates is understood', () => {
  for (const message of [ASK, GIVE]) assert.equal(shareMessage(message), message);
  for (const message of [LENT, RECALL]) assert.equal(lentMessage(message), message);
  assert.deepEqual(leftRates([RATE]), [RATE]);
});

test('what is not is left out', () => {
  const asked = [
    ...[null, 1, 'askShare', [], {}, LENT, RECALL, { ...ASK, key: 7 }, { ...ASK, perMs: 0 }, { ...ASK, perMs: '1' }],
    ...[
      { ...ASK, ofUnits: 1.5 },
      { ...ASK, ofUnits: 0 },
      { ...ASK, wants: -1 },
      { ...ASK, capacity: null },
    ],
    ...[
      { ...GIVE, tokens: null },
      { ...GIVE, tokens: Number.NaN },
      { ...GIVE, units: -1 },
      { ...GIVE, isAnswer: 1 },
    ],
  ];
  for (const message of asked) assert.equal(shareMessage(message), null, JSON.stringify(message));
  const lent = [null, ASK, GIVE, { ...LENT, units: 0.5 }, { ...LENT, tokens: '1' }, { ...RECALL, keep: -1 }];
  for (const message of lent) assert.equal(lentMessage(message), null, JSON.stringify(message));
  assert.deepEqual(leftRates({ 0: RATE }), []);
  const rates = [null, { ...RATE, units: 0 }, { ...RATE, capacity: -1 }, { ...RATE, tokens: null }, RATE];
  assert.deepEqual(leftRates(rates), [RATE]);
});
