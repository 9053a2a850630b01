// Gathers what is published about Redis commands into rows of src/protocol/redis/commands/command-data.json. The first source that
// has a command decides, in this order:
//
//   COMMAND of a real server            what it says, exactly: clients are told that they talk to this version
//   specification files                 src/commands/*.json of redis/redis and valkey-io/valkey, a directory or one file
//   @ioredis/commands                   name, arity, flags, first key, last key, step of the newest Redis
//   younger-redis-commands.ts           what none of these says; it also completes rows that have no keys there
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { CommandRow, KeySpecRow } from '../src/protocol/redis/commands/command-data.ts';
import type { RespValue } from '../test/support/resp-reader.ts';
import { type Keys, YOUNGER_COMMANDS } from './younger-redis-commands.ts';

type Origin = CommandRow[9];
type BareSpecRow = readonly [KeySpecRow[0], KeySpecRow[1], KeySpecRow[2]];

/** One command of a specification file, as far as it is used. */
interface Specification {
  readonly arity: number;
  readonly summary: string;
  readonly since: string;
  readonly group: string;
  readonly container?: string;
  readonly command_flags?: readonly string[];
  readonly acl_categories?: readonly string[];
  readonly command_tips?: readonly string[];
  readonly key_specs?: readonly {
    readonly notes?: string;
    readonly flags: readonly string[];
    readonly begin_search: {
      readonly index?: { readonly pos: number };
      readonly keyword?: { readonly keyword: string; readonly startfrom: number };
    };
    readonly find_keys: {
      readonly range?: { readonly lastkey: number; readonly step: number; readonly limit: number };
      readonly keynum?: { readonly keynumidx: number; readonly firstkey: number; readonly step: number };
    };
  }[];
}

/** Of COMMAND's reply in RESP2. */
export function rowsOfServer(commands: RespValue): CommandRow[] {
  const rows: CommandRow[] = [];
  for (const command of commands as RespValue[][]) {
    const [name, arity, flags, first, last, step, categories, tips, specs, subcommands] = command;
    rows.push([
      String(name),
      Number(arity),
      Number(first),
      Number(last),
      Number(step),
      (flags as string[]).join(' '),
      (categories as string[]).map(category => category.slice(1)).join(' '),
      (specs as RespValue[]).map(specOfServer),
      (tips as Buffer[]).map(String).join(' '),
      'base',
    ]);
    if (Array.isArray(subcommands)) rows.push(...rowsOfServer(subcommands));
  }
  return rows;
}

/** A flat array of names and values as a map. */
function fields(pairs: RespValue): Map<string, RespValue> {
  const items = pairs as RespValue[];
  return new Map(items.flatMap((name, i) => (i % 2 === 0 ? [[String(name), items[i + 1]!] as const] : [])));
}

function specOfServer(value: RespValue): KeySpecRow {
  const spec = fields(value);
  const begin = fields(spec.get('begin_search')!);
  const find = fields(spec.get('find_keys')!);
  const beginSpec = fields(begin.get('spec') ?? []);
  const findSpec = fields(find.get('spec') ?? []);
  const number = (of: Map<string, RespValue>, name: string): number => Number(of.get(name));
  const flags = (spec.get('flags') as string[]).join(' ');
  const beginType = String(begin.get('type'));
  const findType = String(find.get('type'));
  const notes = spec.get('notes');
  const row: BareSpecRow = [
    flags,
    beginType === 'index'
      ? number(beginSpec, 'index')
      : beginType === 'keyword'
        ? [String(beginSpec.get('keyword')), number(beginSpec, 'startfrom')]
        : null,
    findType === 'range'
      ? ['range', number(findSpec, 'lastkey'), number(findSpec, 'keystep'), number(findSpec, 'limit')]
      : findType === 'keynum'
        ? ['keynum', number(findSpec, 'keynumidx'), number(findSpec, 'firstkey'), number(findSpec, 'keystep')]
        : null,
  ];
  return notes === undefined ? row : [...row, String(notes)];
}

/** A file `{ "commands": { "CLIENT KILL": {…} } }`, or a directory of files `{ "KILL": { "container": "CLIENT", … } }`. */
export function readSpecifications(where: string): Map<string, Specification> {
  const found = new Map<string, Specification>();
  const add = (commands: Record<string, Specification>): void => {
    for (const [name, spec] of Object.entries(commands)) {
      const words = spec.container === undefined || name.includes(' ') ? name : `${spec.container} ${name}`;
      found.set(words.toLowerCase().replace(' ', '|'), spec);
    }
  };
  if (where.endsWith('.json')) add(JSON.parse(readFileSync(where, 'utf8')).commands);
  else {
    for (const file of readdirSync(where)
      .filter(name => name.endsWith('.json'))
      .sort()) {
      add(JSON.parse(readFileSync(path.join(where, file), 'utf8')));
    }
  }
  return found;
}

export function rowsOfSpecifications(commands: ReadonlyMap<string, Specification>): CommandRow[] {
  const rows: CommandRow[] = [];
  for (const [name, spec] of commands) {
    const given = (spec.command_flags ?? []).map(flag => flag.toLowerCase());
    if (given.includes('only_sentinel') || name.startsWith('sentinel')) continue;
    const flags = given.filter(flag => flag !== 'sentinel');
    const specs = (spec.key_specs ?? []).map(specOfFile);
    const categories = (spec.acl_categories ?? []).map(category => category.toLowerCase());
    const tips = (spec.command_tips ?? []).map(tip => tip.toLowerCase()).join(' ');
    rows.push(rowOf(name, spec.arity, flags, categories, specs, tips, 'younger'));
  }
  return rows;
}

