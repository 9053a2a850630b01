// Child processes of tests and of the demo. None of them outlives the process that started it:
//   normal end, exception, SIGINT, SIGTERM, SIGHUP   the exit hook kills each child's process group
//   kill -9 of the parent                            the kernel does it (PR_SET_PDEATHSIG, where setpriv is there)
// A child that runs does not hold the event loop open; waiting for its exit or its output does.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { within } from './wait-for.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const OUTPUT_LIMIT_BYTES = 1 << 20;
const SETPRIV = '/usr/bin/setpriv';

const groups = new Set<number>();
const directories = new Set<string>();
let isHookSet = false;

function setExitHook(): void {
  if (isHookSet) return;
  isHookSet = true;
  process.on('exit', () => {
    for (const pid of groups) killGroup(pid);
    for (const dir of directories) rmSync(dir, { recursive: true, force: true });
    // What node does next, closing all handles, goes on for ever now and then where a socket was reset (26.10): a test process
    // that has told everything then looks as if it hung.
    (process as unknown as { reallyExit(code: number): never }).reallyExit(Number(process.exitCode ?? 0));
  });
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    // A program that handles the signal itself decides itself when to leave.
    process.once(signal, () => process.listenerCount(signal) === 0 && process.exit(code));
  }
}

function killGroup(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}

/** Has `pid`, which a test started in some roundabout way (a daemon), killed when the test process ends. */
export function killAtExit(pid: number): void {
  setExitHook();
  groups.add(pid);
}

/** A new empty directory that is removed when this process ends. */
export function temporaryDirectory(name: string): string {
  setExitHook();
  const dir = mkdtempSync(path.join(tmpdir(), `ringmaster-${name}-`));
  directories.add(dir);
  return dir;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie still has its pid: dead, only not yet reaped by its parent.
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Pids of the living direct children of `parent`, in ascending order (Linux). */
export function childPids(parent: number): number[] {
  const found: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(ppid) === parent && state !== 'Z' && state !== 'X') found.push(Number(entry));
    } catch {
      // It ended while we looked.
    }
  }
  return found.sort((a, b) => a - b);
}

/** One child process, its own process group leader, with its collected output. */
export class Child {
  readonly pid: number;
  readonly stdin: NodeJS.WritableStream;
  private readonly name: string;
  private readonly proc: ChildProcess;
  private readonly ended = Promise.withResolvers<Exit>();
  private endedWith: Exit | null = null;
  private out = '';
  private err = '';
  private watchers: (() => void)[] = [];

  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    setExitHook();
    this.name = path.basename(command);
    const wrapped = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', '--', command, ...args] : [command, ...args];
    this.proc = spawn(wrapped[0]!, wrapped.slice(1), {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.stdin = this.proc.stdin!;
    this.proc.stdin!.on('error', () => {});
    if (this.proc.pid === undefined) {
      this.proc.once('error', () => {});
      throw new Error(`cannot start ${command}: is it installed?`);
    }
    this.pid = this.proc.pid;
    groups.add(this.pid);
    this.proc.stdout!.setEncoding('utf8').on('data', text => {
      this.out = (this.out + text).slice(-OUTPUT_LIMIT_BYTES);
      this.tell();
    });
    this.proc.stderr!.setEncoding('utf8').on('data', text => {
      this.err = (this.err + text).slice(-OUTPUT_LIMIT_BYTES);
      this.tell();
    });
    // 'close' and not 'exit': by then all output has been read.
    this.proc.once('exit', (code, signal) => {
      this.endedWith = { code, signal };
      groups.delete(this.pid);
      this.tell();
    });
    this.proc.once('close', () => this.ended.resolve(this.endedWith!));
    this.hold(false);
  }

  /** Standard output so far (its last MiB). */
  stdout(): string {
    return this.out;
  }

  /** Standard error so far (its last MiB). */
  stderr(): string {
    return this.err;
  }

  /** How it ended, or null while it runs. */
  get exited(): Exit | null {
    return this.endedWith;
  }

  /** Resolves when the process has ended and its output is complete; rejects when it has not after `timeoutMs`. */
  async exit(timeoutMs = 30_000): Promise<Exit> {
    this.hold(true);
    try {
      return await within(this.ended.promise, { what: `the end of ${this.describe()}`, timeoutMs });
    } finally {
      this.hold(false);
    }
  }

  /**
   * Resolves once `ready` is true; it is asked at every piece of output and every `everyMs`.
   * Rejects with the child's output when the child ends first or `timeoutMs` pass.
   */
  async until(ready: () => boolean | Promise<boolean>, what: string, timeoutMs = 30_000, everyMs = 10): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    this.hold(true);
    try {
      while (!(await ready())) {
        if (this.endedWith !== null) {
          await this.ended.promise;
          throw new Error(`${this.describe()} ended (${this.endedWith.signal ?? this.endedWith.code}) before ${what}`);
        }
        if (performance.now() > deadline)
          throw new Error(`no sign of ${what} after ${timeoutMs} ms: ${this.describe()}`);
        await this.news(everyMs);
      }
    } catch (cause) {
      throw new Error(`${(cause as Error).message}\n${this.diagnosis()}`);
    } finally {
      this.hold(false);
    }
  }

  /** From now on nobody reads its standard error: the pipe fills up. */
  pauseStderr(): void {
    this.proc.stderr!.pause();
  }

  resumeStderr(): void {
    this.proc.stderr!.resume();
  }

  signal(signal: NodeJS.Signals): void {
    if (this.endedWith === null) process.kill(this.pid, signal);
  }

  /** SIGTERM, then waits for the end. Rejects when it takes longer than `timeoutMs`, after having killed it. */
  async stop(timeoutMs = 30_000): Promise<Exit> {
    this.signal('SIGTERM');
    try {
      return await this.exit(timeoutMs);
    } catch (error) {
      await this.kill();
      throw new Error(`${(error as Error).message}\n${this.diagnosis()}`);
    }
  }

  /** SIGKILL to the whole process group (a master and its workers), then waits for the end. */
  async kill(): Promise<Exit> {
    if (this.endedWith === null) killGroup(this.pid);
    return this.exit();
  }

  /** The ends of its output, for a failing assertion. */
  diagnosis(): string {
    return `--- stdout of ${this.name}\n${this.out.slice(-4000)}\n--- stderr of ${this.name}\n${this.err.slice(-4000)}`;
  }

  private describe(): string {
    return `${this.name} (pid ${this.pid})`;
  }

  private tell(): void {
    const watchers = this.watchers;
    this.watchers = [];
    for (const watcher of watchers) watcher();
  }

  private news(everyMs: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, everyMs);
      this.watchers.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private hold(isHeld: boolean): void {
    const method = isHeld ? 'ref' : 'unref';
    this.proc[method]();
    for (const stream of this.proc.stdio) (stream as { ref?(): void; unref?(): void } | null)?.[method]?.();
  }
}

/** Runs a command to its end and returns how it ended with all it printed. Rejects after `timeoutMs`. */
export async function run(
  command: string,
  args: readonly string[],
  options: ChildOptions & { readonly timeoutMs?: number; readonly input?: string } = {},
): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  const child = new Child(command, args, options);
  child.stdin.end(options.input ?? '');
  try {
    const exit = await child.exit(options.timeoutMs ?? 30_000);
    return { ...exit, stdout: child.stdout(), stderr: child.stderr() };
  } catch (error) {
    await child.kill();
    throw new Error(`${(error as Error).message}\n${child.diagnosis()}`);
  }
}
