import { addressText, type FixedAddress } from '../config/address.ts';
import { askDaemon, type DoorFlags, doorOf, readTextFile } from './admin-door.ts';
import { type Answer, reloadText, restartText } from './control-text.ts';
import { UsageError } from './usage-error.ts';

export interface ControlOptions {
  readonly confFile: string;
  readonly door: DoorFlags;
  /** Send a signal to the process named there, instead of a request. */
  readonly pidFile: string | null;
  readonly asJson: boolean;
}

/** What to print, and the exit code: 0 done, 1 not. */
export interface ControlOutcome {
  readonly text: string;
  readonly exitCode: 0 | 1;
}

interface Action {
  readonly path: string;
  readonly signal: NodeJS.Signals;
  readonly signalText: string;
  /** The answer of the daemon for people. */
  text(answer: Answer): string;
}

const RELOAD: Action = {
  path: '/-/reload',
  signal: 'SIGHUP',
  signalText: 'told to reload; whether it did stands in its log',
  text: reloadText,
};
const RESTART: Action = {
  path: '/-/restart-workers',
  signal: 'SIGUSR2',
  signalText: 'told to replace its workers; how that goes stands in its log',
  text: restartText,
};

/** `ringmaster reload`. Throws a UsageError or ConfigError when it can't even ask. */
export function askReload(options: ControlOptions): Promise<ControlOutcome> {
  return ask(RELOAD, options);
}

/** `ringmaster restart-workers`. Throws a UsageError or ConfigError when it can't even ask. */
export function askRestart(options: ControlOptions): Promise<ControlOutcome> {
  return ask(RESTART, options);
}

async function ask(action: Action, options: ControlOptions): Promise<ControlOutcome> {
  if (options.pidFile !== null) return signal(action, options.pidFile, options.asJson);
  const door = doorOf(options.confFile, options.door);
  const { status, body } = await askDaemon('POST', door, action.path);
  const answer = parseAnswer(body, door.address);
  const exitCode = status === 200 ? 0 : 1;
  return { text: options.asJson ? body : action.text(answer), exitCode };
}

function signal({ signal: name, signalText }: Action, pidFile: string, asJson: boolean): ControlOutcome {
  const pid = readPid(pidFile);
  try {
    process.kill(pid, name);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'there is no such process' : 'not permitted';
    throw new UsageError(`cannot signal process ${pid} of ${pidFile}: ${why}`);
  }
  const text = asJson ? JSON.stringify({ result: 'signalled', pid, signal: name }) : `process ${pid} is ${signalText}`;
  return { text: `${text}\n`, exitCode: 0 };
}

function readPid(pidFile: string): number {
  const text = readTextFile(pidFile).trim();
  const pid = /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
  if (pid < 2) throw new UsageError(`${pidFile} does not hold the number of a process`);
  return pid;
}

function parseAnswer(body: string, address: FixedAddress): Answer {
  try {
    const answer = JSON.parse(body);
    if (typeof answer.result === 'string') return answer;
  } catch {
    // Not JSON: not ours.
  }
  throw new UsageError(`${addressText(address)} is not the admin address of a Ringmaster that knows this command`);
}
