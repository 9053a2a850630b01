import type { Command } from 'commander';
import { Option } from 'commander';
import { CLIENT_SORTS, type ClientRow } from '../figures/client-row.ts';
import { addDaemonCommand, runDaemonCommand } from './daemon-command.ts';
import { printable } from './state-text.ts';
import { counted, grouped, textTable } from './text-table.ts';
import { UsageError } from './usage-error.ts';

const PATH = '/api/v1/clients';
const FILTERS = ['address', 'name', 'user', 'database'] as const;

export interface ClientList {
  readonly total: number;
  readonly offset: number;
  readonly isWhole: boolean;
  readonly clients: readonly ClientRow[];
}

interface ListFlags {
  readonly pool?: string;
  readonly filter: readonly string[];
  readonly sort: string;
  readonly count: string;
  readonly offset: string;
}

/** Adds `clients`, which lists them or, as `clients kill ID`, cuts one off. */
export function addClientCommands(program: Command): void {
  addDaemonCommand(program, 'clients', 'list the clients that are connected, or cut one off')
    .argument('[verb]', 'kill, and the number of a client; left out: list them')
    .argument('[number]', 'as the list shows it')
    .option('--pool <name>', 'of this pool only (default: of all)')
    .option(
      '--filter <what=text>',
      'of those only: address=, name= (a part of it), user=, database=; may be given several times',
      (each: string, before: string[]) => [...before, each],
      [] as string[],
    )
    .addOption(new Option('--sort <order>', 'those with most of it first').choices(CLIENT_SORTS).default('requests'))
    .option('-n, --count <number>', 'at most so many', '20')
    .option('--offset <number>', 'without the first so many', '0')
    .action((verb: string | undefined, id: string | undefined, flags: ListFlags, command: Command) => {
      if (verb === undefined) {
        const query = queryOf(flags);
        return runDaemonCommand(command, { method: 'GET', path: `${PATH}?${query}`, text: clientsText });
      }
      if (verb !== 'kill' || id === undefined) throw new UsageError('give either nothing, or kill and a number');
      return runDaemonCommand(command, {
        method: 'DELETE',
        path: `${PATH}/${encodeURIComponent(id)}`,
        text: cutText,
      });
    });
}

function queryOf({ pool, filter, sort, count, offset }: ListFlags): URLSearchParams {
  const query = new URLSearchParams({ sort, count, offset, ...(pool !== undefined && { pool }) });
  for (const each of filter) {
    const [what = '', ...text] = each.split('=');
    if (!FILTERS.includes(what as (typeof FILTERS)[number]) || text.length === 0) {
      throw new UsageError(`--filter ${each}: must be one of ${FILTERS.map(name => `${name}=…`).join(', ')}`);
    }
    query.set(what, text.join('='));
  }
  return query;
}

export function clientsText({ total, offset, isWhole, clients }: ClientList): string {
  const rows = clients.map(client => [
    ...[String(client.id), client.pool, printable(client.address), printable(client.name), client.user],
    ...[String(client.database), span(client.ageMs), span(client.idleMs), grouped(client.requests)],
    ...[grouped(client.pendingRequests), grouped(client.pendingBytes), String(client.worker)],
    `${client.command}${client.isBlocked ? ' (waits)' : ''}${client.isLimited ? ' (limited)' : ''}`,
  ]);
  const head = [
    ...['number', 'pool', 'address', 'name', 'user', 'db', 'age', 'idle', 'requests', 'pending', 'bytes'],
    ...['worker', 'last'],
  ];
  const shown = clients.length === total ? '' : `, ${offset + 1} to ${offset + clients.length} of them`;
  const missing = isWhole ? '' : '; not all workers have answered in time';
  return `${counted(total, 'client')}${shown}${missing}\n${textTable([head, ...rows], '', [0, 5, 6, 7, 8, 9, 10, 11])}`;
}

const cutText = ({ client }: { client: ClientRow }): string =>
  `cut off: ${client.id}, ${printable(`${client.address} ${client.name}`.trim())} of ${client.pool}\n`;

/** `340 ms`, `12 s`, `3 h` */
function span(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${Math.floor(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 3_600_000)} h`;
}
