// The commands of a pool by what access rules call them.
import type { Command } from './command.ts';
import type { PoolCommands } from './command-rules.ts';
import { COMMANDS, TOP_COMMANDS } from './command-table.ts';

/** What one word of a rule is about: numbers of commands, see `Command.id`. */
export interface RuleTargets {
  command(name: string): Command | null;
  /** Of those in a category; a container of it is all its subcommands. */
  category(name: string): readonly number[];
}

class CommandNames implements RuleTargets {
  private readonly byName: ReadonlyMap<string, Command>;
  private readonly byCategory = new Map<string, number[]>();

  constructor(tops: readonly Command[]) {
    const all = tops.flatMap(command => [command, ...command.subcommandList]);
    this.byName = new Map(all.map(command => [command.name, command]));
    for (const command of tops) {
      this.take(command, idsOf(command));
      for (const subcommand of command.subcommandList) this.take(subcommand, [subcommand.id]);
    }
  }

  private take({ categories }: Command, ids: readonly number[]): void {
    for (const category of categories.split(' ')) {
      const known = this.byCategory.get(category);
      if (known === undefined) this.byCategory.set(category, [...ids]);
      else known.push(...ids);
    }
  }

  command(name: string): Command | null {
    return this.byName.get(name) ?? null;
  }

  category(name: string): readonly number[] {
    return this.byCategory.get(name) ?? [];
  }
}

/** With those of its subcommands. */
export function idsOf(command: Command): number[] {
  return [command.id, ...command.subcommandList.map(({ id }) => id)];
}

let ofTable: CommandNames | null = null;

/** Made of the commands as they are now; those of the table alone are made once. */
export function ruleTargets(commands: PoolCommands): RuleTargets {
  const tops = commands.topCommands;
  if (tops !== TOP_COMMANDS) return new CommandNames(tops);
  ofTable ??= new CommandNames(TOP_COMMANDS);
  return ofTable;
}

/** One more than the largest `Command.id`. */
export function commandCount(commands: PoolCommands): number {
  return Math.max(COMMANDS.length, commands.routes.length);
}
