import type { HeavyShare } from '../admin/traffic.ts';
import type { LargeItem } from '../figures/largest.ts';
import type { SlowLogEntry } from '../figures/slow-request.ts';
import { grouped, percent, textTable } from './text-table.ts';

/** The answers of the daemon's API, as people read them. */

interface Latencies {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export function slowlogText({ entries }: { readonly entries: readonly SlowLogEntry[] }): string {
  if (entries.length === 0) return 'no slow requests\n';
  const rows = entries.map(entry => [
    new Date(entry.atMs).toISOString(),
    entry.pool,
    duration(entry.totalUs),
    duration(entry.queueUs),
    duration(entry.serverUs),
    entry.server ?? '-',
    entry.command,
    entry.key ?? '-',
    `${grouped(entry.requestBytes)} → ${grouped(entry.replyBytes)}`,
    entry.clientName === '' ? entry.client : `${entry.client} ${entry.clientName}`,
    String(entry.worker),
  ]);
  const head = ['when', 'pool', 'total', 'queue', 'server', 'of', 'command', 'key', 'bytes', 'client', 'worker'];
  return textTable([head, ...rows], '', [2, 3, 4]);
}

interface HotKeys {
  readonly pool: string;
  readonly coveredSeconds: number;
  readonly sampledOneIn: number;
  readonly keys: readonly HeavyShare[];
}

export function hotkeysText({ pools }: { readonly pools: readonly HotKeys[] }): string {
  return pools
    .map(({ pool, coveredSeconds, sampledOneIn, keys }) => {
      if (sampledOneIn === 0) return `${pool}: sample_one_in is 0, nothing is looked at\n`;
      const about = `${pool}: the last ${Math.round(coveredSeconds)} s, one request in ${sampledOneIn} looked at\n`;
      return about + heavyText('key', keys, grouped);
    })
    .join('\n');
}

interface BusyClients {
  readonly pool: string;
  readonly coveredSeconds: number;
  readonly sampledOneIn: number;
  readonly byRequests: readonly HeavyShare[];
  readonly byBytes: readonly HeavyShare[];
}

export function busyClientsText({ pools }: { readonly pools: readonly BusyClients[] }): string {
  return pools
    .map(({ pool, coveredSeconds, sampledOneIn, byRequests, byBytes }) => {
      if (sampledOneIn === 0) return `${pool}: sample_one_in is 0, nothing is looked at\n`;
      const about = `${pool}: the last ${Math.round(coveredSeconds)} s\n`;
      const requests = heavyText('client, by requests', byRequests, grouped);
      return `${about}${requests}${heavyText('client, by bytes', byBytes, grouped)}`;
    })
    .join('\n');
}

interface BigKeys {
  readonly pool: string;
  readonly largestReads: readonly LargeItem[];
  readonly largestWrites: readonly LargeItem[];
  readonly widest: readonly LargeItem[];
}

export function bigkeysText({ pools }: { readonly pools: readonly BigKeys[] }): string {
  const list = (head: string, unit: string, items: readonly LargeItem[]): string => {
    if (items.length === 0) return '';
    const rows = items.map(({ item, size, command }) => [item, command, grouped(size)]);
    return textTable([[head, 'command', unit], ...rows], '  ', [2]);
  };
  return pools
    .map(({ pool, largestReads, largestWrites, widest }) => {
      const lists = [
        list('key, largest replies', 'bytes', largestReads),
        list('key, largest writes', 'bytes', largestWrites),
        list('first key, requests of most keys', 'keys', widest),
      ].join('');
      return `${pool}:${lists === '' ? ' nothing large' : ''}\n${lists}`;
    })
    .join('\n');
}

interface Commands {
  readonly pool: string;
  readonly commands: readonly { readonly command: string; readonly requests: number; readonly lastMinute: Latencies }[];
}

export function commandsText({ pools }: { readonly pools: readonly Commands[] }): string {
  return pools
    .map(({ pool, commands }) => {
      const rows = commands.map(({ command, requests, lastMinute }) => [
        command,
        grouped(requests),
        ...latencyCells(lastMinute),
      ]);
      const head = ['command', 'ever', 'last minute', '/s', 'p50', 'p99', 'max'];
      return `${pool}:\n${textTable([head, ...rows], '  ', [1, 2, 3, 4, 5, 6])}`;
    })
    .join('\n');
}

interface Windows {
  readonly [window: string]: Latencies;
}

interface PoolLatency {
  readonly pool: string;
  readonly total: Windows;
  readonly servers: readonly { readonly server: string; readonly taken: Windows; readonly waited: Windows }[];
}

export function latencyText({ pools }: { readonly pools: readonly PoolLatency[] }): string {
  return pools
    .map(({ pool, total, servers }) => {
      const rows = (what: string, windows: Windows) =>
        Object.entries(windows).map(([window, latencies]) => [what, window, ...latencyCells(latencies)]);
      const table = [
        ['', 'last', 'requests', '/s', 'p50', 'p99', 'max'],
        ...rows('clients wait', total),
        ...servers.flatMap(({ server, taken }) => rows(server, taken)),
      ];
      return `${pool}:\n${textTable(table, '  ', [2, 3, 4, 5, 6])}`;
    })
    .join('\n');
}

function heavyText(head: string, items: readonly HeavyShare[], text: (count: number) => string): string {
  const rows = items.map(({ item, count, error, share, perSecond }) => [
    item,
    percent(share),
    text(Math.round(perSecond)),
    text(Math.round(count)),
    error === 0 ? '' : `-${text(Math.round(error))}`,
  ]);
  return textTable([[head, 'share', '/s', 'count', 'error'], ...rows], '  ', [1, 2, 3, 4]);
}

function latencyCells({ requests, perSecond, p50Us, p99Us, maxUs }: Latencies): string[] {
  return [grouped(requests), grouped(Math.round(perSecond)), duration(p50Us), duration(p99Us), duration(maxUs)];
}

/** `87 µs`, `1.25 ms`, `2.50 s` */
function duration(us: number): string {
  if (us < 1000) return `${Math.round(us)} µs`;
  return us < 1e6 ? `${(us / 1000).toFixed(2)} ms` : `${(us / 1e6).toFixed(2)} s`;
}
