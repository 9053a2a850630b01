import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Overview, ServerRow, WorkerRow } from '../master/monitoring/state-api.ts';
import { type ClientList, clientsText } from './clients.ts';
import { askPath } from './daemon-command.ts';
import { print } from './print.ts';
import { printable, serversText, statsText, workersText } from './state-text.ts';

const EVERY_MS = 1000;
/** A terminal that does not tell its size. */
const USUAL_COLUMNS = 80;
const USUAL_ROWS = 24;
/** Those of most requests. */
const CLIENTS_SHOWN = 10;
const CLEAR = '\x1b[H\x1b[2J';

/** By which servers are sorted. */
const ORDERS = [
  { name: 'rate', of: (row: ServerRow) => row.requestsPerSecond },
  { name: 'p99', of: (row: ServerRow) => row.p99Us },
  { name: 'inflight', of: (row: ServerRow) => row.inflight },
  { name: 'errors', of: (row: ServerRow) => row.errorReplies + row.failures },
] as const;

interface View {
  /** Of all pools: -1. */
  pool: number;
  order: number;
}

/** `ringmaster top`: a screen every second until `q`, or one where there is no terminal to show it on. */
export async function runTop(command: Command): Promise<void> {
  const { stdin, stdout } = process;
  const view: View = { pool: -1, order: 0 };
  const isLive = stdout.isTTY === true && stdin.isTTY === true && command.opts<{ json: boolean }>().json === false;
  if (!isLive) {
    await print(await screen(command, view, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY));
    return;
  }
  const stop = new AbortController();
  let redraw = new AbortController();
  stdin.setRawMode(true);
  stdin.on('data', (bytes: Buffer) => {
    for (const key of String(bytes)) {
      if (key === 'q' || key === '\x03') stop.abort();
      else if (key === 'p') view.pool++;
      else if (key === 's') view.order = (view.order + 1) % ORDERS.length;
    }
    redraw.abort();
  });
  try {
    while (!stop.signal.aborted) {
      const text = await screen(command, view, stdout.columns || USUAL_COLUMNS, stdout.rows || USUAL_ROWS).catch(
        (error: Error) => `${error.message}\n`,
      );
      await print(CLEAR + text);
      redraw = new AbortController();
      if (!stop.signal.aborted) await delay(EVERY_MS, null, { signal: redraw.signal }).catch(() => {});
    }
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
  }
}

async function screen(command: Command, view: View, columns: number, rows: number): Promise<string> {
  const overview = await ask<Overview>(command, 'overview');
  const names = overview.pools.map(({ pool }) => pool);
  if (view.pool >= names.length) view.pool = -1;
  const pool = names[view.pool] ?? null;
  const query = new URLSearchParams({ count: '1000', ...(pool !== null && { pool }) });
  const { servers } = await ask<{ servers: ServerRow[] }>(command, `servers?${query}`);
  const workers = await ask<{ workers: WorkerRow[] }>(command, 'workers?count=1000');
  const chosen = new URLSearchParams({ count: String(CLIENTS_SHOWN), ...(pool !== null && { pool }) });
  const clients = await ask<ClientList>(command, `clients?${chosen}`);
  if (command.opts<{ json: boolean }>().json)
    return `${JSON.stringify({ overview, servers, ...workers, clients: clients.clients }, null, 2)}\n`;
  const order = ORDERS[view.order] as (typeof ORDERS)[number];
  const sorted = servers.toSorted((a, b) => order.of(b) - order.of(a));
  const keys = `q quit  p pool: ${pool ?? 'all'}  s sort: ${order.name}`;
  const text = [statsText(overview), serversText({ servers: sorted }), workersText(workers), clientsText(clients)].join(
    '\n',
  );
  const lines = [...(Number.isFinite(rows) ? [keys] : []), ...text.trimEnd().split('\n')];
  return `${lines
    .slice(0, rows - 1)
    .map(line => printable(line).slice(0, columns))
    .join('\n')}\n`;
}

async function ask<T>(command: Command, path: string): Promise<T> {
  return JSON.parse(await askPath(command, `/api/v1/${path}`)) as T;
}
