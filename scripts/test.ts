// npm test [-- PATH… | FLAGS…]
// Unit tests run two files at a time, integration tests one by one: those measure memory and kill processes.
// A PATH narrows the run to a file or a directory; flags go to `node --test`. What has an npm script of its own is left out.
import { globSync } from 'node:fs';
import path from 'node:path';
import { ensureServersOrExit } from './ensure-servers.ts';
import { TestRun } from './test-run.ts';

const GROUPS = [
  'test/apps',
  'test/cluster',
  'test/deploy',
  'test/page',
  'test/redis-suite',
  'test/reshard',
  'test/tenants',
  'test/watchers',
];

const run = new TestRun('npm test', process.argv.slice(2));
const files = globSync('test/**/*.test.ts', { cwd: path.join(import.meta.dirname, '..'), exclude: GROUPS });
const chosen = run.chosen(files);

const isIntegration = (file: string) => file.startsWith(`test${path.sep}integration${path.sep}`);

ensureServersOrExit(['redis', 'memcached', 'nutcracker', 'haproxy']);

process.exit(
  await run.run([
    { name: 'unit', files: chosen.filter(file => !isIntegration(file)), concurrency: 2, timeoutMs: 120_000 },
    { name: 'integration', files: chosen.filter(isIntegration), concurrency: 1, timeoutMs: 120_000 },
  ]),
);
