import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { run } from '../../../support/child.ts';

test('docs/redis.md lists the commands as the command table has them', async () => {
  const script = path.join(import.meta.dirname, '../../../../scripts/redis-commands.ts');
  const { code, stderr } = await run(process.execPath, [script, 'check']);
  assert.equal(code, 0, stderr);
});
