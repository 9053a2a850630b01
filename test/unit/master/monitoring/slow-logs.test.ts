import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SlowRequest } from '../../../../src/figures/slow-request.ts';
import { SlowLogs } from '../../../../src/master/monitoring/slow-logs.ts';

const request = (pool: string, key: string) => ({ pool, key }) as SlowRequest;

function logsOf(...pools: [name: string, slowlogLength: number][]) {
  const told: string[] = [];
  const shapes = pools.map(([name, slowlogLength]) => ({ name, slowlogLength }));
  const logs = new SlowLogs(shapes, (pool, entries, isWhole) =>
    told.push(`${pool}${isWhole ? ' whole' : ''}: ${entries.map(({ id, key }) => `${id}=${key}`).join(' ')}`),
  );
  const keys = (pool: string | null, count = 10) => logs.newest(pool, count)?.map(({ key }) => key);
  return { logs, told, keys };
}

test('slow requests are numbered, kept by pool, and told to the workers', () => {
  const { logs, told, keys } = logsOf(['p', 2], ['q', 2]);
  logs.add(3, [request('p', 'a'), request('q', 'b'), request('p', 'c'), request('unheard-of', 'x')]);
  logs.add(1, [request('p', 'd')]);
  assert.deepEqual(told, ['p: 0=a 1=c', 'q: 2=b', 'p: 3=d']);
  assert.deepEqual(
    [keys('p'), keys('q'), keys(null), keys(null, 1), keys('r')],
    [['d', 'c'], ['b'], ['d', 'b', 'c'], ['d'], undefined],
  );
  assert.deepEqual(
    logs.newest('p', 2)!.map(({ worker }) => worker),
    [1, 3],
  );
});

test('one that is emptied is empty for all, and its numbers go on', () => {
  const { logs, told, keys } = logsOf(['p', 5]);
  logs.add(0, [request('p', 'a')]);
  logs.clear('p');
  logs.add(0, [request('p', 'b')]);
  assert.deepEqual(told.slice(1), ['p whole: ', 'p: 1=b']);
  assert.deepEqual(keys('p'), ['b']);
});

test('a reload keeps what stays, and takes over the length', () => {
  const { logs, keys } = logsOf(['p', 5], ['gone', 5]);
  logs.add(0, [request('p', 'a'), request('p', 'b'), request('gone', 'x')]);
  logs.setPools([
    { name: 'new', slowlogLength: 5 },
    { name: 'p', slowlogLength: 1 },
  ]);
  assert.deepEqual([keys('p'), keys('new'), keys('gone')], [['b'], [], undefined]);
  assert.deepEqual(
    [...logs.all()].map(([pool, entries]) => [pool, entries.length]),
    [
      ['new', 0],
      ['p', 1],
    ],
  );
});
