import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counted, grouped, percent, textTable } from '../../../src/cli/text-table.ts';

test('columns stand in line, without spaces at the ends of lines', () => {
  const rows = [
    ['name', 'n', ''],
    ['é', '10', 'x'],
  ];
  assert.equal(textTable(rows), 'name  n\né     10  x\n');
  assert.equal(textTable(rows, '  ', [1]), '  name   n\n  é     10  x\n');
  assert.equal(textTable([]), '');
});

test('a share is never rounded to none or all', () => {
  assert.deepEqual([0, 1e-9, 0.000049, 0.00005, 0.25, 0.99999, 1 - 1e-9, 1].map(percent), [
    '0 %',
    '<0.01 %',
    '<0.01 %',
    '0.01 %',
    '25.00 %',
    '>99.99 %',
    '>99.99 %',
    '100 %',
  ]);
});

test('counts are grouped, and their nouns agree', () => {
  assert.equal(grouped(4294967296), '4,294,967,296');
  assert.deepEqual(
    [counted(1, 'server'), counted(0, 'server'), counted(1000, 'pool')],
    ['1 server', '0 servers', '1,000 pools'],
  );
});
