import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child, childPids, type Exit, run, temporaryDirectory } from './child.ts';
import { waitFor } from './wait-for.ts';

export interface RingmasterOptions {
  /** The text of the config file. */
  readonly config: string;
  /** A file that is there, which is used as it is; then `config` is of no use. */
  readonly configFile?: string;
  /** -p, another file than the one that this makes. One that is there stays, and is empty or names a process that is gone. */
  readonly pidFile?: string;
  /** -w */
  readonly workers?: number;
  /** Further flags. */
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** The program, src/main.ts unless a built or installed one is meant. */
  readonly entry?: string;
  /** `ulimit -n` of all its processes. */
  readonly openFiles?: number;
  /** A FIFO that gets its standard error. */
  readonly stderrFifo?: string;
  /** How long it may take until every listener accepts. */
  readonly startTimeoutMs?: number;
}

/** A running Ringmaster: the master and its workers. */
export interface Ringmaster {
  /** The master's. */
  readonly pid: number;
  readonly configFile: string;
  readonly pidFile: string;
  /** Living children of the master, ascending. */
  workerPids(): number[];
  /** Standard output and error so far. */
  stdout(): string;
  stderr(): string;
  /** From now on nobody reads its standard error: the pipe fills up. */
  pauseStderr(): void;
  resumeStderr(): void;
  /** How the master ended, or null while it runs. */
  exited(): Exit | null;
  /** Puts another text into the config file; the daemon is not told. */
  writeConfig(text: string): void;
  /** Sends the master a signal. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the master has ended by itself. */
  exit(timeoutMs?: number): Promise<Exit>;
  /** Resolves once `ready` is true, asked at each piece of output; fails with the output. */
  until(ready: () => boolean | Promise<boolean>, what: string, timeoutMs?: number): Promise<void>;
  /** TERM, and the assertion that it exits with code 0 and leaves no pid file. */
  stop(timeoutMs?: number): Promise<void>;
  /** SIGKILL to the master and its workers. */
  kill(): Promise<void>;
  /** SIGKILL to one of its workers, once there is one that was not killed before. (A busy machine is late to end them.) */
  killWorker(): Promise<void>;
  /** SIGKILL to the master alone. */
  killMaster(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Starts Ringmaster; resolves when its pid file is there, which is written once every listener accepts. */
export async function startRingmaster(options: RingmasterOptions): Promise<Ringmaster> {
  const dir = temporaryDirectory('daemon');
  const configFile = options.configFile ?? path.join(dir, 'ringmaster.yml');
  const pidFile = options.pidFile ?? path.join(dir, 'ringmaster.pid');
  if (options.configFile === undefined) writeFileSync(configFile, options.config);
  if (options.pidFile === undefined) rmSync(pidFile, { force: true });
  const args = [options.entry ?? MAIN, '-c', configFile, '-p', pidFile];
  if (options.workers !== undefined) args.push('-w', String(options.workers));
  args.push(...(options.args ?? []));

  const { openFiles, stderrFifo } = options;
  const limit = openFiles === undefined ? '' : `ulimit -n ${openFiles} && `;
  // Read-write: to open it for writing alone would wait for a reader.
  const redirect = stderrFifo === undefined ? '' : ` 2<>'${stderrFifo}'`;
  const command = limit + redirect === '' ? [] : ['/bin/sh', '-c', `${limit}exec "$0" "$@"${redirect}`];
  const [program, ...rest] = [...command, process.execPath, ...args] as [string, ...string[]];
  const child = new Child(program, rest, { env: childEnvironment(options.env) });
  try {
    // It is there for a moment before its text is.
    const isWritten = () => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '';
    await child.until(isWritten, 'the pid file', options.startTimeoutMs ?? 30_000);
  } catch (error) {
    await child.kill();
    throw error;
  }
  assert.equal(readFileSync(pidFile, 'utf8').trim(), String(child.pid), 'the pid file names the master');

  const killed = new Set<number>();
  return {
    pid: child.pid,
    configFile,
    pidFile,
    workerPids: () => childPids(child.pid),
    stdout: () => child.stdout(),
    stderr: () => child.stderr(),
    pauseStderr: () => child.pauseStderr(),
    resumeStderr: () => child.resumeStderr(),
    exited: () => child.exited,
    writeConfig: text => writeFileSync(configFile, text),
    signal: signal => child.signal(signal),
    exit: timeoutMs => child.exit(timeoutMs),
    until: (ready, what, timeoutMs) => child.until(ready, what, timeoutMs),
    async stop(timeoutMs) {
      const exit = await child.stop(timeoutMs);
      assert.deepEqual(exit, { code: 0, signal: null }, `an exit after SIGTERM with code 0\n${child.diagnosis()}`);
      assert.equal(existsSync(pidFile), false, 'the pid file is removed on exit');
    },
    kill: async () => void (await child.kill()),
    async killWorker() {
      const another = () => childPids(child.pid).find(pid => !killed.has(pid));
      const pid = await waitFor(another, { what: 'a worker' });
      killed.add(pid);
      process.kill(pid, 'SIGKILL');
    },
    async killMaster() {
      child.signal('SIGKILL');
      await child.exit();
    },
  };
}

/** Starts Ringmaster on this text and does not wait for it. */
export function launchRingmaster(config: string): Child {
  return new Child(process.execPath, [MAIN, '-c', writeConfigFile(config)], { env: childEnvironment() });
}

/** Runs `ringmaster ARGS…` to its end: the one-shot commands, and starts that must fail. */
export async function runRingmaster(
  args: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly entry?: string;
    readonly timeoutMs?: number;
    /** Standard input. */
    readonly input?: string;
  } = {},
): Promise<Exit & { stdout: string; stderr: string }> {
  const { timeoutMs = 30_000, input = '' } = options;
  const env = childEnvironment(options.env);
  return run(process.execPath, [options.entry ?? MAIN, ...args], { env, timeoutMs, input });
}

/** Writes a config file that is removed when the test process ends; returns its path. */
export function writeConfigFile(text: string): string {
  const file = path.join(temporaryDirectory('config'), 'ringmaster.yml');
  writeFileSync(file, text);
  return file;
}

// A test file runs with the runner's own variables, which would make the daemon believe it is a test too.
function childEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...rest } = process.env;
  return { ...rest, ...extra };
}
