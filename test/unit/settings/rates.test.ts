import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteRate, rateOf } from '../../../src/settings/rates.ts';
import { SettingError } from '../../../src/settings/setting-error.ts';

test('rates are so much in so long; a plain number is for a second', () => {
  const requests = rateOf('requests');
  for (const [text, amount, periodMs] of [
    ['100', 100, 1000],
    ['100/s', 100, 1000],
    ['1/10s', 1, 10_000],
    ['600 / m', 600, 60_000],
    ['3/1.5s', 3, 1500],
    ['5/250ms', 5, 250],
    ['1/24h', 1, 86_400_000],
  ] as const) {
    assert.deepEqual(requests.read(text), { amount, periodMs }, text);
    assert.deepEqual(requests.read(requests.write(requests.read(text))), { amount, periodMs }, text);
  }
  assert.deepEqual(byteRate().read('10mb/m'), { amount: 10 * 2 ** 20, periodMs: 60_000 });
  assert.equal(byteRate().write({ amount: 10 * 2 ** 20, periodMs: 1000 }), '10mb/s');
});

test('what is none is refused', () => {
  for (const text of [
    '',
    '/s',
    '1/',
    '0',
    '0/s',
    '-1/s',
    '1.5/s',
    '1/0s',
    '1/25h',
    '1/2/3',
    'x/s',
    '1/x',
    '99999999999/s',
  ]) {
    assert.throws(() => rateOf('requests').read(text), SettingError, text);
  }
});
