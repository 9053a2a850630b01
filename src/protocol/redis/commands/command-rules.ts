// What one pool makes of the command table: what it denies, where it has one server only, what it adds. Requests look up routes
// and refusals by a command's id; names that the table does not have are looked up in a second, mostly empty one.
import type { DeclaredCommand } from '../../declared-traits.ts';
import type { CommandRules, PresentedClusterOptions } from '../../parser-options.ts';
import {
  ROUTE_ALL,
  ROUTE_ANY,
  ROUTE_EVERY,
  ROUTE_LOCAL,
  ROUTE_SAME_SERVER,
  ROUTE_SLOT,
  type Route,
} from '../../routes.ts';
import type { RequestArgs } from '../request-args.ts';
import { errorReply } from '../resp.ts';
import { Command, CommandIndex, KEYS_NONE, MAX_COMMAND_NAME_BYTES, type Origin } from './command.ts';
import type { CommandRow } from './command-data.ts';
import { specOfRange } from './command-families.ts';
import { IN_PRESENTED_CLUSTER, LOCAL, OF_SLOT, refusalText } from './command-policy.ts';
import { COMMAND_INDEX, COMMANDS, joinContainers, TOP_COMMANDS } from './command-table.ts';

const DEFAULTS: CommandRules = {
  hasOneServer: false,
  hasSlots: false,
  serverNames: [],
  serversMovedTo: [],
  keysLimitBytes: Number.POSITIVE_INFINITY,
  db: 0,
  databases: 1,
  hasResp3: true,
  scriptMemoryBytes: 0,
  deniedCommands: [],
  declaredCommands: [],
  learnsCommands: false,
  keylessScripts: 'error',
  presentedCluster: null,
  hasPrefixedScripts: false,
};
const KEYLESS_ROUTES = { error: ROUTE_LOCAL, any: ROUTE_ANY, all: ROUTE_ALL } as const;
const OTHER_DATABASE = 'the pool is one database of its servers (redis_db)';
const KEYLESS = 'without keys it could run on any server of the pool; the setting keyless_scripts says where it may';
const ONE_NODE = 'the cluster that it presents has one node, and nothing of it can be changed';
const NO_SLOTS = 'the servers of this pool do not keep their keys by slots';
/** Commands that a pool knows beside the table; servers with more have the rest refused. */
const MAX_ADDED_COMMANDS = 2000;
/** Names that servers may say they have. */
const MAX_KNOWN_NAMES = 4000;
/** Tables that are kept for the next pool of the same rules; a reload makes a parser for each pool. */
const MAX_SHARED_TABLES = 64;

interface RuleTables {
  readonly refusals: readonly (Buffer | null)[];
  readonly routes: readonly Route[];
}

const shared = new Map<string, RuleTables>();

function sharedTables(rules: string, make: () => RuleTables): RuleTables {
  let tables = shared.get(rules);
  if (tables !== undefined) return tables;
  tables = make();
  if (shared.size === MAX_SHARED_TABLES) shared.clear();
  shared.set(rules, tables);
  return tables;
}

export class PoolCommands {
  /** By `Command.id`; pools of the same rules share them until one learns more. */
  routes: readonly Route[];
  refusals: readonly (Buffer | null)[];
  /** ROUTE_LOCAL: refused. */
  readonly keylessRoute: Route;
  /** Changes with what COMMAND has to say. */
  revision = 0;
  private readonly rules: CommandRules;
  private readonly denied: ReadonlySet<string>;
  private readonly added = new Map<string, Command>();
  private addedIndex = new CommandIndex([]);
  /** Names of the commands that the servers said they have; null: none has said so yet. */
  private onServers: Set<string> | null = null;

