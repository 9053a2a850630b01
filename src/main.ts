#!/usr/bin/env node
import { describeStats } from './admin/stats-port.ts';
import { addCommands } from './cli/commands.ts';
import { isDaemon, reportOutcome } from './cli/daemonize.ts';
import { createProgram, type DaemonOptions, readArguments } from './cli/options.ts';
import { print } from './cli/print.ts';
import { serve } from './cli/serve.ts';
import { testConfig } from './cli/test-config.ts';

async function run(options: DaemonOptions): Promise<void> {
  if (options.describeStats) await print(describeStats());
  else if (options.testConf) process.exitCode = testConfig(options.confFile);
  else await serve(options);
}

try {
  const program = createProgram(run);
  addCommands(program);
  await program.parseAsync(readArguments(program, process.argv.slice(2)), { from: 'user' });
  // Whatever timer or socket is left must not keep a drained daemon alive.
  process.exit();
} catch (error) {
  const { message } = error as Error;
  // A configuration's problems come together, one on each line.
  process.stderr.write(`${message.replace(/^/gm, 'ringmaster: ')}\n`);
  if (isDaemon) await reportOutcome(message);
  process.exit(1);
}
