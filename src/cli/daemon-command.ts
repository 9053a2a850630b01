import { type Command, Option } from 'commander';
import { addDoorOptions, askDaemon, type DoorFlags, doorOf } from './admin-door.ts';
import type { ControlOutcome } from './control.ts';
import { print } from './print.ts';
import { outcomeOf } from './show.ts';

/** A request to the API of a running daemon. */
export interface DaemonRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  /** The answer for people. */
  text(answer: never): string;
}

/** What `addDaemonCommand` gave each of them. */
export interface DaemonFlags extends DoorFlags {
  readonly confFile?: string;
  readonly json: boolean;
}

/** Adds a command that asks a running daemon at its admin address; its action is still to be given. */
export function addDaemonCommand(program: Command, usage: string, description: string): Command {
  const command = program
    .command(usage)
    .allowExcessArguments(false)
    .description(`${description}; a running daemon is asked at its admin address`)
    .addOption(new Option('-c, --conf-file <file>', "its configuration file (default: the daemon's)"))
    .option('--json', 'for programs', false);
  return addDoorOptions(command);
}

/** Asks, and prints the answer. Throws a UsageError or ConfigError. */
export async function runDaemonCommand(command: Command, request: DaemonRequest): Promise<void> {
  const { text, exitCode } = await outcome(command, request);
  await print(text);
  process.exitCode = exitCode;
}

/** What is at `path`, as the daemon has it. Throws a UsageError or ConfigError, also with what it says against it. */
export async function askPath(command: Command, path: string): Promise<string> {
  const { status, body } = await asked(command, 'GET', path);
  return status === 200 ? body : outcomeOf(status, body, false, () => body).text;
}

async function outcome(command: Command, { method, path, body, text }: DaemonRequest): Promise<ControlOutcome> {
  const answer = await asked(command, method, path, body);
  return outcomeOf(answer.status, answer.body, command.opts<DaemonFlags>().json, text);
}

function asked(command: Command, method: DaemonRequest['method'], path: string, body?: object) {
  const own = command.opts<DaemonFlags>();
  // Also `ringmaster -c FILE get`.
  const confFile = own.confFile ?? command.optsWithGlobals<{ confFile: string }>().confFile;
  return askDaemon(method, doorOf(confFile, own), path, body);
}
