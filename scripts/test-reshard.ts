// npm run test:reshard [-- PATH… | FLAGS…]
// Rings that change while clients work, on real servers, with everything that may break; one file at a time.
// A PATH narrows the run to a file; flags go to `node --test`.
import { globSync } from 'node:fs';
import path from 'node:path';
import { ensureServersOrExit } from './ensure-servers.ts';
import { TestRun } from './test-run.ts';

/** For the whole group. */
const BUDGET_MS = 15 * 60_000;
const TIMEOUT_MS = 120_000;

const run = new TestRun('npm run test:reshard', process.argv.slice(2));
const files = run.chosen(globSync('test/reshard/*.test.ts', { cwd: path.join(import.meta.dirname, '..') }));
ensureServersOrExit(['redis', 'memcached', 'haproxy']);
process.exit(await run.run([{ name: 'reshard', files, concurrency: 1, timeoutMs: TIMEOUT_MS }], BUDGET_MS));
