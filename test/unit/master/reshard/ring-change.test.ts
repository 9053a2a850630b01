import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseConfig } from '../../../../src/config/load.ts';
import { ringChange } from '../../../../src/master/reshard/ring-change.ts';

const file = (red: string, blue = 'servers: [h:9]', top = 'workers: 1') =>
  parseConfig(
    `${top}\npools:\n  red: { listen: "h:1", protocol: redis, ${red} }\n  blue: { listen: "h:2", protocol: memcached, ${blue} }\n`,
    'f',
  );
const NOW = file('hash: murmur, servers: [h:1, h:2]');

describe('what a new file changes of the rings', () => {
  test('is the ring of one pool', () => {
    const change = ringChange(NOW, file('hash: md5, servers: [h:1, h:2, h:3]'), null);
    assert.equal(change.pool, 'red');
    assert.deepEqual([change.from.hash, change.from.servers.length], ['murmur', 2]);
    assert.deepEqual([change.to.hash, change.to.servers.length], ['md5', 3]);
    assert.equal(change.isAll, true);
  });

  const refused: readonly [what: string, next: ReturnType<typeof file>, only: string | null, why: RegExp][] = [
    ['nothing', NOW, null, /the same ring for every pool/],
    ['nothing of the pool that is meant', file('hash: md5, servers: [h:1]'), 'blue', /the same ring for blue/],
    ['a pool that is not there', NOW, 'green', /there is no pool green/],
    ['two rings', file('hash: md5, servers: [h:1]', 'servers: [h:8]'), null, /several pools \(red, blue\)/],
    [
      'more of the pool',
      file('hash: md5, timeout: 1s, servers: [h:1]'),
      null,
      /more than the ring of red: pool red: timeout/,
    ],
    [
      'more of another pool',
      file('hash: md5, servers: [h:1]', 'timeout: 1s, servers: [h:9]'),
      null,
      /pool blue: timeout/,
    ],
    [
      'more of the daemon',
      file('hash: md5, servers: [h:1]', 'servers: [h:9]', 'workers: 2'),
      null,
      /more than .*: workers/,
    ],
    [
      'a pool that reads from replicas',
      file('hash: md5, read_from: any, servers: [h:1]'),
      'red',
      /reads from replicas/,
    ],
    ['a random distribution', file('distribution: random, servers: [h:1, h:2]'), null, /is random/],
  ];
  for (const [what, next, only, why] of refused) {
    test(`${what} is refused`, () => assert.throws(() => ringChange(NOW, next, only), why));
  }

  test('of the pool that is meant, whatever else is different', () => {
    const change = ringChange(NOW, file('hash: md5, timeout: 1s, servers: [h:1]', 'servers: [h:8]'), 'red');
    assert.deepEqual([change.pool, change.isAll], ['red', false]);
  });
});
