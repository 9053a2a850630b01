// Loaded into the workers of a daemon under test by NODE_OPTIONS=--import, because the product has no hooks for tests:
//   SIGWINCH       throws what TEST_THROW says, where nothing catches it
//   SIGURG         writes a line RESOURCES {"pid":…,"active":{…}} to standard error: what keeps the event loop alive, but for immediates,
//                  which are of this turn, whatever it does
//   TEST_DIE_FILE  while that file exists, workers die as they start
import cluster from 'node:cluster';
import { existsSync, writeSync } from 'node:fs';

if (cluster.isWorker) {
  const { TEST_DIE_FILE, TEST_THROW } = process.env;
  if (TEST_DIE_FILE !== undefined && existsSync(TEST_DIE_FILE)) process.exit(7);
  process.on('SIGWINCH', () => {
    throw new Error(TEST_THROW ?? 'thrown by the test');
  });
  process.on('SIGURG', () => {
    const active: Record<string, number> = {};
    for (const name of process.getActiveResourcesInfo())
      if (name !== 'Immediate') active[name] = (active[name] ?? 0) + 1;
    writeSync(2, `RESOURCES ${JSON.stringify({ pid: process.pid, active })}\n`);
  });
}
