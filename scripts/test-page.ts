// npm run test:page [-- PATH… | FLAGS…]
// The page of the admin port in a real browser, Debian's Chromium.
import { globSync } from 'node:fs';
import path from 'node:path';
import { ensurePackagesOrExit } from './debian-packages.ts';
import { ensureServersOrExit } from './ensure-servers.ts';
import { TestRun } from './test-run.ts';

const BUDGET_MS = 150_000;
const TIMEOUT_MS = 120_000;

const PROGRAMS = { chromium: { commands: ['chromium'], packages: ['chromium'] } } as const;

const run = new TestRun('npm run test:page', process.argv.slice(2));
const files = run.chosen(globSync('test/page/*.test.ts', { cwd: path.join(import.meta.dirname, '..') }));
ensureServersOrExit(['redis']);
ensurePackagesOrExit(PROGRAMS, ['chromium']);
process.exit(await run.run([{ name: 'page', files, concurrency: 1, timeoutMs: TIMEOUT_MS }], BUDGET_MS));
