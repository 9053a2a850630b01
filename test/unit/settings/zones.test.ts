import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SettingError } from '../../../src/settings/setting-error.ts';
import { checkZone, zonedAddress } from '../../../src/settings/zones.ts';

test('where servers stand', () => {
  const kind = zonedAddress();
  for (const [written, value] of [
    ['10.0.0.1:6379=eu-1a', { at: '10.0.0.1:6379', zone: 'eu-1a' }],
    ['10.0.0.1 = eu-1a', { at: '10.0.0.1', zone: 'eu-1a' }],
    ['[::1]:6379=a', { at: '[::1]:6379', zone: 'a' }],
  ] as const) {
    assert.deepEqual(kind.read(written), value);
    assert.deepEqual(kind.read(kind.write(value)), value);
  }
  for (const wrong of ['', '=a', 'h', 'h=', 'h=a b', 'a b=c'])
    assert.throws(() => kind.read(wrong), SettingError, wrong);
  for (const wrong of ['', 'a b', 'a,b', 'ä']) assert.throws(() => checkZone(wrong), SettingError, wrong);
});
