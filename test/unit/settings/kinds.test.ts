import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DAEMON_SETTINGS } from '../../../src/config/tables/daemon-settings.ts';
import { POOL_SETTINGS } from '../../../src/config/tables/pool-settings.ts';
import { SERVER_SETTINGS } from '../../../src/config/tables/server-settings.ts';
import type { Kind } from '../../../src/settings/kinds.ts';
import { defaultOf, type ScalarSetting, type SettingTable } from '../../../src/settings/setting.ts';

function scalars(table: SettingTable, prefix = ''): [path: string, setting: ScalarSetting][] {
  return Object.values(table).flatMap((setting): [string, ScalarSetting][] => {
    if ('settings' in setting) return scalars(setting.settings, `${prefix}${setting.key}.`);
    return 'kind' in setting ? [[prefix + setting.key, setting]] : [];
  });
}

const ALL = [...scalars(DAEMON_SETTINGS), ...scalars(POOL_SETTINGS, 'pool.'), ...scalars(SERVER_SETTINGS, 'server.')];

/** Values that some kinds take, as a file may write them; each setting takes at least one. */
const SAMPLES = [
  '0',
  '1',
  '7',
  '19',
  '400ms',
  '1.5m',
  '1h',
  'none',
  '128kb',
  '1000kb',
  '300mb',
  'true',
  'false',
  'auto',
  'off',
  '0,2-5',
  '{}',
  'geheim',
  'h:1',
  '[::1]:22',
  '/a.sock',
  '/a.sock 0660',
  'redis',
  'md5',
  'modula',
  'error',
  'first_key',
  'server_name',
  'debug',
  'my.mset 1 -1 2 write, my.get 1 1 1 read',
  '10.0.0.0/8, 2001:db8::/32, unix',
  '1/10s',
  '10mb/h',
  '@write 1000/s, keys 1/10s',
  '10.0.0.1:7001=203.0.113.5:17001, 10.0.0.2=203.0.113.6',
];

describe('what a setting writes, it reads as the same value', () => {
  for (const [path, setting] of ALL) {
    test(path, () => {
      const defaults = (['native', 'twemproxy'] as const).map(form => defaultOf(setting, form));
      const values = [...SAMPLES.flatMap(text => attempt(setting.kind, text)), ...defaults];
      const given = values.filter(value => value !== undefined && value !== null);
      assert.ok(given.length > 0);
      for (const value of given) assert.deepEqual(setting.kind.read(setting.kind.write(value)), value);
    });
  }
});

test('keys of a table are told apart', () => {
  const paths = ALL.map(([path]) => path);
  assert.equal(new Set(paths).size, paths.length);
});

function attempt(kind: Kind<unknown>, text: string): unknown[] {
  try {
    return [kind.read(text)];
  } catch {
    return [];
  }
}
