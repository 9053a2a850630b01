// Redis's own tests through a pool of one server. `REDIS_SUITE_DIRECT=1` runs them without Ringmaster, as a control.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startRedisPool } from '../support/pool-under-test.ts';
import { prepareSuite, runUnit } from './suite.ts';
import { UNITS, type Unit } from './units.ts';

const sources = process.env.REDIS_SUITE;
assert.ok(sources !== undefined, 'REDIS_SUITE is not set: run npm run test:redis-suite');
const isDirect = process.env.REDIS_SUITE_DIRECT === '1';
const folder = prepareSuite(sources);

test('docs/redis.md says what ran', () => {
  const docs = readFileSync(path.join(import.meta.dirname, '../../docs/redis.md'), 'utf8');
  for (const [name, unit] of Object.entries(UNITS)) {
    const row = `| \`${name}\` | ${unit.passing} | ${excludedOf(unit).length} |`;
    assert.ok(docs.includes(row), row);
  }
});

for (const [name, unit] of Object.entries(UNITS)) {
  test(`${name}: ${unit.passing} tests`, async t => {
    const redis = { args: ['--enable-debug-command', 'yes'] };
    const pool = await startRedisPool(t, { settings: ['databases: 16'], redis });
    const server = pool.servers[0]!;
    const excluded = excludedOf(unit);
    const result = await runUnit(folder, name, isDirect ? server.port : pool.port, server, excluded);
    assert.equal(result.broke, null, result.output);
    assert.deepEqual([...result.failed].map(([test, why]) => `${test}: ${why}`).sort(), []);
    // A name that is no test's any more says nothing.
    assert.deepEqual([...new Set(result.skipped)].sort(), [...excluded].sort());
    assert.equal(result.passed.length, unit.passing, result.output);
  });
}

function excludedOf(unit: Unit): string[] {
  return Object.values(unit.excluded ?? {}).flat();
}
