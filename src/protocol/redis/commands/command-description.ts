// One command as COMMAND INFO and COMMAND DOCS describe it.
import { readFileSync } from 'node:fs';
import { ReplyMap, ReplySet, type ReplyValue, SimpleText } from '../resp.ts';
import type { Command } from './command.ts';
import type { KeySpec } from './key-spec.ts';

const NOTHING = new ReplySet([]);
/** Fields of COMMAND DOCS that are sets: of words, and of pairs. */
const WORD_SETS: readonly string[] = ['flags', 'doc_flags'];
const SETS: readonly string[] = ['history'];
const SUBCOMMANDS = 'subcommands';

type Docs = Readonly<Record<string, unknown>>;
let docs: Docs | null = null;

/** The ten fields of Redis 7. */
export function describe(command: Command, subcommands: readonly Command[]): ReplyValue {
  return [
    command.name,
    command.arity,
    statuses(command.flags, ''),
    command.firstKey,
    command.lastKey,
    command.keyStep,
    statuses(command.categories, '@'),
    command.tips === '' ? NOTHING : new ReplySet(command.tips.split(' ')),
    command.keySpecs.length === 0 ? NOTHING : new ReplySet(command.keySpecs.map(describeSpec)),
    subcommands.length === 0 ? NOTHING : subcommands.map(each => describe(each, [])),
  ];
}

function describeSpec({ flags, notes, keyword, keywordFrom, beginIndex, find }: KeySpec): ReplyValue {
  const begin =
    keyword !== null
      ? typed('keyword', ['keyword', keyword.toUpperCase(), 'startfrom', keywordFrom])
      : beginIndex > 0
        ? typed('index', ['index', beginIndex])
        : typed('unknown', []);
  const [kind, one, two, three] = find ?? ['unknown', 0, 0, 0];
  const found =
    kind === 'range'
      ? typed('range', ['lastkey', one, 'keystep', two, 'limit', three])
      : kind === 'keynum'
        ? typed('keynum', ['keynumidx', one, 'firstkey', two, 'keystep', three])
        : typed('unknown', []);
  const entries = ['flags', statuses(flags, ''), 'begin_search', begin, 'find_keys', found];
  return new ReplyMap(notes === null ? entries : ['notes', notes, ...entries]);
}

function typed(type: string, spec: readonly ReplyValue[]): ReplyValue {
  return new ReplyMap(['type', type, 'spec', new ReplyMap(spec)]);
}

function statuses(words: string, prefix: string): ReplyValue {
  return words === '' ? NOTHING : new ReplySet(words.split(' ').map(word => new SimpleText(prefix + word)));
}

/** What COMMAND DOCS says of a command, with those of its subcommands that are offered; null when nothing is written of it. */
export function documentation(command: Command, subcommands: readonly Command[]): ReplyValue | null {
  const entry = docsOf(command.name);
  if (entry === null) return null;
  const entries: ReplyValue[] = [];
  for (const [name, value] of Object.entries(entry))
    if (name !== SUBCOMMANDS) entries.push(name, docsValue(name, value));
  if (subcommands.length > 0) {
    const own = subcommands.flatMap(each => [each.name, documentation(each, []) ?? new ReplyMap([])]);
    entries.push(SUBCOMMANDS, new ReplyMap(own));
  }
  return new ReplyMap(entries);
}

function docsOf(name: string): Docs | null {
  // Read by the first who asks: some 3 ms, and nobody but people at a terminal does.
  docs ??= JSON.parse(readFileSync(new URL('./command-docs.json', import.meta.url), 'utf8')) as Docs;
  const own = docs[name];
  if (own !== undefined) return own as Docs;
  const bar = name.indexOf('|');
  const container = bar < 0 ? undefined : (docs[name.slice(0, bar)] as Docs | undefined);
  const inside = container?.[SUBCOMMANDS] as Docs | undefined;
  return (inside?.[name] as Docs | undefined) ?? null;
}

/** A value of the docs file as Redis writes it: objects are maps, arrays arrays but for the fields that are sets. */
function docsValue(name: string, value: unknown): ReplyValue {
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (Array.isArray(value)) {
    if (WORD_SETS.includes(name)) return new ReplySet(value.map(word => new SimpleText(String(word))));
    const items = value.map(item => docsValue('', item));
    return SETS.includes(name) ? new ReplySet(items) : items;
  }
  return new ReplyMap(Object.entries(value as Docs).flatMap(([key, item]) => [key, docsValue(key, item)]));
}
