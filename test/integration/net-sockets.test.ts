// Where the runtime or the system lacks what polled sockets need, the data path runs on node:net. It must keep every promise there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startRedisPool } from '../support/pool-under-test.ts';

const FILES = [
  'backend-faults',
  'big-values',
  'client-connections',
  'garbage',
  'half-close',
  'mixed-pipelines',
  'slow-client',
];
/** Each read comes in memory of its own there, of which malloc keeps what the collector frees. */
const SKIPPED = '--test-skip-pattern=memory is given back';
/** For each of them. */
const TIMEOUT_MS = 110_000;

/** The environment of a run on node:net; without what makes it part of this run. */
function netEnvironment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  return { ...environment, RINGMASTER_SOCKETS: 'net' };
}

test('RINGMASTER_SOCKETS=net turns polled sockets off, and the log says so', async t => {
  process.env.RINGMASTER_SOCKETS = 'net';
  t.after(() => delete process.env.RINGMASTER_SOCKETS);
  const { ringmaster, client } = await startRedisPool(t);
  await ringmaster.until(() => /"sockets":"net"/.test(ringmaster.stderr()), 'the line that says so');
  const far = await client();
  far.send('SET k v\r\n');
  assert.equal((await far.readUntil(5)).toString(), '+OK\r\n');
});

for (const name of FILES) {
  test(`${name}, on node:net`, { timeout: TIMEOUT_MS }, async () => {
    const file = path.join(import.meta.dirname, `${name}.test.ts`);
    const run = promisify(execFile)(process.execPath, [SKIPPED, file], { env: netEnvironment(), timeout: TIMEOUT_MS });
    const { stdout } = await run.catch((error: { stdout: string; stderr: string }) => {
      assert.fail(`${error.stdout}\n${error.stderr}`);
    });
    assert.match(stdout, /^(?:#|ℹ) fail 0$/m);
    assert.doesNotMatch(stdout, /^(?:#|ℹ) pass 0$/m);
  });
}