function specOfFile(spec: NonNullable<Specification['key_specs']>[number]): KeySpecRow {
  const { index, keyword } = spec.begin_search;
  const { range, keynum } = spec.find_keys;
  const row: BareSpecRow = [
    spec.flags.map(flag => (/^(?:rw|ro|ow|rm)$/i.test(flag) ? flag : flag.toLowerCase())).join(' '),
    index !== undefined ? index.pos : keyword !== undefined ? [keyword.keyword, keyword.startfrom] : null,
    range !== undefined
      ? ['range', range.lastkey, range.step, range.limit]
      : keynum !== undefined
        ? ['keynum', keynum.keynumidx, keynum.firstkey, keynum.step]
        : null,
  ];
  return spec.notes === undefined ? row : [...row, spec.notes];
}

/** Of node_modules/@ioredis/commands/built/commands.json. */
export function rowsOfIoredis(file: string): CommandRow[] {
  const commands = JSON.parse(readFileSync(file, 'utf8')) as Record<
    string,
    { arity: number; flags: string[]; keyStart: number; keyStop: number; step: number }
  >;
  return Object.entries(commands).map(([name, { arity, flags, keyStart, keyStop, step }]) => {
    const specs = keyStart === 0 ? [] : [specOfKeys([keyStart, keyStop, step], flags)];
    return rowOf(name, arity, flags, [], specs, '', 'younger');
  });
}

export function rowsOfYounger(): CommandRow[] {
  return YOUNGER_COMMANDS.map(({ name, arity, flags, category, keys, isOfModule }) => {
    const list = flags.split(' ').filter(flag => flag !== '');
    const specs = keys.map(each => specOfKeys(each, list));
    return rowOf(name, arity, list, category === '' ? [] : [category], specs, '', isOfModule ? 'module' : 'younger');
  });
}

function specOfKeys(keys: Keys, flags: readonly string[]): KeySpecRow {
  const access = flags.includes('write') ? 'RW access update' : 'RO access';
  if ('countAt' in keys) return [access, keys.countAt, ['keynum', 0, 1, keys.step]];
  const [first, last, step] = keys;
  return [access, first, ['range', last < 0 ? last : last - first, step, 0]];
}

function rowOf(
  name: string,
  arity: number,
  flags: readonly string[],
  categories: readonly string[],
  specs: readonly KeySpecRow[],
  tips: string,
  origin: Origin,
): CommandRow {
  const [first, last, step] = legacyRange(specs);
  const implied = impliedCategories(flags).filter(category => !categories.includes(category));
  return [name, arity, first, last, step, flags.join(' '), [...implied, ...categories].join(' '), specs, tips, origin];
}

/** As Redis's populateCommandLegacyRangeSpec: what clients older than key specifications are told. */
function legacyRange(specs: readonly KeySpecRow[]): readonly [number, number, number] {
  const ranges: [number, number, number][] = [];
  for (const [, begin, find] of specs) {
    if (typeof begin !== 'number' || find === null || find[0] !== 'range') continue;
    ranges.push([begin, find[1] >= 0 ? begin + find[1] : find[1], find[2]]);
  }
  if (ranges.length === 0) return [0, 0, 0];
  ranges.sort((a, b) => a[0] - b[0]);
  const [first, last, step] = ranges[0]!;
  if (specs.length === 1) return [first, last, step];
  let end = last;
  for (const [from, to] of ranges.slice(1)) if (from === end + 1) end = to;
  return [first, end, 1];
}

/** As Redis's setImplicitACLCategories. */
function impliedCategories(flags: readonly string[]): string[] {
  const has = (flag: string): boolean => flags.includes(flag);
  return [
    ...(has('write') ? ['write'] : []),
    ...(has('readonly') ? ['read'] : []),
    ...(has('admin') ? ['admin', 'dangerous'] : []),
    ...(has('pubsub') ? ['pubsub'] : []),
    has('fast') ? 'fast' : 'slow',
    ...(has('blocking') ? ['blocking'] : []),
  ];
}

/**
 * Rows in the order of their names. A later source completes a row that has no keys, says where a command with keys has got
 * optional arguments, and else only adds commands.
 */
export function mergeRows(sources: readonly (readonly CommandRow[])[]): CommandRow[] {
  const byName = new Map<string, CommandRow>();
  for (const rows of sources) {
    for (const row of rows) {
      const known = byName.get(row[0]);
      const completes = known !== undefined && known[9] !== 'base' && known[7].length === 0 && row[7].length > 0;
      if (known === undefined || completes) byName.set(row[0], row);
      else if (row[7].length > 0 && row[1] < 0 && (known[1] > 0 ? known[1] >= -row[1] : known[1] < row[1])) {
        const [name, arity, first, last, step, flags, categories, specs, tips, origin] = known;
        byName.set(name, [name, arity, first, last, step, flags, categories, specs, tips, origin, row[1]]);
      }
    }
  }
  return [...byName.values()].sort((a, b) => (a[0] < b[0] ? -1 : 1));
}
