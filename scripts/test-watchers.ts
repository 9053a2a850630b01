// npm run test:watchers [-- PATH… | FLAGS…]
// A thousand event streams and a hundred thousand scrapes of one daemon; a smaller one is in npm test.
import { globSync } from 'node:fs';
import path from 'node:path';
import { ensureServersOrExit } from './ensure-servers.ts';
import { TestRun } from './test-run.ts';

const BUDGET_MS = 30 * 60_000;

const run = new TestRun('npm run test:watchers', process.argv.slice(2));
const files = run.chosen(globSync('test/watchers/*.test.ts', { cwd: path.join(import.meta.dirname, '..') }));
ensureServersOrExit(['redis']);
process.exit(await run.run([{ name: 'watchers', files, concurrency: 1, timeoutMs: BUDGET_MS }], BUDGET_MS));
