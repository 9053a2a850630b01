import type { Command } from 'commander';
import { addDaemonCommand, type DaemonRequest, runDaemonCommand } from './daemon-command.ts';
import { changedText } from './settings.ts';
import { eventsText, serversText, statsText, workersText } from './state-text.ts';
import { runTop } from './top.ts';

const get = (path: string, text: DaemonRequest['text']): DaemonRequest => ({
  method: 'GET',
  path: `/api/v1/${path}`,
  text,
});

/** Adds `stats`, `top`, `servers`, `workers`, `events` and `loglevel`. */
export function addStateCommands(program: Command): void {
  addDaemonCommand(program, 'stats', 'say how the pools are').action((_flags: object, command: Command) =>
    runDaemonCommand(command, get('overview', statsText)),
  );

  addDaemonCommand(
    program,
    'top',
    'show pools, servers, workers and clients as they change; once where there is no terminal',
  ).action((_flags: object, command: Command) => runTop(command));

  addDaemonCommand(program, 'servers', 'list the servers, whether they are in the ring, and what they do')
    .option('--pool <name>', 'of this pool only (default: of all)')
    .action((flags: { pool?: string }, command: Command) => {
      const query = new URLSearchParams({ count: '1000', ...(flags.pool !== undefined && { pool: flags.pool }) });
      return runDaemonCommand(command, get(`servers?${query}`, serversText));
    });

  addDaemonCommand(program, 'workers', 'list the workers, with their clients, CPU time and memory').action(
    (_flags: object, command: Command) => runDaemonCommand(command, get('workers?count=1000', workersText)),
  );

  addDaemonCommand(program, 'events', 'list what has happened, the newest first')
    .option('-n, --count <number>', 'at most so many', '20')
    .action((flags: { count: string }, command: Command) =>
      runDaemonCommand(command, get(`events?${new URLSearchParams({ count: flags.count })}`, eventsText)),
    );

  addDaemonCommand(program, 'loglevel', 'show the log level, or set it')
    .argument('[level]', 'fatal, error, warn, info, debug, trace or silent')
    .action((level: string | undefined, _flags: object, command: Command) => {
      if (level === undefined) return runDaemonCommand(command, get('settings?pattern=log.level', levelText));
      const body = { set: { 'log.level': level } };
      return runDaemonCommand(command, { method: 'PATCH', path: '/api/v1/settings', body, text: changedText });
    });
}

function levelText({ settings }: { readonly settings: readonly { readonly value: string }[] }): string {
  return `${settings[0]?.value ?? 'unknown'}\n`;
}
