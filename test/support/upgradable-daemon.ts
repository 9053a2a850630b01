// A Ringmaster that others take the place of, one after the other.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { askAdmin } from './admin-client.ts';
import { isAlive, killAtExit } from './child.ts';
import { type Daemon, type PoolOfDaemon, startDaemon } from './pool-daemon.ts';
import { waitFor } from './wait-for.ts';

export interface UpgradableDaemon {
  readonly daemon: Daemon;
  /** Resolves when the new master serves, with its pid. */
  upgrade(): Promise<number>;
  /** Resolves when the first one is gone. */
  gone(): Promise<void>;
}

const END_WITHIN_MS = 20_000;

/** Starts one with these pools and a worker; the last of all ends with the test. */
export async function startUpgradableDaemon(
  t: TestContext,
  pools: Readonly<Record<string, PoolOfDaemon>>,
  settings: readonly string[] = [],
): Promise<UpgradableDaemon> {
  let last: number | null = null;
  t.after(async () => {
    const pid = last;
    if (pid === null) return;
    process.kill(pid, 'SIGTERM');
    await waitFor(() => !isAlive(pid), { what: 'the end of the new one', timeoutMs: END_WITHIN_MS });
  });
  const daemon = await startDaemon(t, pools, { workers: 1, settings: ['shutdown_timeout: 60s', ...settings] });
  return {
    daemon,
    async upgrade() {
      const answer = await askAdmin(daemon.adminPort, '/api/v1/upgrade', { method: 'POST', body: {} });
      assert.equal(answer.status, 200, answer.text);
      last = answer.json<{ pid: number }>().pid;
      killAtExit(last);
      return last;
    },
    async gone() {
      await waitFor(() => !isAlive(daemon.ringmaster.pid), {
        what: 'the end of the old one',
        timeoutMs: END_WITHIN_MS,
      });
    },
  };
}