  constructor(rules: Partial<CommandRules> = {}) {
    this.rules = { ...DEFAULTS, ...rules };
    this.denied = new Set(this.rules.deniedCommands.map(name => name.toLowerCase().replace(' ', '|')));
    this.keylessRoute = this.rules.hasOneServer ? ROUTE_ANY : KEYLESS_ROUTES[this.rules.keylessScripts];
    const { hasOneServer, db, databases, deniedCommands, presentedCluster } = this.rules;
    const cluster = presentedCluster === null ? '-' : presentedCluster.hasSlots;
    const key = `${hasOneServer} ${db !== 0} ${databases > 1} ${cluster} ${deniedCommands}`;
    const { refusals, routes } = sharedTables(key, () => this.tables());
    this.refusals = refusals;
    this.routes = routes;
    this.add(this.rules.declaredCommands.map(rowOf), 'declared');
  }

  /** All that the pool knows, refused or not. */
  get topCommands(): readonly Command[] {
    return this.added.size === 0 ? TOP_COMMANDS : [...TOP_COMMANDS, ...this.addedTops];
  }

  /** The command that `buf[start, end)` names, or null: the table's, else one that was added. */
  find(buf: Buffer, start: number, end: number): Command | null {
    return COMMAND_INDEX.find(buf, start, end) ?? this.addedIndex.find(buf, start, end);
  }

  /** The command or subcommand that `args` name; null: there is none. */
  named({ buf, starts, ends, count }: RequestArgs): Command | null {
    const command = this.find(buf, starts[0]!, ends[0]!);
    if (!command?.subcommands || count === 1) return command;
    return command.subcommands.find(buf, starts[1]!, ends[1]!);
  }

  /**
   * Takes over what a server says of its commands, key specifications included. What the table or the pool already knows stays as
   * it is: only commands that nobody has told us about are added, and of these none that is `disputed`.
   */
  learn(rows: readonly CommandRow[], disputed: ReadonlySet<string>): void {
    this.onServers = new Set();
    for (const [name] of rows) if (this.onServers.size < MAX_KNOWN_NAMES) this.onServers.add(name);
    this.revision++;
    this.add(disputed.size === 0 ? rows : rows.filter(([name]) => !disputed.has(name)), 'learned');
  }

  /** What the client reads instead of having the request carried out, or null. */
  refusalOf(command: Command): Buffer | null {
    const { name } = command;
    const container = name.includes('|') ? name.slice(0, name.indexOf('|')) : null;
    if (this.denied.has(name) || (container !== null && this.denied.has(container))) {
      return errorReply(`ERR '${name}' is denied by the setting deny_commands of this pool`);
    }
    if (name === 'move' && this.rules.db !== 0) return errorReply(refusalText(name, OTHER_DATABASE));
    if (command.family === 'cluster') return this.clusterRefusal(command);
    return command.isServedByOne && this.rules.hasOneServer ? null : command.refusal;
  }

  /** What belongs to clusters can be had where the pool presents itself as one. */
  private clusterRefusal({ name, refusal }: Command): Buffer | null {
    const { presentedCluster } = this.rules;
    if (presentedCluster === null) return refusal;
    if (IN_PRESENTED_CLUSTER.includes(name)) return null;
    if (!OF_SLOT.includes(name)) return errorReply(refusalText(name, ONE_NODE));
    return presentedCluster.hasSlots ? null : errorReply(refusalText(name, NO_SLOTS));
  }

  get presentedCluster(): PresentedClusterOptions | null {
    return this.rules.presentedCluster;
  }

  get hasOneServer(): boolean {
    return this.rules.hasOneServer;
  }

  get hasSlots(): boolean {
    return this.rules.hasSlots;
  }

  get databases(): number {
    return this.rules.databases;
  }

  /** Of the servers: what the client's number 0 is. */
  get firstDatabase(): number {
    return this.rules.db;
  }

  get hasPrefixedScripts(): boolean {
    return this.rules.hasPrefixedScripts;
  }

  get serversMovedTo(): readonly string[] {
    return this.rules.serversMovedTo;
  }

  get serverNames(): readonly string[] {
    return this.rules.serverNames;
  }

  /** COPY … DB names a database that the pool is not. */
  get copyRefusal(): Buffer | null {
    return this.rules.db === 0 ? null : COPY_REFUSAL;
  }

