import type { RingmasterEvent } from '../master/monitoring/events.ts';
import type { Overview, ServerRow, WorkerRow } from '../master/monitoring/state-api.ts';
import { counted, grouped, percent, textTable } from './text-table.ts';

/* How a running daemon is, as people read it. */

export function statsText({ version, pid, uptimeSeconds, workers, steered, pools }: Overview): string {
  const head = [
    `ringmaster ${version}, process ${pid}, up ${uptimeText(uptimeSeconds)}`,
    `workers ${workers.serving} of ${workers.wanted}, ${counted(workers.restarts, 'restart')}`,
    `${counted(steered.settings, 'setting')} set, ${counted(steered.blocks, 'block')}`,
  ].join('; ');
  const rows = pools.map(pool => [
    pool.pool,
    pool.protocol,
    pool.out === 0 ? String(pool.servers) : `${pool.servers - pool.out} of ${pool.servers}`,
    grouped(pool.clients),
    ratesText(pool.requestsPerSecond),
    ratesText(pool.errorsPerSecond),
    hitsText(pool.hitsPerSecond, pool.missesPerSecond),
    durationText(pool.p50Us),
    durationText(pool.p99Us),
  ]);
  const table = [['pool', 'protocol', 'servers', 'clients', 'req/s', 'err/s', 'hits', 'p50', 'p99'], ...rows];
  return `${head}\n${textTable(table, '', [2, 3, 4, 5, 6, 7, 8])}`;
}

export function serversText({ servers }: { readonly servers: readonly ServerRow[] }): string {
  const rows = servers.map(each => [
    ...[each.pool, each.server, each.state],
    ratesText(each.requestsPerSecond),
    grouped(each.inflight),
    grouped(each.errorReplies + each.failures),
    hitsText(each.hits, each.misses),
    durationText(each.p50Us),
    durationText(each.p99Us),
  ]);
  return textTable(
    [['pool', 'server', 'ring', 'req/s', 'inflight', 'errors', 'hits', 'p50', 'p99'], ...rows],
    '',
    [3, 4, 5, 6, 7, 8],
  );
}

export function workersText({ workers }: { readonly workers: readonly WorkerRow[] }): string {
  const rows = workers.map(each => [
    ...[String(each.slot), each.state, String(each.pid ?? '-'), grouped(each.clients), each.cpuSeconds.toFixed(1)],
    megabytes(each.residentBytes),
    megabytes(each.heldBytes),
    String(each.restarts),
    each.why ?? '',
  ]);
  const head = ['slot', 'state', 'process', 'clients', 'CPU s', 'memory', 'held', 'restarts', ''];
  return textTable([head, ...rows], '', [0, 2, 3, 4, 5, 6, 7]);
}

export function eventsText({ events }: { readonly events: readonly RingmasterEvent[] }): string {
  if (events.length === 0) return 'nothing has happened\n';
  return textTable(events.map(({ at, event, details }) => [at, event, detailsText(details)]));
}

/** What a terminal might take for a command is shown as `?`. */
function detailsText(details: object): string {
  const parts = Object.entries(details).flatMap(([key, value]) =>
    value === null || (typeof value === 'object' && Object.keys(value).length === 0)
      ? []
      : [`${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`],
  );
  return printable(parts.join(' '));
}

export const printable = (text: string): string => text.replace(/\p{C}/gu, '?');

function ratesText(perSecond: number): string {
  return perSecond >= 10 || perSecond === 0 ? grouped(Math.round(perSecond)) : perSecond.toFixed(1);
}

function durationText(us: number): string {
  if (us === 0) return '-';
  if (us < 1000) return `${Math.round(us)} µs`;
  return us < 1e6 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1e6).toFixed(2)} s`;
}

/** The part of the keys that were asked for which was there. */
function hitsText(hits: number, misses: number): string {
  return hits + misses === 0 ? '-' : percent(hits / (hits + misses));
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;

function uptimeText(seconds: number): string {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min` : `${seconds} s`;
}
