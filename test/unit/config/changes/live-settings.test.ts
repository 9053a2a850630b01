import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { settingStates, withDefault, withSetting, withSettings } from '../../../../src/config/changes/live-settings.ts';
import type { Config } from '../../../../src/config/config.ts';
import { parseConfig } from '../../../../src/config/load.ts';
import { DAEMON_SETTINGS } from '../../../../src/config/tables/daemon-settings.ts';
import { POOL_SETTINGS } from '../../../../src/config/tables/pool-settings.ts';
import { isGroup, isScalar, type SettingTable } from '../../../../src/settings/setting.ts';
import { SettingError } from '../../../../src/settings/setting-error.ts';

const TEXT = `admin: 127.0.0.1:22223
pools:
  red:
    listen: 127.0.0.1:1
    protocol: redis
    timeout: 1s
    redis_auth: geheim
    servers: [h:1, { address: "h:2", name: b.c, weight: 2 }]
  my.pool:
    listen: 127.0.0.1:2
    protocol: memcached
    servers: [h:1]
`;
const CONFIG = parseConfig(TEXT, 'f');

const refusal = (config: Config, path: string, text: string): string => {
  try {
    withSetting(config, path, text);
    return '';
  } catch (error) {
    assert.ok(error instanceof SettingError);
    return error.message;
  }
};

describe('a setting that is set gives the configuration that a file with it gives', () => {
  const CASES: readonly [path: string, text: string, from: string, to: string][] = [
    ['workers', '3', 'pools:', 'workers: 3\npools:'],
    ['log.level', 'debug', 'pools:', 'log: { level: debug }\npools:'],
    ['admin', 'false', 'admin: 127.0.0.1:22223', 'admin: false'],
    ['red.timeout', '300ms', 'timeout: 1s', 'timeout: 300ms'],
    ['pools.red.timeout', '300', 'timeout: 1s', 'timeout: 300ms'],
    ['red.redis_auth', 'another', 'geheim', 'another'],
    ['red.hash', 'md5', 'timeout: 1s', 'timeout: 1s\n    hash: md5'],
    ['red.health_check', '{}', 'timeout: 1s', 'timeout: 1s\n    health_check: {}'],
    ['red.health_check.interval', '2s', 'timeout: 1s', 'timeout: 1s\n    health_check: { interval: 2s }'],
    ['red.servers.b.c.weight', '5', 'weight: 2', 'weight: 5'],
    ['red.servers.b.c.address', '[::1]:7', 'h:2', '[::1]:7'],
    ['my.pool.listen', '/run/x.sock 0660', 'listen: 127.0.0.1:2', 'listen: /run/x.sock 0660'],
    ['my.pool.max_pipeline', '7', 'memcached', 'memcached\n    max_pipeline: 7'],
  ];
  for (const [path, text, from, to] of CASES) {
    test(`${path} ${text}`, () => {
      const { config } = withSetting(CONFIG, path, text);
      assert.deepEqual(config, parseConfig(TEXT.replace(from, to), 'f'));
      assert.ok(Object.isFrozen(config) && Object.isFrozen(config.pools[0]));
      assert.deepEqual(CONFIG, parseConfig(TEXT, 'f'));
    });
  }
});

test('what was, what is, and when it applies is told, and no secret', () => {
  const { config: _, ...change } = withSetting(CONFIG, 'pools.red.timeout', '300');
  assert.deepEqual(change, { path: 'red.timeout', old: '1000ms', new: '300ms', applies: 'live' });
  assert.equal(withSetting(CONFIG, 'worker_nice', '5').applies, 'worker-restart');
  assert.equal(withSetting(CONFIG, 'red.listen', '127.0.0.1:9').applies, 'new-connections');
  const secret = withSetting(CONFIG, 'red.redis_auth', 'another');
  assert.deepEqual([secret.old, secret.new], ['<redacted>', '<redacted>']);
  assert.equal(withSetting(CONFIG, 'red.timeout', '1s').config, CONFIG);
});

describe('what a file may not say cannot be set', () => {
  const CASES: readonly [path: string, text: string, message: RegExp][] = [
    ['red.timeout', 'soon', /^red\.timeout: "soon" is no duration/],
    ['red.timeout', '', /^red\.timeout: is empty; give duration, or none$/],
    ['red.max_request_bytes', '4gb', /^red\.max_request_bytes: 4gb is too large; at most 1gb/],
    ['my.pool.redis_db', '3', /^pools\.my\.pool\.redis_db: only for Redis, and this pool speaks memcached/],
    ['red.protocol', 'memcached', /^pools\.red\.redis_auth: only for Redis/],
    ['my.pool.listen', '0.0.0.0:1', /127\.0\.0\.1:1 collides|0\.0\.0\.0:1 collides/],
    ['admin', '127.0.0.1:1', /collides with 127\.0\.0\.1:1/],
    ['red.servers.b.c.weight', '0', /^red\.servers\.b\.c\.weight: "0" is no weight/],
    ['red.servers', 'h:1', /^there is no setting "red\.servers"/],
    ['red.servers.b.c.name', 'd', /^there is no setting/],
    ['red.health_check', 'yes', /^red\.health_check: must be \{\} or off/],
    ['red.timout', '1s', /^there is no setting "red\.timout"; did you mean "red\.timeout"\?$/],
    ['blue.timeout', '1s', /^there is no setting "blue\.timeout"/],
    ['pools', '{}', /^there is no setting/],
  ];
  for (const [path, text, message] of CASES) {
    test(`${path} ${text}`, () => assert.match(refusal(CONFIG, path, text), message));
  }
});

