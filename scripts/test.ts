// npm test [-- PATH… | FLAGS…]
// Unit tests run two files at a time, integration tests one by one: those measure memory and kill processes.
// A PATH narrows the run to a file or a directory; flags go to `node --test`.
import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { childPids } from '../test/support/child.ts';
import { ensureServersOrExit } from './ensure-servers.ts';

interface Phase {
  readonly name: string;
  readonly files: string[];
  readonly concurrency: number;
  /** For one test. */
  readonly timeoutMs: number;
}

interface Totals {
  tests: number;
  pass: number;
  fail: number;
  cancelled: number;
  skipped: number;
}

/** How much longer than one test may take it may be silent. */
const SILENCE_GRACE_MS = 30_000;
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const root = path.join(import.meta.dirname, '..');
const { paths, flags } = readArguments(process.argv.slice(2));
const files = globSync('test/**/*.test.ts', { cwd: root }).sort();
const chosen = paths.length === 0 ? files : files.filter(file => paths.some(wanted => isWithin(file, wanted)));
if (chosen.length === 0) fail(`no test files in ${paths.join(', ') || 'test'}`);

const isIntegration = (file: string) => file.startsWith(`test${path.sep}integration${path.sep}`);
const phases: Phase[] = [
  { name: 'unit', files: chosen.filter(file => !isIntegration(file)), concurrency: 2, timeoutMs: 120_000 },
  { name: 'integration', files: chosen.filter(isIntegration), concurrency: 1, timeoutMs: 120_000 },
];

ensureServersOrExit(['redis', 'memcached', 'nutcracker']);

const totals: Totals = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0 };
const startedAt = performance.now();
let exitCode = 0;
let isInterrupted = false;
for (const phase of phases) {
  if (phase.files.length === 0 || isInterrupted) continue;
  console.log(`\n# ${phase.name} tests: ${phase.files.length} files`);
  const code = await runPhase(phase);
  if (code !== 0) exitCode = code;
}
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(
  `\ntotal: ${totals.tests} tests, ${totals.pass} passed, ${totals.fail + totals.cancelled} failed, ` +
    `${totals.skipped} skipped, in ${seconds} s`,
);
if (exitCode === 0 && totals.tests === 0) fail('no test ran');
process.exit(exitCode);

/** Runs the files of a phase, adds what it counted to the totals and resolves with the exit code. */
function runPhase(phase: Phase): Promise<number> {
  const silenceMs = phase.timeoutMs + SILENCE_GRACE_MS;
  const args = [
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${phase.concurrency}`,
    `--test-timeout=${phase.timeoutMs}`,
    ...flags,
    ...phase.files,
  ];
  const env = process.stdout.isTTY ? { ...process.env, FORCE_COLOR: '1' } : process.env;
  // A process group of its own, to be ended as a whole; what tests have started ends with its test process.
  const child = spawn(process.execPath, args, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = child.pid!;
  const forward = (signal: NodeJS.Signals) => {
    isInterrupted = true;
    process.kill(-pid, signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  const silence = setTimeout(() => {
    console.log(`\nnpm test: nothing came for ${silenceMs / 1000} s. Still running: ${filesRunning(pid).join(', ')}`);
    process.kill(-pid, 'SIGTERM');
  }, silenceMs);

  let line = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    silence.refresh();
    process.stdout.write(text);
    const lines = (line + text).split('\n');
    line = lines.pop()!;
    for (const each of lines) count(each);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => {
      clearTimeout(silence);
      for (const signal of FORWARDED) process.off(signal, forward);
      resolve(code ?? 1);
    });
  });
}

/** Test files that children of the runner are at (Linux). */
function filesRunning(runner: number): string[] {
  return childPids(runner).map(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').at(-2) ?? '');
}

/** Takes a summary line of the spec reporter, such as "ℹ pass 12". */
function count(line: string): void {
  const match = /^ℹ (tests|pass|fail|cancelled|skipped) (\d+)$/.exec(stripVTControlCharacters(line));
  if (match !== null) totals[match[1] as keyof Totals] += Number(match[2]);
}

function readArguments(args: readonly string[]): { paths: string[]; flags: string[] } {
  const paths: string[] = [];
  const flags: string[] = [];
  for (const [i, arg] of args.entries()) {
    const isValue = i > 0 && /^--?[^=]+$/.test(args[i - 1]!);
    const file = path.resolve(root, arg);
    if (arg.startsWith('-')) flags.push(arg);
    else if (existsSync(file)) paths.push(path.relative(root, file));
    else if (isValue) flags.push(arg);
    else fail(`no such file or directory: ${arg}`);
  }
  return { paths, flags };
}

function isWithin(file: string, wanted: string): boolean {
  if (wanted === '' || file === wanted) return true;
  return statSync(path.join(root, wanted)).isDirectory() && file.startsWith(`${wanted}${path.sep}`);
}

function fail(message: string): never {
  console.error(`npm test: ${message}`);
  process.exit(1);
}
