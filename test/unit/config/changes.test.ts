import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configChanges } from '../../../src/config/changes.ts';
import type { Config, PoolConfig } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { poolSchema, rootSchema } from '../../../src/config/schema.ts';

function config(pools: Record<string, object>, top: object = {}): Config {
  return parseConfig(JSON.stringify({ admin: 'false', ...top, pools }), 'f');
}

const pool = (port: number, more: object = {}) => ({
  listen: `127.0.0.1:${port}`,
  protocol: 'redis',
  servers: ['a:1', 'b:1'],
  ...more,
});

test('nothing is different', () => {
  const same = config({ p: pool(1) });
  assert.deepEqual(configChanges(same, config({ p: pool(1) })), {
    added: [],
    removed: [],
    changed: [],
    settings: [],
    needWorkerRestart: [],
  });
});

test('pools and servers are told by name', () => {
  const changes = configChanges(
    config({ p: pool(1), gone: pool(2) }),
    config({ p: pool(1, { servers: ['a:1:3', 'c:1'], timeout: '1s', tcpkeepalive: 'true' }), more: pool(3) }),
  );
  assert.deepEqual([changes.added, changes.removed], [['more'], ['gone']]);
  assert.deepEqual(changes.changed, [
    {
      pool: 'p',
      settings: ['timeout', 'tcpkeepalive'],
      serversAdded: ['c:1'],
      serversRemoved: ['b:1'],
      serversChanged: ['a:1'],
    },
  ]);
});

describe('a pool of another name', () => {
  const changed = (before: Record<string, object>, after: Record<string, object>) => {
    const { added, removed, changed: all } = configChanges(config(before), config(after));
    return { added, removed, renamed: all.map(change => `${change.oldName} → ${change.pool}`) };
  };

  test('at the same address is the old one', () => {
    assert.deepEqual(changed({ p: pool(1) }, { q: pool(1) }), { added: [], removed: [], renamed: ['p → q'] });
  });
  test('in another protocol is another', () => {
    const after = { q: pool(1, { protocol: 'memcached' }) };
    assert.deepEqual(changed({ p: pool(1) }, after), { added: ['q'], removed: ['p'], renamed: [] });
  });
  test('on a port that the system chooses is another', () => {
    assert.deepEqual(changed({ p: pool(0) }, { q: pool(0) }), { added: ['q'], removed: ['p'], renamed: [] });
  });
  test('is another when the name lives on elsewhere', () => {
    assert.deepEqual(changed({ p: pool(1) }, { p: pool(2), q: pool(1) }), {
      added: ['q'],
      removed: [],
      renamed: ['undefined → p'],
    });
  });
});

test('settings of the daemon, and which of them wait for new workers', () => {
  const top = {
    workers: '3',
    worker_nice: '1',
    max_memory: 'none',
    cpu_affinity: 'auto',
    admin_token: 't',
    log: { level: 'warn', file: '/x' },
  };
  const { settings, needWorkerRestart } = configChanges(config({ p: pool(1) }), config({ p: pool(1) }, top));
  assert.deepEqual(settings, [
    'workers',
    'admin_token',
    'cpu_affinity',
    'worker_nice',
    'max_memory',
    'log.level',
    'log.file',
  ]);
  assert.deepEqual(needWorkerRestart, ['cpu_affinity', 'worker_nice']);
});

test('every setting is called what the file calls it, and no secret is told', () => {
  const before = config({ p: pool(1, { redis_auth: 'geheim' }) });
  const changeAll = <T extends object>(object: T): T =>
    Object.fromEntries(Object.entries(object).map(([key, value]) => [key, { was: value }])) as T;
  const [first] = before.pools as [PoolConfig];
  const { name, servers } = first;
  const after = { ...changeAll(before), pools: [{ ...changeAll(first), name, servers }], log: before.log };
  const changes = configChanges(before, after);
  const keys = Object.keys(poolSchema.shape).filter(key => key !== 'servers');
  assert.deepEqual([...changes.changed[0]!.settings].sort(), keys.sort());
  for (const setting of changes.settings) assert.ok(setting in rootSchema.shape, setting);
  const rootKeys = Object.keys(rootSchema.shape).filter(key => key !== 'pools' && key !== 'log');
  assert.deepEqual([...changes.settings].sort(), rootKeys.sort());
  assert.doesNotMatch(JSON.stringify(changes), /geheim/);
});
