import type { Command } from 'commander';
import type { UserRow } from '../master/monitoring/user-rows.ts';
import { addDaemonCommand, runDaemonCommand } from './daemon-command.ts';
import { printable } from './state-text.ts';
import { grouped, textTable } from './text-table.ts';

/** Adds `users`. */
export function addUsersCommand(program: Command): void {
  addDaemonCommand(
    program,
    'users',
    'list the users, how often they signed in, and which of their passwords are in use',
  )
    .option('--pool <name>', 'of this pool only (default: of all)')
    .option('-n, --count <number>', 'at most so many', '1000')
    .action((flags: { pool?: string; count: string }, command: Command) => {
      const query = new URLSearchParams({ count: flags.count, ...(flags.pool !== undefined && { pool: flags.pool }) });
      return runDaemonCommand(command, { method: 'GET', path: `/api/v1/users?${query}`, text: usersText });
    });
}

/** A line for each password of a user in a pool, from the first on. */
function usersText({ users }: { readonly users: readonly UserRow[] }): string {
  if (users.length === 0) return 'no pool has users\n';
  const rows = users.flatMap(({ passwords, ...row }) => {
    const { pool, user, connections, signIns, refusedSignIns, deniedRequests } = row;
    const figures = [connections, signIns, refusedSignIns, deniedRequests].map(grouped);
    const uses = passwords.map(({ uses, lastUsedAt }, i) => [
      `${i + 1}`,
      grouped(uses),
      lastUsedAt ?? 'not since the start',
    ]);
    const [first = ['-', '-', ''], ...others] = uses;
    return [[pool, printable(user), ...figures, ...first], ...others.map(each => ['', '', '', '', '', '', ...each])];
  });
  const head = ['pool', 'user', 'clients', 'sign-ins', 'refused', 'denied', 'password', 'uses', 'last used'];
  return textTable([head, ...rows], '', [2, 3, 4, 5, 6, 7]);
}
