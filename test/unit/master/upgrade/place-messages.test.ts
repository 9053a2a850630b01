import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaseMessage, placeMessage } from '../../../../src/master/upgrade/place-messages.ts';

const holder = { pool: 'p', scope: 'user', name: 'app' };
const ask = { type: 'ask', ...holder, limit: 3, count: 1, isForced: false };
const giveBack = { type: 'giveBack', ...holder, count: 1, isAnswer: true };
const grant = { type: 'grant', ...holder, count: 1, isForced: false };
const recall = { type: 'recall', ...holder };

test('what masters say of places is understood', () => {
  for (const message of [ask, giveBack]) assert.deepEqual(placeMessage(message), message);
  for (const message of [grant, recall]) assert.deepEqual(leaseMessage(message), message);
});

test('what another version may say is not guessed at', () => {
  const odd = [null, 'ask', {}, [], { ...ask, count: -1 }, { ...ask, limit: '3' }, { ...ask, scope: 'tenant' }];
  for (const raw of [...odd, { ...giveBack, isAnswer: 1 }, { ...ask, type: 'lend' }, grant]) {
    assert.equal(placeMessage(raw), null, JSON.stringify(raw));
  }
  for (const raw of [...odd, { ...grant, count: 0.5 }, { ...recall, pool: 1 }, ask]) {
    assert.equal(leaseMessage(raw), null, JSON.stringify(raw));
  }
});
