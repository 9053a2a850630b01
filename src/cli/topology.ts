import type { Command } from 'commander';
import type { TopologyRow } from '../admin/topology-row.ts';
import { addDaemonCommand, runDaemonCommand } from './daemon-command.ts';
import { printable } from './state-text.ts';
import { counted, grouped, textTable } from './text-table.ts';

/** Of the ranges of one node; a slot by slot reshard makes thousands. */
const RANGES_MAX = 6;

/** Adds `topology`. */
export function addTopologyCommand(program: Command): void {
  addDaemonCommand(
    program,
    'topology',
    'list the servers that were found, of clusters and by Sentinel, and their slots',
  )
    .argument('[pool]', 'of this pool only (default: of all)')
    .action((pool: string | undefined, _flags: object, command: Command) => {
      const query = new URLSearchParams({ count: '1000', ...(pool !== undefined && { pool }) });
      return runDaemonCommand(command, { method: 'GET', path: `/api/v1/topology?${query}`, text: topologyText });
    });
}

function topologyText({ pools }: { readonly pools: readonly TopologyRow[] }): string {
  if (pools.length === 0) return 'no such pool finds its servers: these are in the configuration file\n';
  return pools.map(poolText).join('\n');
}

function poolText(row: TopologyRow): string {
  const { pool, kind, nodes, unservedSlots, why, refreshedAt, changedAt } = row;
  const primaries = nodes.filter(({ role }) => role === 'primary').length;
  const replicas = nodes.length - primaries;
  const parts = [
    kind,
    `${grouped(primaries)} ${primaries === 1 ? 'primary' : 'primaries'}`,
    counted(replicas, 'replica'),
    ...(unservedSlots === null
      ? []
      : [unservedSlots === 0 ? 'all slots served' : `${grouped(unservedSlots)} slots NOT served`]),
    counted(row.failOvers, 'fail-over'),
  ];
  const asked = [
    refreshedAt === null ? 'never told' : `told ${refreshedAt}`,
    `last asked because: ${printable(why)}`,
    ...(changedAt === null ? [] : [`changed ${changedAt}`]),
    `asked ${grouped(row.refreshes)} times, ${grouped(row.failures)} without result`,
  ];
  const isCluster = kind === 'cluster';
  const rows = nodes.map(node => [
    ...(isCluster ? [node.server] : [node.server, node.address]),
    node.role,
    ...(isCluster ? [grouped(node.slots), rangesText(node.ranges)] : []),
    node.since,
  ]);
  const head = isCluster ? ['server', 'role', 'slots', 'which', 'since'] : ['server', 'address', 'role', 'since'];
  const table = textTable([head, ...rows], '  ', isCluster ? [2] : []);
  return `${pool}: ${parts.join(', ')}\n  ${asked.join('; ')}\n${nodes.length === 0 ? '' : table}`;
}

function rangesText(ranges: readonly string[]): string {
  const more = ranges.length - RANGES_MAX;
  return ranges.slice(0, RANGES_MAX).join(' ') + (more > 0 ? ` and ${counted(more, 'range')} more` : '');
}
