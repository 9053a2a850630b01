import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WrongPasswords } from '../../../../src/master/limits/wrong-passwords.ts';
import { CollectedLog } from '../../../support/collected-log.ts';

function start() {
  const log = new CollectedLog();
  let nowMs = 0;
  const known = new WrongPasswords(log, () => nowMs);
  const counts = () => known.list().map(({ address, wrongPasswords }) => [address, wrongPasswords]);
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { log, known, counts, pass };
}

test('addresses are counted over all workers, the last heard of first; the fifth is told, once', () => {
  const { log, known, counts } = start();
  known.receive({
    pool: 'p',
    addresses: [
      ['10.0.0.1', 4],
      ['', 1],
    ],
  });
  assert.equal(log.lines.length, 0);
  known.receive({ pool: 'p', addresses: [['10.0.0.1', 1]] });
  known.receive({ pool: 'p', addresses: [['10.0.0.1', 10]] });
  assert.deepEqual(counts(), [
    ['10.0.0.1', 15],
    ['', 1],
  ]);
  assert.equal(log.lines.length, 1);
});

test('after ten minutes without one an address begins anew', () => {
  const { log, known, counts, pass } = start();
  known.receive({ pool: 'p', addresses: [['10.0.0.1', 5]] });
  pass(599_999);
  known.receive({ pool: 'p', addresses: [['10.0.0.2', 1]] });
  pass(1);
  assert.deepEqual(counts(), [['10.0.0.2', 1]]);
  known.receive({ pool: 'p', addresses: [['10.0.0.1', 5]] });
  assert.equal(log.lines.length, 2);
});

test('no more than a thousand are known, those that were heard of last', () => {
  const { known } = start();
  known.receive({ pool: 'p', addresses: Array.from({ length: 1500 }, (_, i) => [`a${i}`, 1] as const) });
  known.receive({ pool: 'p', addresses: [['a1499', 1]] });
  const list = known.list();
  assert.equal(list.length, 1000);
  assert.equal(list[0]?.address, 'a1499');
  assert.equal(list.at(-1)?.address, 'a500');
});
