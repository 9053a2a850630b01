// What is published about each Redis command: command-data.json, which scripts/redis-commands.ts writes.
import { readFileSync } from 'node:fs';

/**
 * Where some of a command's keys are, as a key specification of COMMAND: flags; where the search begins (an argument's index, or
 * a keyword and the index from which it is looked for, negative: backwards from the end); what is found there: `range` with
 * the last key (relative to the first; negative: from the end), step and limit, or `keynum` with the places of the number of
 * keys and of the first key (relative to the beginning) and step; notes. Null: not to be told from the arguments.
 */
export type KeySpecRow = readonly [
  flags: string,
  begin: number | readonly [keyword: string, from: number] | null,
  find: readonly [kind: 'range' | 'keynum', number, number, number] | null,
  notes?: string,
];

/**
 * Name; arity; first key, last key, step; flags; ACL categories; key specifications; tips; and where the row is from: `base`,
 * COMMAND of the server whose version clients are told, `younger` ones, or commands of a `module`; the arity of a younger server
 * when it lets more through.
 */
export type CommandRow = readonly [
  name: string,
  arity: number,
  firstKey: number,
  lastKey: number,
  keyStep: number,
  flags: string,
  categories: string,
  keySpecs: readonly KeySpecRow[],
  tips: string,
  origin: 'base' | 'younger' | 'module',
  acceptedArity?: number,
];

const data = JSON.parse(readFileSync(new URL('./command-data.json', import.meta.url), 'utf8')) as {
  readonly version: string;
  readonly rows: readonly CommandRow[];
};

/** The version of the rows of `base`, which is also what clients are told. */
export const REDIS_VERSION = data.version;
/** In the order of their names; a subcommand is `container|subcommand`. */
export const COMMAND_ROWS = data.rows;
