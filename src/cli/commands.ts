import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addDoorOptions, type DoorFlags } from './admin-door.ts';
import { checkFile } from './check.ts';
import { addClientCommands } from './clients.ts';
import { addCompletion } from './completion.ts';
import { askReload, askRestart, type ControlOptions, type ControlOutcome } from './control.ts';
import { runDaemonCommand } from './daemon-command.ts';
import { diffFiles } from './diff.ts';
import { addHashPassword } from './hash-password.ts';
import type { SizedKey } from './key-spread.ts';
import { addLimitsCommand } from './limits.ts';
import { print } from './print.ts';
import { addReshardCommands } from './reshard.ts';
import { poolsOf, routeKeys } from './route.ts';
import { addSettingsCommands, DIFFERENCES } from './settings.ts';
import { SHOWN, show } from './show.ts';
import { sizedKeys, spreadText } from './spread.ts';
import { addStateCommands } from './state.ts';
import { addSteeringCommands } from './steering.ts';
import { addTopologyCommand } from './topology.ts';
import { addUpgrade } from './upgrade.ts';
import { UsageError } from './usage-error.ts';
import { addUsersCommand } from './users.ts';

/** Adds the one-shot commands. Each prints its answer to standard output and sets the exit code. */
export function addCommands(program: Command): void {
  program
    .command('check')
    .allowExcessArguments(false)
    .description('check a configuration file, and say what is probably not meant')
    .argument('<file>', 'configuration file, in either form')
    .option('--strict', 'let warnings fail: exit code 1', false)
    .option('--online', 'ask the servers, too: exit code 1 for what is not there, or not as the file says', false)
    .option('--json', 'for programs', false)
    .action(async (file: string, flags: { strict: boolean; online: boolean; json: boolean }) => {
      const { json: asJson, strict: isStrict, online: isOnline } = flags;
      const { text, exitCode } = await checkFile(file, { asJson, isStrict, isOnline });
      await print(text);
      process.exitCode = exitCode;
    });

  program
    .command('route')
    .description('say which server each key goes to, and why')
    .argument('[key...]', 'keys; - reads them from standard input, one per line')
    .addOption(new Option('-c, --conf-file <file>', "configuration file (default: the daemon's)"))
    .option('--pool <name>', 'in this pool only (default: in all)')
    .option('--base64', 'the keys are given in base64', false)
    .option('--spread <file>', 'how the keys of a file, one per line, spread over the servers; - for standard input')
    .option('--sizes', 'with --spread: each line ends in a space and the bytes of the value', false)
    .option('--online', 'ask clusters who has the slots of the keys', false)
    .option('--json', 'for programs', false)
    .action(async (words: string[], _flags: object, command: Command) => {
      // Also `ringmaster -c FILE route KEY`.
      const flags = command.optsWithGlobals<RouteFlags>();
      const confFile = command.opts<{ confFile?: string }>().confFile ?? flags.confFile;
      const { spread } = flags;
      if ((spread === undefined) === (words.length === 0)) throw new UsageError('give either keys or --spread FILE');
      if (spread !== undefined) {
        const pools = poolsOf(confFile, flags.pool ?? null);
        await print(spreadText(pools, listedKeys(spread, flags.base64, flags.sizes), flags.json));
        return;
      }
      const keys = keysOf(words, flags.base64);
      const options = { confFile, pool: flags.pool ?? null, asJson: flags.json, isOnline: flags.online };
      await print(await routeKeys(options, keys));
    });

  const diff = program
    .command('diff')
    .allowExcessArguments(false)
    .description('say what a new configuration file would change, and which keys would move')
    .argument('[old]', 'the file in use')
    .argument('[new]', 'the file to come')
    .option('--running', 'say instead in what a running daemon differs from its file', false)
    .addOption(new Option('-c, --conf-file <file>', "with --running: its configuration file (default: the daemon's)"))
    .option('--json', 'for programs', false);
  addDoorOptions(diff, "with --running: its admin address (default: the file's)").action(
    async (oldFile: string | undefined, newFile: string | undefined, _flags: object, command: Command) => {
      const flags = command.opts<{ json: boolean; running: boolean }>();
      if (flags.running && oldFile === undefined) return runDaemonCommand(command, DIFFERENCES);
      if (oldFile === undefined || newFile === undefined)
        throw new UsageError('a file is missing: give two, or --running');
      await print(diffFiles(oldFile, newFile, flags.json));
    },
  );

  for (const shown of SHOWN) addShown(program, shown);

  addSettingsCommands(program);
  addSteeringCommands(program);
  addStateCommands(program);
  addTopologyCommand(program);
  addClientCommands(program);
  addUsersCommand(program);
  addLimitsCommand(program);
  addReshardCommands(program);

  addControl(program, 'reload', 'have the running daemon read its configuration file again', askReload);
  addControl(program, 'restart-workers', 'have the running daemon replace its workers one by one', askRestart);
  addUpgrade(program);
  addHashPassword(program);
  addCompletion(program);
}

