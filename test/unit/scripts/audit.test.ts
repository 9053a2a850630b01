import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verdictOf } from '../../../scripts/audit.ts';

test('an audit fails for what is known, and for nothing else', () => {
  const finding = { severity: 'high', via: [{ title: 'Prototype pollution' }, 'other'] };
  const bad = verdictOf(JSON.stringify({ auditReportVersion: 2, vulnerabilities: { left: finding } }));
  assert.deepEqual([bad.isBad, bad.text.split('\n')[1]], [true, 'left: high: Prototype pollution']);
  assert.equal(verdictOf(JSON.stringify({ auditReportVersion: 2, vulnerabilities: {} })).isBad, false);
  for (const output of [
    '',
    'npm error',
    '{"message":"request failed","error":{"summary":""}}',
    '{"error":{"summary":"no"}}',
  ]) {
    const { text, isBad } = verdictOf(output);
    assert.equal(isBad, false);
    assert.match(text, /^not audited: the registry could not be asked/);
  }
});
