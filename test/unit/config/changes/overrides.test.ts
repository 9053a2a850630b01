import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  changedOverrides,
  type Overridden,
  reloadedOverrides,
  type SettingsRequest,
} from '../../../../src/config/changes/overrides.ts';
import { parseConfig } from '../../../../src/config/load.ts';

const TEXT = `pools:
  red: { listen: "127.0.0.1:1", protocol: redis, timeout: 1s, servers: [h:1] }
  blue: { listen: "127.0.0.1:2", protocol: redis, servers: [h:1] }
`;
const parse = (text = TEXT) => parseConfig(text, 'f');
const START: Overridden = { file: parse(), overrides: new Map(), config: parse() };

const after = (before: Overridden, asked: SettingsRequest) => changedOverrides(before, asked, 'tester', '2026-01-01');
const red = ({ config }: Overridden) => config.pools[0]!;

describe('what is asked for at once', () => {
  test('is done as a whole, and remembered with who asked', () => {
    const next = after(START, { set: { 'red.timeout': '300ms', 'pools.red.backlog': '7' } });
    assert.deepEqual([red(next).timeoutMs, red(next).backlog], [300, 7]);
    assert.deepEqual(
      [...next.overrides],
      [
        ['red.timeout', { path: 'red.timeout', text: '300ms', by: 'tester', at: '2026-01-01' }],
        ['red.backlog', { path: 'red.backlog', text: '7', by: 'tester', at: '2026-01-01' }],
      ],
    );
  });

  test('or not at all', () => {
    assert.throws(
      () => after(START, { set: { 'red.timeout': '300ms', 'red.backlog': 'many' } }),
      /^SettingError: red\.backlog/,
    );
    assert.throws(() => after(START, { set: { 'red.nothing': '1' } }), /there is no setting "red.nothing"/);
  });

  test('may hold only together', () => {
    const next = after(START, { set: { 'red.listen': '127.0.0.1:2', 'blue.listen': '127.0.0.1:1' } });
    assert.equal(next.overrides.size, 2);
  });
});

describe('unset', () => {
  test("gives the file's value back", () => {
    const next = after(after(START, { set: { 'red.timeout': '300ms' } }), { unset: ['red.timeout'] });
    assert.deepEqual(next.config, START.config);
    assert.equal(next.overrides.size, 0);
  });

  test('of what was not set is refused', () => {
    assert.throws(
      () => after(START, { unset: ['red.timeout'] }),
      /red\.timeout: was not set; it is what the file says/,
    );
  });

  test('of a group takes its members along', () => {
    const next = after(after(START, { set: { 'red.health_check.interval': '2s' } }), { unset: ['red.health_check'] });
    assert.equal(red(next).healthCheck, null);
  });
});

test('to its default is not what the file says', () => {
  const next = after(START, { toDefault: ['red.timeout'] });
  assert.equal(red(next).timeoutMs, 5000);
  assert.equal(next.overrides.get('red.timeout')?.text, null);
});

test('what says the same as the file is no difference', () => {
  assert.equal(after(START, { set: { 'red.timeout': '1000' } }).overrides.size, 0);
});

describe('when the file is read again', () => {
  const set = after(START, { set: { 'red.timeout': '300ms', 'blue.backlog': '7' } });

  test('what was set is kept where the file says of it what it said', () => {
    const { after: next, outcomes } = reloadedOverrides(
      set,
      parse(TEXT.replace('redis, timeout', 'redis, backlog: 9, timeout')),
    );
    assert.deepEqual([red(next).timeoutMs, red(next).backlog], [300, 9]);
    assert.deepEqual(
      outcomes.map(({ path, won }) => `${path} ${won}`),
      ['red.timeout set', 'blue.backlog set'],
    );
  });

  test('the file wins where its own value is another than before', () => {
    const { after: next, outcomes } = reloadedOverrides(set, parse(TEXT.replace('1s', '2s')));
    assert.equal(red(next).timeoutMs, 2000);
    assert.deepEqual([...next.overrides.keys()], ['blue.backlog']);
    assert.deepEqual(outcomes[0], {
      path: 'red.timeout',
      won: 'file',
      why: 'the file says something else of it than before',
    });
  });

  test('and where the pool is gone', () => {
    const { after: next, outcomes } = reloadedOverrides(set, parse(TEXT.replace('blue', 'green')));
    assert.deepEqual([...next.overrides.keys()], ['red.timeout']);
    assert.equal(outcomes[1]!.why, 'the file has no such setting any more');
  });

  test('and where both contradict each other', () => {
    const moved = after(START, { set: { 'red.listen': '127.0.0.1:7' } });
    const { after: next, outcomes } = reloadedOverrides(moved, parse(TEXT.replace('0.1:2', '0.1:7')));
    assert.equal(next.overrides.size, 0);
    assert.match(outcomes[0]!.why, /^it does not go with the new file: .*collides/);
  });
});
