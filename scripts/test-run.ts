// What npm test and npm run test:apps share: which files are meant, and phases of them one after the other.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { childPids } from '../test/support/child.ts';

export interface Phase {
  readonly name: string;
  /** Relative to the repository's root. */
  readonly files: readonly string[];
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
/** Test processes and the daemons they start strip types and compile the same files over and over: half of their time. */
const COMPILE_CACHE = path.join(root, 'node_modules/.cache/ringmaster');

export class TestRun {
  /** The files and directories that were named, relative to the root. */
  readonly paths: readonly string[];
  /** What goes to `node --test`. */
  readonly flags: readonly string[];
  private readonly command: string;
  private readonly totals: Totals = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0 };
  private isInterrupted = false;

  /** `command` is what people type, for messages; `args` are PATHs and flags. Ends the process when a PATH is missing. */
  constructor(command: string, args: readonly string[]) {
    this.command = command;
    const paths: string[] = [];
    const flags: string[] = [];
    for (const [i, arg] of args.entries()) {
      const isValue = i > 0 && /^--?[^=]+$/.test(args[i - 1]!);
      const file = path.resolve(root, arg);
      if (arg.startsWith('-')) flags.push(arg);
      else if (existsSync(file)) paths.push(path.relative(root, file));
      else if (isValue) flags.push(arg);
      else this.fail(`no such file or directory: ${arg}`);
    }
    this.paths = paths;
    this.flags = flags;
  }

  /** Those of these files that are meant: all where no PATH was named. Ends the process when there are none. */
  chosen(files: readonly string[]): string[] {
    const sorted = [...files].sort();
    const { paths } = this;
    const chosen = paths.length === 0 ? sorted : sorted.filter(file => paths.some(wanted => isWithin(file, wanted)));
    if (chosen.length === 0) this.fail(`no test files in ${paths.join(', ') || 'test'}`);
    return chosen;
  }

  /**
   * Runs the phases, prints the sum of what they counted and resolves with the exit code.
   * What still runs after `budgetMs` is ended and fails; `flags` of the group go to `node --test` before the user's.
   */
  async run(
    phases: readonly Phase[],
    budgetMs = Number.POSITIVE_INFINITY,
    flags: readonly string[] = [],
  ): Promise<number> {
    const startedAt = performance.now();
    let exitCode = 0;
    for (const phase of phases) {
      if (phase.files.length === 0 || this.isInterrupted) continue;
      console.log(`\n# ${phase.name} tests: ${phase.files.length} files`);
      const code = await this.runPhase(phase, budgetMs - (performance.now() - startedAt), flags);
      if (code !== 0) exitCode = code;
    }
    const { totals } = this;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(
      `\ntotal: ${totals.tests} tests, ${totals.pass} passed, ${totals.fail + totals.cancelled} failed, ` +
        `${totals.skipped} skipped, in ${seconds} s`,
    );
    if (exitCode === 0 && totals.tests === 0) this.fail('no test ran');
    return exitCode;
  }

  fail(message: string): never {
    console.error(`${this.command}: ${message}`);
    process.exit(1);
  }

  /** Runs the files of a phase, adds what it counted to the totals and resolves with the exit code. */
  private runPhase(phase: Phase, budgetMs: number, flags: readonly string[]): Promise<number> {
    const silenceMs = phase.timeoutMs + SILENCE_GRACE_MS;
    const args = [
      '--test',
      '--test-reporter=spec',
      `--test-concurrency=${phase.concurrency}`,
      `--test-timeout=${phase.timeoutMs}`,
      ...flags,
      ...this.flags,
      ...phase.files,
    ];
    const env = { ...process.env };
    env.NODE_COMPILE_CACHE ??= COMPILE_CACHE;
    if (process.stdout.isTTY) env.FORCE_COLOR = '1';
    // A process group of its own, to be ended as a whole; what tests have started ends with its test process.
    const child = spawn(process.execPath, args, {
      cwd: root,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = child.pid!;
    const forward = (signal: NodeJS.Signals) => {
      this.isInterrupted = true;
      process.kill(-pid, signal);
    };
    for (const signal of FORWARDED) process.on(signal, forward);
    const end = (reason: string) => {
      console.log(`\n${this.command}: ${reason}. Still running: ${filesRunning(pid).join(', ')}`);
      process.kill(-pid, 'SIGTERM');
    };
    const silence = setTimeout(() => end(`nothing came for ${silenceMs / 1000} s`), silenceMs);
    const budget = Number.isFinite(budgetMs)
      ? setTimeout(
          () => {
            this.isInterrupted = true;
            end('it took longer than it may');
          },
          Math.max(budgetMs, 0),
        )
      : undefined;

    let line = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      silence.refresh();
      process.stdout.write(text);
      const lines = (line + text).split('\n');
      line = lines.pop()!;
      for (const each of lines) this.count(each);
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', code => {
        clearTimeout(silence);
        clearTimeout(budget);
        for (const signal of FORWARDED) process.off(signal, forward);
        resolve(code ?? 1);
      });
    });
  }

  /** Takes a summary line of the spec reporter, such as "ℹ pass 12". */
  private count(line: string): void {
    const match = /^ℹ (tests|pass|fail|cancelled|skipped) (\d+)$/.exec(stripVTControlCharacters(line));
    if (match !== null) this.totals[match[1] as keyof Totals] += Number(match[2]);
  }
}

/** Test files that children of the runner are at (Linux). */
function filesRunning(runner: number): string[] {
  return childPids(runner).map(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').at(-2) ?? '');
}

function isWithin(file: string, wanted: string): boolean {
  if (wanted === '' || file === wanted) return true;
  return statSync(path.join(root, wanted)).isDirectory() && file.startsWith(`${wanted}${path.sep}`);
}