interface RouteFlags {
  readonly confFile: string;
  readonly pool?: string;
  readonly base64: boolean;
  readonly json: boolean;
  readonly online: boolean;
  readonly spread?: string;
  readonly sizes: boolean;
}

function addShown(program: Command, shown: (typeof SHOWN)[number]): void {
  const command = program
    .command(shown.name)
    .allowExcessArguments(false)
    .description(`${shown.about}; a running daemon is asked at its admin address`)
    .addOption(new Option('-c, --conf-file <file>', "its configuration file (default: the daemon's)"))
    .option('--pool <name>', 'in this pool only (default: in all)')
    .option('-n, --count <number>', 'entries of each list', parseEntries, 20)
    .option('--json', 'for programs', false);
  addDoorOptions(command).action(async (_flags: object, command: Command) => {
    const own = command.opts<DoorFlags & { confFile?: string; pool?: string; count: number; json: boolean }>();
    const { text, exitCode } = await show(shown, {
      // Also `ringmaster -c FILE slowlog`.
      confFile: own.confFile ?? command.optsWithGlobals<{ confFile: string }>().confFile,
      door: own,
      pool: own.pool ?? null,
      count: own.count,
      asJson: own.json,
    });
    await print(text);
    process.exitCode = exitCode;
  });
}

function parseEntries(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > 1000) throw new InvalidArgumentError('From 1 to 1000.');
  return count;
}

function addControl(
  program: Command,
  name: string,
  description: string,
  ask: (options: ControlOptions) => Promise<ControlOutcome>,
): void {
  const command = program
    .command(name)
    .description(`${description}: over its admin address, or by a signal`)
    .addOption(new Option('-c, --conf-file <file>', "its configuration file (default: the daemon's)"))
    .option('-p, --pid-file <file>', 'send a signal to the process in this file, instead of a request')
    .option('--json', 'for programs', false);
  addDoorOptions(command).action(async (_flags: object, command: Command) => {
    // Also `ringmaster -c FILE reload`.
    const global = command.optsWithGlobals<{ confFile: string; pidFile?: string }>();
    const own = command.opts<DoorFlags & { confFile?: string; pidFile?: string; json: boolean }>();
    const { text, exitCode } = await ask({
      confFile: own.confFile ?? global.confFile,
      door: own,
      pidFile: own.pidFile ?? global.pidFile ?? null,
      asJson: own.json,
    });
    await print(text);
    process.exitCode = exitCode;
  });
}

function keysOf(words: readonly string[], isBase64: boolean): Buffer[] {
  const read = (bytes: Buffer) => (isBase64 ? fromBase64(bytes.toString('latin1')) : bytes);
  return words.flatMap(word => (word === '-' ? linesOf(readFileSync(0)).map(read) : [read(Buffer.from(word))]));
}

function listedKeys(file: string, isBase64: boolean, hasSizes: boolean): SizedKey[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new UsageError(`cannot read the keys of ${file}: ${(error as Error).message}`);
  }
  const keys = sizedKeys(linesOf(bytes), hasSizes);
  return isBase64 ? keys.map(each => ({ ...each, key: fromBase64(each.key.toString('latin1')) })) : keys;
}

/** Without their line feeds; the last line may lack it. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  if (start < bytes.length) lines.push(bytes.subarray(start));
  return lines;
}

function fromBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64').replaceAll('=', '') !== text.trim().replace(/=+$/, '')) {
    throw new UsageError(`"${text}" is not base64`);
  }
  return bytes;
}
