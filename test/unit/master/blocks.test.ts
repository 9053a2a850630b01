import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Blocks } from '../../../src/master/blocks.ts';
import { CollectedLog } from '../../support/collected-log.ts';

function make() {
  let changes = 0;
  const log = new CollectedLog();
  const blocks = new Blocks({
    log,
    poolNames: () => ['p', 'q'],
    onChange: () => {
      changes++;
    },
  });
  return { blocks, log, changes: () => changes };
}

test('what is blocked is listed with who said so, and goes when it is taken back', () => {
  const { blocks, changes } = make();
  const { id, kind, value, by, until } = blocks.add({ pool: 'p', key: 'hot' }, 'me');
  assert.deepEqual([kind, value, by, until], ['key', 'hot', 'me', null]);
  assert.deepEqual(
    blocks.list().map(block => block.id),
    [id],
  );
  assert.equal(blocks.remove(id, 'me')?.value, 'hot');
  assert.equal(blocks.remove(id, 'me'), null);
  assert.deepEqual([blocks.list().length, changes()], [0, 2]);
});

test('a block ends when its time is over', t => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const { blocks, changes } = make();
  assert.equal(blocks.add({ pool: 'p', prefix: 'a:', for: '10m' }, 'me').until, new Date(600_000).toISOString());
  t.mock.timers.tick(599_999);
  assert.equal(blocks.list().length, 1);
  t.mock.timers.tick(1);
  assert.deepEqual([blocks.list().length, changes()], [0, 2]);
});

test('those of pools that are gone go with them', () => {
  const { blocks } = make();
  blocks.add({ pool: 'p', key: 'a' }, 'me');
  blocks.add({ pool: 'q', key: 'a' }, 'me');
  blocks.keepPools(['q']);
  assert.deepEqual(
    blocks.list().map(({ pool }) => pool),
    ['q'],
  );
});

test('names of commands are those of the tables, and clients are addresses', () => {
  const { blocks } = make();
  assert.equal(blocks.add({ pool: 'p', command: 'CONFIG SET' }, 'me').value, 'config|set');
  for (const client of ['10.0.0.1', '10.0.0.1:4711', '::1', '[::1]:4711']) {
    assert.equal(blocks.add({ pool: 'p', client }, 'me').value, client);
  }
  assert.equal(blocks.add({ pool: 'p', client: '[::1]' }, 'me').value, '::1');
});

test('what makes no sense is refused', () => {
  const { blocks, changes } = make();
  const bad = [
    null,
    'key',
    {},
    { pool: 'p' },
    { pool: 'x', key: 'a' },
    { pool: 'p', key: '' },
    { pool: 'p', key: 5 },
    { pool: 'p', key: 'a', prefix: 'b' },
    { pool: 'p', other: 'a' },
    { pool: 'p', key: 'a', for: 'long' },
    { pool: 'p', key: 'a', for: 5 },
    { pool: 'p', key: 'a', for: '10000h' },
    { pool: 'p', client: 'host' },
    { pool: 'p', client: '1.2.3:4' },
    { pool: 'p', key: 'x'.repeat(1025) },
  ];
  for (const asked of bad)
    assert.throws(() => blocks.add(asked, 'me'), { name: 'SettingError' }, JSON.stringify(asked));
  assert.equal(changes(), 0);
  for (let i = 0; i < 100; i++) blocks.add({ pool: 'p', key: `k${i}` }, 'me');
  assert.throws(() => blocks.add({ pool: 'p', key: 'one more' }, 'me'), /100 blocks are all there can be/);
});