  /** COMMAND shows it: clients can use it, and the servers have it as far as is known. */
  isOffered(command: Command): boolean {
    const { subcommandList } = command;
    if (subcommandList.length > 0 && command.arity < -1) return subcommandList.some(each => this.isOffered(each));
    if (this.refusals[command.id] !== null) return false;
    if (command.origin === 'declared' || LOCAL.includes(command.name)) return true;
    if (command.family === 'cluster') return command.origin === 'base';
    return this.onServers === null ? command.origin === 'base' : this.onServers.has(command.name);
  }

  private tables(): RuleTables {
    const refusals = COMMANDS.map(command => this.refusalOf(command));
    return { refusals, routes: COMMANDS.map(command => this.routeOf(command, refusals[command.id]!)) };
  }

  private routeOf(command: Command, refusal: Buffer | null): Route {
    if (refusal !== null) return ROUTE_LOCAL;
    if (command.family === 'cluster') return OF_SLOT.includes(command.name) ? ROUTE_SLOT : ROUTE_LOCAL;
    if (command.refusal === null) {
      // Which database it names is looked at there.
      if (command.name === 'move') return ROUTE_SAME_SERVER;
      if (command.name === 'flushall' && this.rules.databases > 1) return command.route;
      // Of one server, too, something is added, or left out.
      if (command.merge === 'info' || command.merge === 'config') return command.route;
      const isForAll = command.route === ROUTE_ALL || command.route === ROUTE_EVERY;
      return isForAll && this.rules.hasOneServer ? ROUTE_ANY : command.route;
    }
    // Refused elsewhere, served by the one server.
    return command.keys === KEYS_NONE ? ROUTE_ANY : ROUTE_SAME_SERVER;
  }

  private get addedTops(): readonly Command[] {
    return [...this.added.values()].filter(command => !command.name.includes('|'));
  }

  private add(rows: readonly CommandRow[], origin: Origin): void {
    const refusals = [...this.refusals];
    const routes = [...this.routes];
    for (const row of rows) {
      const name = row[0];
      if (KNOWN_NAMES.has(name) || this.added.has(name) || !isAddable(name)) continue;
      if (this.added.size === MAX_ADDED_COMMANDS) break;
      const command = new Command(refusals.length, row, origin);
      const refusal = this.refusalOf(command);
      this.added.set(name, command);
      refusals.push(refusal);
      routes.push(this.routeOf(command, refusal));
    }
    if (refusals.length === this.refusals.length) return;
    this.refusals = refusals;
    this.routes = routes;
    joinContainers([...this.added.values()]);
    this.addedIndex = new CommandIndex(this.addedTops);
  }
}

const KNOWN_NAMES: ReadonlySet<string> = new Set(COMMANDS.map(command => command.name));

/** A new command, or a subcommand of one: the containers of the table are complete as they are. */
function isAddable(name: string): boolean {
  const bar = name.indexOf('|');
  return name.length <= MAX_COMMAND_NAME_BYTES * 2 && name !== '' && !(bar > 0 && KNOWN_NAMES.has(name.slice(0, bar)));
}

export const KEYLESS_REFUSAL: ReadonlyMap<Command, Buffer> = new Map(
  COMMANDS.filter(command => command.isScript).map(each => [each, errorReply(refusalText(each.name, KEYLESS))]),
);
const COPY_REFUSAL = errorReply(refusalText('copy', `its option DB: ${OTHER_DATABASE}`));

function rowOf({ name, firstKey, lastKey, keyStep, isWrite }: DeclaredCommand): CommandRow {
  const specs = firstKey > 0 ? [specOfRange(firstKey, lastKey, keyStep, !isWrite)] : [];
  const flags = isWrite ? 'write' : 'readonly';
  const categories = isWrite ? 'write slow' : 'read slow';
  return [name.toLowerCase(), -1, firstKey, lastKey, keyStep, flags, categories, specs, '', 'younger'];
}