test('settings of several servers are checked together', () => {
  const heavy = parseConfig(TEXT.replace('[h:1, {', '[h:1:2147483647, h:3:2147483646, {'), 'f');
  assert.match(refusal(heavy, 'red.servers.b.c.weight', '9'), /^pools\.red\.servers: the weights add up/);
});

test('a setting goes back to its default, which is that of the form of the file', () => {
  assert.equal(withDefault(CONFIG, 'red.timeout').config.pools[0]?.timeoutMs, 5000);
  assert.equal(withDefault(CONFIG, 'red.redis_auth').config.pools[0]?.redisAuth, null);
  const twemproxy = parseConfig('p:\n  listen: h:1\n  timeout: 400\n  servers: [h:1:1]\n', 'f');
  assert.equal(withDefault(twemproxy, 'p.timeout').config.pools[0]?.timeoutMs, 0);
  const checked = withSetting(CONFIG, 'red.health_check', '{}').config;
  assert.equal(withDefault(checked, 'red.health_check').config.pools[0]?.healthCheck, null);
  assert.throws(() => withDefault(CONFIG, 'red.listen'), /red\.listen: has no default/);
});

test('settings are found by pattern, with their values and defaults', () => {
  const paths = (pattern: string) => settingStates(CONFIG, pattern).map(({ path }) => path);
  assert.deepEqual(paths('log.*'), ['log.level', 'log.file']);
  assert.deepEqual(paths('*.timeout'), [
    'red.sentinel.timeout',
    'red.timeout',
    'red.health_check.timeout',
    'my.pool.sentinel.timeout',
    'my.pool.timeout',
    'my.pool.health_check.timeout',
  ]);
  assert.deepEqual(paths('red.servers.*.weight'), ['red.servers.h:1.weight', 'red.servers.b.c.weight']);
  assert.deepEqual(paths('red.timeout'), ['red.timeout']);
  assert.deepEqual(paths('red'), []);
  const [timeout] = settingStates(CONFIG, 'red.timeout');
  assert.deepEqual([timeout?.value, timeout?.default, timeout?.isDefault], ['1000ms', '5000ms', false]);
  const [auth] = settingStates(CONFIG, 'red.redis_auth');
  assert.deepEqual([auth?.value, auth?.default], ['<redacted>', 'unset']);
  assert.doesNotMatch(JSON.stringify(settingStates(CONFIG, '*')), /geheim/);
});

test('each setting of the tables can be set to what it is, by its name', () => {
  const leaves = (table: SettingTable, prefix: string): string[] =>
    Object.values(table).flatMap(setting => {
      // What the file alone can turn on is off here, and what belongs to it.
      if (['cluster', 'sentinel', 'sentinel_tls'].includes(setting.key)) return [];
      if (isGroup(setting)) return leaves(setting.settings, `${prefix}${setting.key}.`);
      // What is not set is not written.
      return isScalar(setting) && setting.default !== null ? [prefix + setting.key] : [];
    });
  const checked = withSettings(CONFIG, [
    { path: 'red.health_check', text: '{}' },
    { path: 'red.server_tls', text: '{}' },
    { path: 'red.limits', text: '{}' },
    { path: 'red.address_limits', text: '{}' },
    { path: 'red.listen_tls.cert', text: '/c.pem' },
    { path: 'red.listen_tls.key', text: '/c.key' },
    { path: 'admin_tls.cert', text: '/c.pem' },
    { path: 'admin_tls.key', text: '/c.key' },
    { path: 'audit_log.file', text: '/audit.log' },
  ]);
  for (const path of [...leaves(DAEMON_SETTINGS, ''), ...leaves(POOL_SETTINGS, 'red.')]) {
    const [state] = settingStates(checked, path);
    assert.ok(state !== undefined, path);
    assert.equal(withSetting(checked, path, state.value).config, checked, path);
  }
});

test('a cluster, and Sentinels, can be turned on in the file only', () => {
  for (const [path, text] of [
    ['red.cluster', '{}'],
    ['red.cluster', 'off'],
    ['red.cluster.seeds', '127.0.0.1:7001'],
    ['red.cluster.max_redirects', '3'],
    ['red.sentinel', '{}'],
    ['red.sentinel.addresses', '127.0.0.1:26379'],
    ['red.sentinel.user', 'me'],
    ['audit_log', '{}'],
    ['audit_log', 'off'],
    ['audit_log.keys', 'true'],
  ] as const) {
    assert.throws(() => withSetting(CONFIG, path, text), SettingError, path);
  }
});

test('a pattern of many stars is no work', () => {
  const started = performance.now();
  assert.deepEqual(settingStates(CONFIG, `${'*a'.repeat(20_000)}*x`), []);
  assert.ok(performance.now() - started < 10_000);
});
