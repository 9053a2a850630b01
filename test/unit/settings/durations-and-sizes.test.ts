import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDurationMs, parseSizeBytes } from '../../../src/settings/durations-and-sizes.ts';
import { SettingError } from '../../../src/settings/setting-error.ts';

const DURATIONS: readonly [string, number | null][] = [
  ['0', 0],
  ['400', 400],
  ['400ms', 400],
  ['400 ms', 400],
  ['5s', 5000],
  ['1.5s', 1500],
  ['1m', 60_000],
  ['2h', 7_200_000],
  ['2147483647', 2_147_483_647],
  ['2147483648', null],
  ['25d', null],
  ['1.5', null],
  ['-1', null],
  ['s', null],
  ['', null],
  ['5 s s', null],
  ['5S', null],
  ['1e3', null],
  ['1constructor', null],
];
for (const [text, ms] of DURATIONS) {
  test(`duration ${JSON.stringify(text)} is ${ms === null ? 'refused' : `${ms} ms`}`, () => {
    if (ms === null) assert.throws(() => parseDurationMs(text, 0), SettingError);
    else assert.equal(parseDurationMs(text, 0), ms);
  });
}

const SIZES: readonly [string, number | null][] = [
  ['0', 0],
  ['1', 1],
  ['1b', 1],
  ['64kb', 65_536],
  ['64 KB', 65_536],
  ['512mb', 536_870_912],
  ['1gb', 1_073_741_824],
  ['0.5mb', 524_288],
  ['1024gb', 2 ** 40],
  ['1025gb', null],
  ['1k', null],
  ['1tb', null],
  ['0.3kb', null],
  ['-1', null],
  ['', null],
];
for (const [text, bytes] of SIZES) {
  test(`size ${JSON.stringify(text)} is ${bytes === null ? 'refused' : `${bytes} bytes`}`, () => {
    if (bytes === null) assert.throws(() => parseSizeBytes(text, 0), SettingError);
    else assert.equal(parseSizeBytes(text, 0), bytes);
  });
}

test('a lower bound is said in the message', () => {
  assert.throws(() => parseDurationMs('0', 1), { message: '0 is too short; at least 1ms' });
  assert.throws(() => parseSizeBytes('1', 1024), { message: '1 is too small; at least 1024 bytes' });
});
