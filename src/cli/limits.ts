import type { Command } from 'commander';
import type { LimitedTenant } from '../master/limits/limiting.ts';
import type { PasswordGuesser } from '../master/limits/wrong-passwords.ts';
import { addDaemonCommand, runDaemonCommand } from './daemon-command.ts';
import { printable } from './state-text.ts';
import { grouped, textTable } from './text-table.ts';

interface Limits {
  readonly over: readonly LimitedTenant[];
  readonly wrongPasswords: readonly PasswordGuesser[];
}

/** Adds `limits`. */
export function addLimitsCommand(program: Command): void {
  addDaemonCommand(program, 'limits', 'list who is over a limit now, and which addresses gave wrong passwords lately')
    .option('--pool <name>', 'of this pool only (default: of all)')
    .action((flags: { pool?: string }, command: Command) => {
      const query = flags.pool === undefined ? '' : `?${new URLSearchParams({ pool: flags.pool })}`;
      return runDaemonCommand(command, { method: 'GET', path: `/api/v1/limits${query}`, text: limitsText });
    });
}

function limitsText({ over, wrongPasswords }: Limits): string {
  const first = over.length === 0 ? 'nobody is over a limit\n' : overText(over);
  return wrongPasswords.length === 0 ? first : `${first}\n${guessersText(wrongPasswords)}`;
}

function overText(over: Limits['over']): string {
  const rows = over.map(({ pool, scope, name, over: limit, since, workers }) => {
    // What the master counts itself is in all of them.
    return [pool, scope, printable(name), limit, since, workers === 0 ? 'all' : `${workers}`];
  });
  return textTable([['pool', 'of', 'name', 'over', 'since', 'workers'], ...rows], '', [5]);
}

function guessersText(guessers: Limits['wrongPasswords']): string {
  const rows = guessers.map(({ pool, address, wrongPasswords, since, last }) => {
    return [pool, address === '' ? 'unix socket' : printable(address), grouped(wrongPasswords), since, last];
  });
  return textTable([['pool', 'address', 'wrong passwords', 'since', 'last'], ...rows], '', [2]);
}
