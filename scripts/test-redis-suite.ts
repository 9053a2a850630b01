// npm run test:redis-suite [-- FLAGS…]
// Redis's own test suite through a pool of one server; which units, and what of them is left out, is in test/redis-suite/units.ts.
import { ensurePackagesOrExit } from './debian-packages.ts';
import { ensureServersOrExit } from './ensure-servers.ts';
import { redisSourcesOrExit } from './redis-suite-sources.ts';
import { TestRun } from './test-run.ts';

const BUDGET_MS = 10 * 60_000;
/** For one unit, and for all of them. */
const TIMEOUT_MS = 480_000;

const run = new TestRun('npm run test:redis-suite', process.argv.slice(2));
ensureServersOrExit(['redis']);
ensurePackagesOrExit({ tcl: { commands: ['tclsh'], packages: ['tcl'] } }, ['tcl']);
process.env.REDIS_SUITE = redisSourcesOrExit();
const files = ['test/redis-suite/units.test.ts'];
process.exit(await run.run([{ name: 'unit', files, concurrency: 1, timeoutMs: TIMEOUT_MS }], BUDGET_MS));
