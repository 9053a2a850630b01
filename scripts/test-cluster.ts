// npm run test:cluster [-- PATH… | FLAGS…]
// Pools that are clusters, and rings that change, against real servers that are changed and broken under load; one file at a time.
// A PATH narrows the run to a file; flags go to `node --test`. Some quick ones are in npm test.
import { globSync } from 'node:fs';
import path from 'node:path';
import { ensureServersOrExit } from './ensure-servers.ts';
import { TestRun } from './test-run.ts';

/** For the whole group. */
const BUDGET_MS = 15 * 60_000;
const TIMEOUT_MS = 180_000;

const run = new TestRun('npm run test:cluster', process.argv.slice(2));
const files = run.chosen(globSync('test/cluster/*.test.ts', { cwd: path.join(import.meta.dirname, '..') }));
ensureServersOrExit(['redis', 'memcached']);
process.exit(await run.run([{ name: 'cluster', files, concurrency: 1, timeoutMs: TIMEOUT_MS }], BUDGET_MS));
