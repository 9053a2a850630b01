// npm run test:apps [-- PATH… | FLAGS…]
// Applications and client libraries against real servers, directly and through Ringmaster; one file at a time.
// A PATH narrows the run to a file; flags go to `node --test`, e.g. --test-name-pattern='one server'.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import path from 'node:path';
import { NOT_YET } from '../test/apps/support/not-yet.ts';
import { ensureDebianLibrariesOrExit, installNodeLibraries } from './app-packages.ts';
import { ensureServersOrExit } from './ensure-servers.ts';
import { TestRun } from './test-run.ts';

/** For the whole group, so that CI ends also when every app hangs. */
const BUDGET_MS = 15 * 60_000;
/** Longer than the tests give themselves (see test/apps/support/pools.ts). */
const TIMEOUT_MS = 90_000;

const root = path.join(import.meta.dirname, '..');
const run = new TestRun('npm run test:apps', process.argv.slice(2));
const all = globSync('test/apps/*.test.ts', { cwd: root });
const files = run.chosen(all);
const appOf = (file: string) => path.basename(file, '.test.ts');

ensureServersOrExit(['redis', 'memcached']);
ensureDebianLibrariesOrExit(files.map(appOf));
if (installNodeLibraries() !== 0) run.fail('the libraries of test/apps could not be installed');

// `npm run check` leaves test/apps out, since it does not install these libraries.
const types = spawnSync(path.join(root, 'node_modules/.bin/tsc'), ['--noEmit', '-p', 'test/apps'], {
  cwd: root,
  stdio: 'inherit',
});
if (types.status !== 0) run.fail('test/apps has type errors');

const strays = Object.keys(NOT_YET).filter(app => !all.map(appOf).includes(app));
if (strays.length > 0) run.fail(`no such apps on the list of those that do not work yet: ${strays.join('; ')}`);

// Servers and worker programs end with their test file; libraries leave timers and sockets behind that would not.
const phase = { name: 'app', files, concurrency: 1, timeoutMs: TIMEOUT_MS };
const code = await run.run([phase], BUDGET_MS, ['--test-force-exit']);

const listed = files.map(appOf).flatMap(app =>
  Object.entries(NOT_YET[app] ?? {}).map(([behaviour, needs]) => {
    const each = typeof needs === 'string' ? [needs] : Object.entries(needs).map(([pool, what]) => `${what} (${pool})`);
    return `${app}: ${behaviour} – needs ${each.join(', ')}`;
  }),
);
if (listed.length > 0) console.log(`\nNot yet through Ringmaster (${listed.length}; one that passes fails the run):`);
for (const line of listed) console.log(`  ${line}`);
process.exit(code);
