import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { run } from '../support/child.ts';

const DEMO = path.join(import.meta.dirname, '..', '..', 'scripts', 'demo.ts');

test('the demo starts real servers, shows keys on them through both protocols, and ends all of it', async () => {
  const { stdout, stderr, code } = await run(process.execPath, [DEMO, '--once']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /GET alice {2}→ {2}"value of alice"/);
  assert.match(stdout, /get alice bob carol dave {2}→ {2}VALUE alice 0 14 \| value of alice/);
  assert.match(stdout, /ringmaster_pool_requests_total\{pool="redis"\} [1-9]/);
  assert.match(stdout, /Ringmaster ended with code 0, the servers are stopped/);
});
