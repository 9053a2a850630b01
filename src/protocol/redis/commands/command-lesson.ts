import type { Lesson } from '../../lesson.ts';
import { COMMANDS_REQUEST } from '../server-requests.ts';
import type { CommandRow } from './command-data.ts';
import { MAX_COMMAND_REPLY_BYTES, rowsOfReply } from './command-reply.ts';
import type { PoolCommands } from './command-rules.ts';

/**
 * What the servers' COMMAND says of commands that the table does not have. What they say differently of one is not believed: it
 * stays unknown.
 */
export class CommandLesson implements Lesson {
  readonly request = COMMANDS_REQUEST;
  readonly maxReplyBytes = MAX_COMMAND_REPLY_BYTES;
  isDue: boolean;
  private readonly commands: PoolCommands;
  private said: Said | null = null;

  /** `before`: of the same pool, by other rules; what was learned by it stays known. */
  constructor(commands: PoolCommands, isWanted: boolean, before: CommandLesson | null) {
    this.commands = commands;
    this.isDue = isWanted;
    if (isWanted && before?.said) this.takeOver(before.said);
  }

  learn(replies: readonly Buffer[]): void {
    const lists = replies.map(rowsOfReply).filter(rows => rows !== null);
    if (lists.length > 0) this.takeOver(compare(lists));
  }

  private takeOver(said: Said): void {
    this.said = said;
    this.commands.learn(said.rows, said.disputed);
  }
}

interface Said {
  /** Each command once. */
  readonly rows: readonly CommandRow[];
  /** The names of those of which servers say different things. */
  readonly disputed: ReadonlySet<string>;
}

function compare(lists: readonly (readonly CommandRow[])[]): Said {
  const byName = new Map<string, CommandRow>();
  const disputed = new Set<string>();
  for (const row of lists.flat()) {
    const [name] = row;
    const known = byName.get(name);
    if (known === undefined) byName.set(name, row);
    else if (!disputed.has(name) && JSON.stringify(known) !== JSON.stringify(row)) disputed.add(name);
  }
  return { rows: [...byName.values()], disputed };
}
