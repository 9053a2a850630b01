// One scenario's load against one worker of Ringmaster under V8's CPU profiler.
//
// NODE_OPTIONS reaches the worker though the master forks it with flags of its own; the profile is written when it has
// drained. It covers the worker's whole life, so only what was sampled while the load ran is counted: profile and
// process.hrtime() go by the same clock.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryDirectory } from '../../test/support/child.ts';
import type { Stage } from './contenders.ts';
import { type CpuProfile, IDLE, type SelfTimes, selfTimes, type TimeWindow } from './cpu-profile.ts';
import type { DataSet } from './data-set.ts';
import { markdownTable } from './markdown-table.ts';
import { threadTimeUs } from './process-cost.ts';
import { type Extent, OURS, runPlans, type Variant } from './scenario-run.ts';
import type { Scenario } from './scenarios.ts';

/** Fine enough for a round of seconds, and coarse enough that the profiler costs little. */
const SAMPLE_US = 250;
const FUNCTIONS_SHOWN = 40;
/** Groups with a smaller share are left out. */
const GROUP_SHARE = 0.001;
const MAIN = path.join(import.meta.dirname, '../../src/main.ts');
/** The group for what libuv does between two calls of JavaScript. */
const POLLING = '(libuv: polls)';

export interface ProfileOptions {
  /** Ringmaster's program; null: the one beside this benchmark. */
  readonly entry: string | null;
  /** How it is started; null: as usual. */
  readonly variant: Variant | null;
  /** Where the .cpuprofile is left, for a browser's developer tools; null: nowhere. */
  readonly keepIn: string | null;
}

/** What happened while the load ran. */
interface Round extends TimeWindow {
  readonly pid: number;
  /** Time on a core of the worker's main thread. */
  readonly busyUs: number;
}

/** Runs the scenario once and returns tables of where the worker's time went. */
export async function profileScenario(
  scenario: Scenario,
  stage: Stage,
  filled: Set<DataSet>,
  extent: Extent,
  { entry, variant, keepIn }: ProfileOptions,
  say: (line: string) => void,
): Promise<string> {
  const dir = keepIn === null ? temporaryDirectory('profile') : path.resolve(keepIn);
  mkdirSync(dir, { recursive: true });
  const flags = `--cpu-prof --cpu-prof-interval=${SAMPLE_US} --cpu-prof-dir=${JSON.stringify(dir)}`;
  const { args, env } = variant?.launch ?? OURS.launch;
  const launch = { args, env: { ...env, NODE_OPTIONS: `${env.NODE_OPTIONS ?? ''} ${flags}` } };
  const plan = { ...OURS, entry, launch, hasBackground: scenario.background !== null };

  let begun = { pid: 0, fromUs: 0, beforeUs: 0 };
  let round: Round | null = null;
  const [result] = await runPlans(scenario, [plan], stage, filled, { ...extent, rounds: 1 }, say, {
    begin: contender => {
      const pid = contender.workerPids()[0]!;
      begun = { pid, beforeUs: threadTimeUs(pid), fromUs: nowUs() };
    },
    end: () => {
      const { pid, fromUs, beforeUs } = begun;
      round = { pid, fromUs, untilUs: nowUs(), busyUs: threadTimeUs(pid) - beforeUs };
    },
  });
  const { pid, busyUs, ...window } = round!;
  const file = path.join(dir, profileOf(pid, dir));
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const root = `${path.resolve(entry ?? MAIN, '../..')}/`;
  const times = selfTimes(profile, window, root);
  const text = toText(times, window, busyUs, result!.median.requests);
  return keepIn === null ? text : `${text}\n${file}`;
}

/** V8 names the file CPU.DATE.TIME.PID.THREAD.NUMBER.cpuprofile. */
function profileOf(pid: number, dir: string): string {
  const file = readdirSync(dir).find(name => name.split('.')[3] === String(pid));
  if (file === undefined) throw new Error(`worker ${pid} left no profile: did it end in good order?`);
  return file;
}

function toText(times: SelfTimes, window: TimeWindow, busyUs: number, requests: number): string {
  const wallUs = window.untilUs - window.fromUs;
  const row = (us: number) => [((us / busyUs) * 100).toFixed(1), (us / requests).toFixed(3)];
  const functions = times.functions
    .filter(({ name }) => name !== IDLE)
    .slice(0, FUNCTIONS_SHOWN)
    .map(({ name, place, us }) => [name, place, ...row(us)]);
  // V8 has the thread idle from when libuv polls until it calls JavaScript, reading from sockets included.
  const idleUs = times.groups.find(([group]) => group === IDLE)?.[1] ?? 0;
  const pollingUs = Math.max(0, idleUs - (wallUs - busyUs));
  const groups = times.groups
    .map(([group, us]): [string, number] => (group === IDLE ? [POLLING, pollingUs] : [group, us]))
    .sort((a, b) => b[1] - a[1])
    .filter(([, us]) => us >= busyUs * GROUP_SHARE)
    .map(([group, us]) => [group, ...row(us)]);
  return [
    `${requests} requests in ${(wallUs / 1e6).toFixed(2)} s; the worker's main thread was on its core for ` +
      `${((busyUs / wallUs) * 100).toFixed(0)} % of it: ${(busyUs / requests).toFixed(2)} µs per request, ` +
      `100 % below. ${times.samples} samples.`,
    '',
    markdownTable(['function', 'place', 'self %', 'µs/request'], functions, 2),
    '',
    markdownTable(['where', 'self %', 'µs/request'], groups),
  ].join('\n');
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
