import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Difference, RunningSetting, SettingsResult } from '../master/configuration/live-config.ts';
import { addDaemonCommand, type DaemonRequest, runDaemonCommand } from './daemon-command.ts';
import { counted, textTable } from './text-table.ts';
import { UsageError } from './usage-error.ts';

const PATH = '/api/v1/settings';
/** A value that comes over standard input. */
const STDIN = '-';

/** Adds `get`, `set`, `unset` and `save`. */
export function addSettingsCommands(program: Command): void {
  addDaemonCommand(program, 'get', 'show settings as they run')
    .argument('[pattern]', 'names of settings; * stands for any characters', '*')
    .option('--differs', 'only those that were set since the file was read', false)
    .option('-n, --count <number>', 'at most so many', '1000')
    .action((pattern: string, flags: { differs: boolean; count: string }, command: Command) => {
      const query = new URLSearchParams({ pattern, count: flags.count });
      if (flags.differs) query.set('differs', 'true');
      return runDaemonCommand(command, { method: 'GET', path: `${PATH}?${query}`, text: settingsText });
    });

  addDaemonCommand(program, 'set', 'change settings, in all workers or in none, until `unset`')
    .argument(
      '<name value...>',
      'such as sessions.timeout 300ms; several pairs are set at once; - reads a value from standard input',
    )
    .action((words: string[], _flags: object, command: Command) =>
      runDaemonCommand(command, change({ set: pairsOf(words) })),
    );

  addDaemonCommand(program, 'unset', "give settings back to the file's values")
    .argument('<name...>', 'names of settings')
    .option('--default', 'to their defaults instead, whatever the file says', false)
    .action((names: string[], flags: { default: boolean }, command: Command) =>
      runDaemonCommand(command, change(flags.default ? { toDefault: names } : { unset: names })),
    );

  addDaemonCommand(program, 'save', 'write what was set into the configuration file').action(
    (_flags: object, command: Command) =>
      runDaemonCommand(command, { method: 'POST', path: `${PATH}/save`, text: savedText }),
  );
}

/** `diff --running`. */
export const DIFFERENCES: DaemonRequest = { method: 'GET', path: `${PATH}/differences`, text: differencesText };

function change(body: object): DaemonRequest {
  return { method: 'PATCH', path: PATH, body, text: changedText };
}

function pairsOf(words: readonly string[]): Record<string, string> {
  if (words.length % 2 !== 0) throw new UsageError(`${words.at(-1)} has no value: give pairs of a name and a value`);
  const pairs = words.flatMap((name, i) => (i % 2 === 0 ? [[name, words[i + 1] as string] as const] : []));
  if (pairs.filter(([, value]) => value === STDIN).length > 1) throw new UsageError('only one value may be "-"');
  return Object.fromEntries(pairs.map(([name, value]) => [name, value === STDIN ? lineOfStdin() : value]));
}

/** A command line is there for all to see, in `ps`. */
function lineOfStdin(): string {
  return readFileSync(0, 'utf8').replace(/\r?\n$/, '');
}

function settingsText({ settings, total }: { settings: readonly RunningSetting[]; total: number }): string {
  if (settings.length === 0) return 'no such settings\n';
  const rows = settings.map(({ path, value, inFile, isDefault, setBy, setAt }) => {
    if (setBy !== null) return [path, value, `set by ${setBy} at ${setAt}; the file says ${inFile}`];
    return [path, value, isDefault ? 'default' : ''];
  });
  const more = total > settings.length ? `… and ${counted(total - settings.length, 'more setting')}\n` : '';
  return textTable(rows) + more;
}

const WHEN: Readonly<Record<string, string>> = {
  live: '',
  'new-connections': '; for connections made from now on',
  'new-pool': '; its clients are let go',
  restart: '',
  'worker-restart': '; in effect after `ringmaster restart-workers`',
};

/** The answer to a change. */
export function changedText({ changes, workers, tookMs, warnings, problems }: SettingsResult): string {
  const lines = [
    ...changes.map(({ path, old, new: now, applies }) => `  ${path}: ${old} → ${now}${WHEN[applies]}\n`),
    ...[...warnings, ...problems].map(warning => `  warning: ${warning}\n`),
  ];
  return `set: ${counted(workers.length, 'worker')} had it after ${tookMs} ms\n${lines.join('')}`;
}

function savedText({ file, saved }: { file: string; saved: readonly string[] }): string {
  if (saved.length === 0) return `nothing to save: ${file} says what runs\n`;
  return `saved to ${file}: ${saved.join(', ')}\n`;
}

function differencesText({ settings }: { settings: readonly Difference[] }): string {
  if (settings.length === 0) return 'the file says what runs\n';
  const rows = settings.map(({ path, running, file, setBy, setAt }) => {
    const who = setBy === null ? 'the file has changed' : `set by ${setBy} at ${setAt}`;
    return [path, running ?? 'not there', file ?? 'not there', who];
  });
  return textTable([['setting', 'runs', 'file', ''], ...rows]);
}
