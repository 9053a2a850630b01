import type { Command } from 'commander';
import type { Block } from '../master/blocks.ts';
import { addDaemonCommand, runDaemonCommand } from './daemon-command.ts';
import { textTable } from './text-table.ts';
import { UsageError } from './usage-error.ts';

const BLOCKS = '/api/v1/blocks';
const KINDS = ['key', 'prefix', 'command', 'client'] as const;

/** Adds `block`, `unblock`, `blocks`, `eject`, `readmit` and `drain-server`. */
export function addSteeringCommands(program: Command): void {
  addDaemonCommand(program, 'block', 'refuse requests of a pool at once')
    .argument('<pool>')
    .option('--key <key>', 'those of this key')
    .option('--prefix <prefix>', 'those of keys that begin so')
    .option('--command <name>', 'those of this command')
    .option('--client <address>', 'those of this client: 10.0.0.1, or 10.0.0.1:4711 for one connection')
    .option('--for <duration>', 'for so long, such as 10m (default: until unblock)')
    .action((pool: string, flags: Record<string, string | undefined>, command: Command) => {
      const given = KINDS.filter(kind => flags[kind] !== undefined);
      if (given.length !== 1) throw new UsageError('give one of --key, --prefix, --command and --client');
      const [kind] = given as [(typeof KINDS)[number]];
      const body = { pool, [kind]: flags[kind], ...(flags.for !== undefined && { for: flags.for }) };
      return runDaemonCommand(command, { method: 'POST', path: BLOCKS, body, text: blockedText });
    });

  addDaemonCommand(program, 'unblock', 'take a block back')
    .argument('<number>', 'as blocks shows it')
    .action((id: string, _flags: object, command: Command) =>
      runDaemonCommand(command, {
        method: 'DELETE',
        path: `${BLOCKS}/${encodeURIComponent(id)}`,
        text: unblockedText,
      }),
    );

  addDaemonCommand(program, 'blocks', 'list what is blocked').action((_flags: object, command: Command) =>
    runDaemonCommand(command, { method: 'GET', path: `${BLOCKS}?count=1000`, text: blocksText }),
  );

  addVerdict(program, 'eject', 'eject', 'take a server out of the ring, and cut its connections');
  addVerdict(program, 'drain-server', 'drain', 'give a server nothing new, and let it finish the rest');
  addVerdict(program, 'readmit', 'readmit', 'let a server back into the ring');
}

function addVerdict(program: Command, name: string, verb: string, description: string): void {
  const command = addDaemonCommand(program, name, description).argument('<pool>').argument('<server>', 'its name');
  if (verb !== 'readmit') command.option('--force', 'also the last one in the ring', false);
  command.action((pool: string, server: string, flags: { force?: boolean }, self: Command) => {
    const place = `${encodeURIComponent(pool)}/${encodeURIComponent(server)}`;
    const path = `/api/v1/servers/${place}/${verb}${flags.force ? '?force=true' : ''}`;
    return runDaemonCommand(self, { method: 'POST', path, text: verdictText });
  });
}

function what({ id, pool, kind, value, until }: Block): string {
  return `${id}: ${kind} ${value} in ${pool}${until === null ? '' : `, until ${until}`}`;
}

const blockedText = ({ block }: { block: Block }): string => `blocked, ${what(block)}\n`;
const unblockedText = ({ block }: { block: Block }): string => `no longer blocked, ${what(block)}\n`;

function blocksText({ blocks }: { blocks: readonly Block[] }): string {
  if (blocks.length === 0) return 'nothing is blocked\n';
  const rows = blocks.map(({ id, pool, kind, value, by, at, until }) => [
    ...[String(id), pool, kind, value, until ?? 'unblock'],
    `${by} at ${at}`,
  ]);
  return textTable([['', 'pool', 'kind', '', 'until', 'by'], ...rows]);
}

function verdictText({ result, pool, server }: { result: string; pool: string; server: string }): string {
  return `${server} of ${pool}: ${result}\n`;
}
