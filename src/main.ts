#!/usr/bin/env node
import { describeStats } from './admin/stats-port.ts';
import { isDaemon, reportOutcome } from './cli/daemonize.ts';
import { createProgram, type DaemonOptions } from './cli/options.ts';
import { serve } from './cli/serve.ts';
import { testConfig } from './cli/test-config.ts';

async function run(options: DaemonOptions): Promise<void> {
  if (options.testConf) process.exitCode = testConfig(options.confFile);
  else if (options.describeStats) process.stdout.write(describeStats());
  else await serve(options);
}

try {
  await createProgram(run).parseAsync();
  // Whatever timer or socket is left must not keep a drained daemon alive.
  process.exit();
} catch (error) {
  process.stderr.write(`ringmaster: ${(error as Error).message}\n`);
  if (isDaemon()) await reportOutcome((error as Error).message);
  process.exit(1);
}
