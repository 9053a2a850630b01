// The command table: every command and subcommand that Redis, Valkey and Redis's modules have published, found by the bytes of
// the name in any case without making a string of them. A pool adds what it is told or learns: command-rules.ts.
import { Command, CommandIndex } from './command.ts';
import { COMMAND_ROWS } from './command-data.ts';

export const COMMANDS: readonly Command[] = COMMAND_ROWS.map((row, id) => new Command(id, row));

/** The commands that are no subcommands. */
export const TOP_COMMANDS: readonly Command[] = COMMANDS.filter(command => !command.name.includes('|'));

/** The table by the first argument's bytes. */
export const COMMAND_INDEX = new CommandIndex(TOP_COMMANDS);

joinContainers(COMMANDS);

/** Gives each container among `commands` its subcommands. */
export function joinContainers(commands: readonly Command[]): void {
  const byContainer = Map.groupBy(commands, ({ name }) => name.slice(0, Math.max(0, name.indexOf('|'))));
  for (const command of commands) {
    const own = command.name.includes('|') ? undefined : byContainer.get(command.name);
    if (own !== undefined) command.contain(own);
  }
}

/** See `Protocol.commandsOf`. A command that no table knows, as a pool declares or learns it, has its own name. */
export function commandsOf(word: string): readonly string[] {
  if (!word.startsWith('@')) {
    const found = COMMANDS.filter(({ name }) => name === word || name.startsWith(`${word}|`));
    return found.length === 0 ? [word] : found.map(({ name }) => name);
  }
  const category = word.slice(1);
  return COMMANDS.filter(({ categories }) => category === 'all' || categories.split(' ').includes(category)).map(
    ({ name }) => name,
  );
}

/** Stands where no command was found. */
export const UNKNOWN_COMMAND_NAME = 'unknown';
