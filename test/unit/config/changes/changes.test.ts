import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configChanges } from '../../../../src/config/changes/changes.ts';
import type { Config, PoolConfig } from '../../../../src/config/config.ts';
import { parseConfig } from '../../../../src/config/load.ts';
import { DAEMON_SETTINGS } from '../../../../src/config/tables/daemon-settings.ts';
import { POOL_SETTINGS } from '../../../../src/config/tables/pool-settings.ts';
import type { SettingTable } from '../../../../src/settings/setting.ts';

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
    config({ p: pool(1, { servers: ['a:1:3', 'c:1'], timeout: '1s', tcpkeepalive: 'false' }), more: pool(3) }),
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
    'log.level',
    'log.file',
    'cpu_affinity',
    'worker_nice',
    'max_memory',
  ]);
  assert.deepEqual(needWorkerRestart, ['cpu_affinity', 'worker_nice']);
});

test('every setting is compared, called what the file calls it, and no secret is told', () => {
  const settings = {
    redis_auth: 'geheim',
    health_check: {},
    limits: {},
    address_limits: {},
    listen_tls: { cert: '/c.pem', key: '/c.key' },
    server_tls: {},
  };
  const top = {
    admin_token: 'geheim',
    admin_tls: { cert: '/c.pem', key: '/c.key' },
    audit_log: { file: '/audit.log' },
  };
  const before = config({ p: pool(1, settings) }, top);
  const cluster = { seeds: [], refreshIntervalMs: 1, refreshMinMs: 1, maxRedirects: 1, addressMap: null };
  const sentinel = {
    addresses: [],
    user: null,
    password: 'geheim',
    timeoutMs: 1,
    refreshIntervalMs: 1,
    refreshMinMs: 1,
  };
  const sentinelTls = before.pools[0]!.serverTls;
  const first = { ...before.pools[0], cluster, sentinel, sentinelTls } as unknown as PoolConfig;
  const after = {
    ...changeAll(DAEMON_SETTINGS, before),
    pools: [changeAll(POOL_SETTINGS, first)],
  } as unknown as Config;
  const changes = configChanges({ ...before, pools: [first] }, after);
  assert.deepEqual([...changes.changed[0]!.settings].sort(), paths(POOL_SETTINGS).sort());
  assert.deepEqual([...changes.settings].sort(), paths(DAEMON_SETTINGS).sort());
  assert.doesNotMatch(JSON.stringify(changes), /geheim/);
});

/** Every value of the table as a function in between would break it. */
function changeAll(table: SettingTable, values: object): object {
  const changed = { ...values } as Record<string, unknown>;
  for (const [field, setting] of Object.entries(table)) {
    if ('settings' in setting) changed[field] = changeAll(setting.settings, changed[field] as object);
    else if ('kind' in setting) {
      const value = { host: 'another', port: 1 };
      changed[field] = setting.kind.isMap ? [['name', 'value']] : setting.kind.isList ? [value] : value;
    }
  }
  return changed;
}

function paths(table: SettingTable): string[] {
  return Object.values(table).flatMap(setting => {
    if ('settings' in setting) return paths(setting.settings).map(path => `${setting.key}.${path}`);
    return 'kind' in setting ? [setting.key] : [];
  });
}
