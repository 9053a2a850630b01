import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { withReference } from '../../../scripts/config-reference.ts';

test('the reference in docs/config.md is what the schema generates', () => {
  const document = readFileSync(new URL('../../../docs/config.md', import.meta.url), 'utf8');
  assert.equal(document, withReference(document), 'run: node scripts/config-reference.ts');
});
