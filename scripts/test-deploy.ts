// npm run test:deploy [-- PATH… | FLAGS…]
// What deploy/ has, by the programs that are to read it: Prometheus and its promtool, systemd-analyze, logrotate.
import { globSync } from 'node:fs';
import path from 'node:path';
import { ensurePackagesOrExit } from './debian-packages.ts';
import { ensureServersOrExit } from './ensure-servers.ts';
import { TestRun } from './test-run.ts';

const BUDGET_MS = 220_000;
const TIMEOUT_MS = 120_000;

const PROGRAMS = {
  prometheus: { commands: ['prometheus', 'promtool'], packages: ['prometheus'] },
  systemd: { commands: ['systemd-analyze', 'systemd-notify'], packages: ['systemd'] },
  logrotate: { commands: ['logrotate'], packages: ['logrotate'] },
} as const;

const run = new TestRun('npm run test:deploy', process.argv.slice(2));
const files = run.chosen(globSync('test/deploy/*.test.ts', { cwd: path.join(import.meta.dirname, '..') }));
ensureServersOrExit(['redis']);
ensurePackagesOrExit(PROGRAMS, ['prometheus', 'systemd', 'logrotate']);
process.exit(await run.run([{ name: 'deploy', files, concurrency: 1, timeoutMs: TIMEOUT_MS }], BUDGET_MS));
