// COMMAND and its subcommands: the command table as Redis shows its own, without what clients of this pool cannot use.

import { Glob } from '../../glob.ts';
import type { RequestArgs } from '../request-args.ts';
import { PATTERN_TOO_LONG, SYNTAX_ERROR } from '../request-errors.ts';
import { encodeReply, type ReplyValue, type RespVersion } from '../resp.ts';
import type { RedisSession } from '../session.ts';
import type { Command } from './command.ts';
import { describe, documentation } from './command-description.ts';
import type { PoolCommands } from './command-rules.ts';

type Encoded = Map<Command, Buffer | null>;

export class CommandIntrospection {
  private readonly commands: PoolCommands;
  private revision = 0;
  /** Made when they are asked for: name and documentation, and description, of a command, in each version. */
  private infos: Record<RespVersion, Encoded> = { 2: new Map(), 3: new Map() };
  private documents: Record<RespVersion, Encoded> = { 2: new Map(), 3: new Map() };

  constructor(commands: PoolCommands) {
    this.commands = commands;
  }

  /** COMMAND: everything, about 100 KB. */
  all({ respVersion }: RedisSession): Buffer {
    const infos = this.offered.map(command => this.infoOf(command, respVersion));
    return Buffer.concat([Buffer.from(`*${infos.length}\r\n`), ...infos]);
  }

  /** COMMAND COUNT. */
  count(): Buffer {
    return encodeReply(this.offered.length);
  }

  /** COMMAND INFO [name …]; null for what is unknown or not proxied. */
  info(args: RequestArgs, session: RedisSession): Buffer {
    if (args.count === 2) return this.all(session);
    const nothing = encodeReply(null, session.respVersion);
    const found: Buffer[] = [Buffer.from(`*${args.count - 2}\r\n`)];
    for (let i = 2; i < args.count; i++) {
      const command = this.byName(args.text(i));
      found.push(command === null ? nothing : this.infoOf(command, session.respVersion));
    }
    return Buffer.concat(found);
  }

  /** COMMAND DOCS [name …]; names that are unknown or not proxied are left out. */
  docs(args: RequestArgs, { respVersion }: RedisSession): Buffer {
    let asked: readonly Command[] = this.offered;
    if (args.count > 2) {
      const names = Array.from({ length: args.count - 2 }, (_, i) => this.byName(args.text(i + 2)));
      asked = names.filter(command => command !== null);
    }
    const found = asked.map(command => this.docsOf(command, respVersion)).filter(document => document !== null);
    const header = respVersion === 3 ? `%${found.length}\r\n` : `*${found.length * 2}\r\n`;
    return Buffer.concat([Buffer.from(header), ...found]);
  }

  /** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN glob]. */
  list(args: RequestArgs): Buffer {
    if (args.count === 2) return this.names(() => true);
    if (args.count !== 5 || !args.isWord(2, 'filterby')) return SYNTAX_ERROR;
    const wanted = args.text(4).toLowerCase();
    // Whose module a command is, COMMAND does not say.
    if (args.isWord(3, 'module')) return this.names(() => false);
    if (args.isWord(3, 'aclcat')) return this.names(command => command.categories.split(' ').includes(wanted));
    if (!args.isWord(3, 'pattern')) return SYNTAX_ERROR;
    const glob = Glob.read(wanted);
    return glob === null ? PATTERN_TOO_LONG : this.names(command => glob.matches(command.name));
  }

  private get offered(): readonly Command[] {
    return this.commands.topCommands.filter(command => this.commands.isOffered(command));
  }

  private names(isWanted: (command: Command) => boolean): Buffer {
    const all = this.offered.flatMap(command => [command, ...this.subcommandsOf(command)]);
    return encodeReply(all.filter(isWanted).map(command => command.name));
  }

  private subcommandsOf(command: Command): readonly Command[] {
    return command.subcommandList.filter(each => this.commands.isOffered(each));
  }

  /** `get`, or `config|get`; what has more parts is nothing. */
  private byName(text: string): Command | null {
    const [first, second, ...more] = text.split('|');
    const container = this.find(null, first!);
    const command = second === undefined || container === null ? container : this.find(container, second);
    return more.length === 0 && command !== null && this.commands.isOffered(command) ? command : null;
  }

  private find(container: Command | null, word: string): Command | null {
    const bytes = Buffer.from(word, 'latin1');
    if (container === null) return this.commands.find(bytes, 0, bytes.length);
    return container.subcommands?.find(bytes, 0, bytes.length) ?? null;
  }

  private infoOf(command: Command, version: RespVersion): Buffer {
    return this.encoded(this.infos[version], command, () => describe(command, this.subcommandsOf(command)), version)!;
  }

  /** The command's name and what is written of it. */
  private docsOf(command: Command, version: RespVersion): Buffer | null {
    const make = () => documentation(command, this.subcommandsOf(command));
    const document = this.encoded(this.documents[version], command, make, version);
    return document === null ? null : Buffer.concat([encodeReply(command.name), document]);
  }

  private encoded(
    known: Encoded,
    command: Command,
    make: () => ReplyValue | null,
    version: RespVersion,
  ): Buffer | null {
    if (this.revision !== this.commands.revision) {
      // Servers have told what they have.
      this.revision = this.commands.revision;
      for (const map of [this.infos[2], this.infos[3], this.documents[2], this.documents[3]]) map.clear();
    }
    let bytes = known.get(command);
    if (bytes !== undefined) return bytes;
    const value = make();
    bytes = value === null ? null : encodeReply(value, version);
    known.set(command, bytes);
    return bytes;
  }
}
