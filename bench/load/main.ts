// npm run bench [-- FLAGS]       (--help names them)
//
//   redis-benchmark ┐              ┌▶ nutcracker ─┐
//   or generator.ts ┴─ in turns ───┴▶ Ringmaster ─┴▶ 2 redis, 2 memcached
//        core 1                        core 0             core 1
//
// Every scenario has its own proxies, warmed up before the first round; the servers stay. docs/performance.md tells how the
// figures are made and what they mean.
import { writeFileSync } from 'node:fs';
import { ensureServersOrExit } from '../../scripts/ensure-servers.ts';
import { type Stage, setStage } from './contenders.ts';
import type { DataSet } from './data-set.ts';
import { describeMachine } from './machine.ts';
import { ALL_SCENARIOS, type Options, readOptions, USAGE, UsageError } from './options.ts';
import { pinBenchmark } from './pinning.ts';
import { type ProfileOptions, profileScenario } from './profile-run.ts';
import { type Report, type ScenarioReport, scenarioTable, toMarkdown } from './report.ts';
import { runScenario } from './scenario-run.ts';
import type { Scenario } from './scenarios.ts';

try {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(USAGE);
  else if (options === 'list') for (const { name, title } of ALL_SCENARIOS) console.log(`${name.padEnd(24)}${title}`);
  else process.exitCode = await bench(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`npm run bench: ${error.message}`);
  process.exitCode = 2;
}
process.exit();

/** Runs the scenarios and writes what they found; the exit code. */
async function bench(options: Options): Promise<number> {
  ensureServersOrExit(['redis', 'memcached', 'nutcracker']);
  if (options.scenarios.some(({ fleet }) => fleet.isTls)) ensureServersOrExit(['haproxy', 'stunnel']);
  const pinning = pinBenchmark(options.cores);
  const machine = describeMachine(pinning);
  console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.kernel}; ${machine.pinning}`);
  if (machine.loadAverage > 0.5) {
    console.log(
      `Others are at work here (load average ${machine.loadAverage.toFixed(2)}): the figures will tell of them too.`,
    );
  }
  const stage = await setStage(pinning);
  const scenarios: ScenarioReport[] = [];
  const filled = new Set<DataSet>();
  const { rounds, seconds, warmUpSeconds, maxBackgroundClients } = options.lineup;
  try {
    if (options.profile !== null) return await profile(options, options.profile, stage, filled);
    for (const scenario of options.scenarios) {
      const report = await runOne(scenario, stage, filled, options);
      scenarios.push(report);
      console.log(`\n${scenario.title}\n${scenarioTable(report)}`);
      // Also after each: a long run that is stopped has not been for nothing.
      writeReport({ machine, extent: { rounds, seconds, warmUpSeconds, maxBackgroundClients }, scenarios }, options);
    }
  } finally {
    await stage.stop();
  }
  return scenarios.some(({ error }) => error !== null) ? 1 : 0;
}

/** Prints where Ringmaster's time goes in each scenario; the exit code. */
async function profile(
  { scenarios, lineup }: Options,
  options: ProfileOptions,
  stage: Stage,
  filled: Set<DataSet>,
): Promise<number> {
  for (const scenario of scenarios) {
    const text = await profileScenario(scenario, stage, filled, lineup, options, line => console.error(line));
    console.log(`\n${scenario.title}\n${text}`);
  }
  return 0;
}

/** A scenario that fails does not stop the others. */
async function runOne(
  scenario: Scenario,
  stage: Stage,
  filled: Set<DataSet>,
  { lineup }: Options,
): Promise<ScenarioReport> {
  const { name, title, targets } = scenario;
  try {
    const contenders = await runScenario(scenario, stage, filled, lineup, line => console.error(line));
    return { name, title, targets, contenders, error: null };
  } catch (error) {
    return { name, title, targets, contenders: [], error: (error as Error).message };
  }
}

function writeReport(report: Report, { json, markdown }: Options): void {
  if (json !== null) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  if (markdown !== null) writeFileSync(markdown, toMarkdown(report));
}
