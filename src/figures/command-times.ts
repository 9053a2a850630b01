import { Histogram } from './histogram.ts';

/** What the requests of one command took, in one pool and worker, since it was last reported. */
export class CommandTimes {
  readonly name: string;
  readonly total = new Histogram();

  constructor(name: string) {
    this.name = name;
  }
}

/** The commands that a pool has seen, by the names of the protocol's table, of which there are some hundreds. */
export class PoolCommands {
  private readonly byName = new Map<string, CommandTimes>();
  private last: CommandTimes | null = null;

  of(name: string): CommandTimes {
    const { last } = this;
    if (last !== null && last.name === name) return last;
    let command = this.byName.get(name);
    if (command === undefined) {
      command = new CommandTimes(name);
      this.byName.set(name, command);
    }
    this.last = command;
    return command;
  }

  all(): Iterable<CommandTimes> {
    return this.byName.values();
  }
}
