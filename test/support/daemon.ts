import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Exit, isAlive, killAtExit, temporaryDirectory } from './child.ts';
import { runRingmaster } from './ringmaster.ts';
import { waitFor } from './wait-for.ts';

/** The variable by which all processes of one start are found again, whoever their parent is. */
const TAG = 'RINGMASTER_TEST_TAG';

export interface DaemonStart {
  /** How the command that started it ended, and what it printed. */
  readonly result: Exit & { readonly stdout: string; readonly stderr: string };
  readonly configFile: string;
  readonly pidFile: string;
  readonly logFile: string;
  /** Living processes of this start: the master and its workers. */
  pids(): number[];
  /** What the pid file says. */
  masterPid(): number;
  log(): string;
  /** Entries of the log with this message. */
  entries(message: string): Record<string, unknown>[];
  /** Resolves when none of its processes is left. */
  gone(): Promise<void>;
}

/** Runs `ringmaster -d` on this text; resolves when the command has ended, however it did. */
export async function startDaemon(
  config: string,
  options: { readonly pidFile?: string; readonly logFile?: string; readonly args?: readonly string[] } = {},
): Promise<DaemonStart> {
  const dir = temporaryDirectory('daemon');
  const configFile = path.join(dir, 'ringmaster.yml');
  const { pidFile = path.join(dir, 'pid'), logFile = path.join(dir, 'log'), args = [] } = options;
  writeFileSync(configFile, config);
  const tag = randomUUID();
  const pids = () => taggedPids(tag);
  const result = await runRingmaster(['-d', '-c', configFile, '-p', pidFile, '-o', logFile, ...args], {
    env: { [TAG]: tag },
  });
  for (const pid of pids()) killAtExit(pid);
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
  return {
    result,
    configFile,
    pidFile,
    logFile,
    pids,
    masterPid: () => Number(readFileSync(pidFile, 'utf8')),
    log,
    entries: message => entriesOf(log(), message),
    gone: () => waitFor(() => pids().length === 0, { what: 'the end of the daemon' }).then(() => {}),
  };
}

/** The lines of a log, but for the last one while only a part of it is there. */
export function entries(log: string): Record<string, unknown>[] {
  const lines = log
    .split('\n')
    .slice(0, -1)
    .filter(line => line !== '');
  return lines.map(line => JSON.parse(line) as Record<string, unknown>);
}

/** Those with this message. */
export function entriesOf(log: string, message: string): Record<string, unknown>[] {
  return entries(log).filter(({ msg }) => msg === message);
}

function taggedPids(tag: string): number[] {
  const found: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const environment = readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0');
      if (environment.includes(`${TAG}=${tag}`) && isAlive(Number(entry))) found.push(Number(entry));
    } catch {
      // Another user's, or it ended while we looked.
    }
  }
  return found;
}

/** The session of a process: field 6 of its stat. */
export function sessionOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
}
