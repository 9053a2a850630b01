import { FLAG_READS, FLAG_WRITES } from '../routes.ts';
import { OPCODES } from './binary/opcodes.ts';
import { COMMANDS } from './command-table.ts';

const CATEGORIES: Readonly<Record<string, number>> = { '@all': 0, '@read': FLAG_READS, '@write': FLAG_WRITES };

/** See `Protocol.commandsOf`; a quiet command of the binary protocol is what it is when it is not (`set` is `setq`, too). */
export function commandsOf(word: string): readonly string[] {
  const flags = CATEGORIES[word];
  const isMeant = (name: string, effects: number) =>
    flags === undefined ? name === word || name === `${word}q` : (effects & flags) === flags;
  return [...COMMANDS, ...OPCODES].filter(({ name, effects }) => isMeant(name, effects)).map(({ name }) => name);
}
