import { createServer, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { BACKEND_FIELDS } from '../figures/backend-fields.ts';
import { POOL_FIELDS } from '../figures/pool-fields.ts';
import type { PoolSnapshot, StatField } from '../figures/statistics.ts';
import type { Log } from '../system/log.ts';
import { ConnectionBook } from './connection-book.ts';
import { joinRunning } from './join-running.ts';
import { closeServer, type HostPort, handleOf, listenOn } from './listen.ts';
import type { Totals } from './totals.ts';

export interface StatsPortOptions {
  readonly totals: Totals;
  /** Ringmaster's. */
  readonly version: string;
  /** Asks the workers for new figures; resolves when they have come, or soon anyway. */
  readonly fresh: () => Promise<void>;
  readonly log: Log;
  /** How long a client may take to read its line and close. */
  readonly clientTimeoutMs?: number;
}

const CLIENT_TIMEOUT_MS = 5000;
const MAX_CONNECTIONS = 128;
const MAX_CONNECTIONS_OF_ADDRESS = 96;
/** Who has its line and does not close goes first when there are too many, then who has waited longest for it. */
const ANSWERED = 0;
const WAITING = 1;

/** twemproxy's statistics port: who connects gets one line of JSON, then the connection closes. Nothing is read. */
export class StatsPort {
  private readonly server: Server;
  private readonly options: StatsPortOptions;
  private readonly book = new ConnectionBook(MAX_CONNECTIONS, MAX_CONNECTIONS_OF_ADDRESS);
  private readonly startedAtMs = performance.now();
  private readonly line: () => Promise<string>;

  constructor(options: StatsPortOptions) {
    this.options = options;
    this.line = joinRunning(async () => {
      await options.fresh().catch(error => options.log.warn({ err: error }, 'statistics are not up to date'));
      return this.format();
    });
    // Half-open: a client may send FIN first and still gets its line.
    this.server = createServer({ allowHalfOpen: true }, socket => this.serve(socket));
  }

  /**
   * Resolves with the actual address; rejects with an Error whose message is the sentence to show. `handle`: see `listenOn`.
   */
  async listen(address: HostPort, handle: object | null = null): Promise<HostPort> {
    const actual = await listenOn(this.server, address, 'statistics port', handle);
    this.server.on('error', error => this.options.log.error({ err: error }, 'statistics port'));
    return actual;
  }

  /** Stops listening and cuts off who is connected. */
  async close(): Promise<void> {
    const closed = closeServer(this.server);
    this.book.destroyAll();
    await closed;
  }

  /** While it listens. */
  get handle(): object {
    return handleOf(this.server);
  }

  private async serve(socket: Socket): Promise<void> {
    const deadline = setTimeout(() => socket.destroy(), this.options.clientTimeoutMs ?? CLIENT_TIMEOUT_MS);
    socket.once('close', () => clearTimeout(deadline));
    socket.on('error', () => socket.destroy());
    this.book.enter(socket, WAITING);
    // Bytes left unread would turn our close into a reset, which takes the line from the client's hands.
    socket.resume();
    try {
      socket.end(await this.line());
      this.book.rank(socket, ANSWERED);
    } catch (error) {
      this.options.log.error({ err: error }, 'statistics port failed');
      socket.destroy();
    }
  }

  private format(): string {
    const { totals, version } = this.options;
    const pools = totals.pools();
    // twemproxy counts all its connections here, the listening one of each pool too.
    let current = pools.length;
    let total = pools.length;
    for (const { stats, backends } of pools) {
      current += stats.clientConnections;
      total += stats.clientConnectionsTotal;
      for (const backend of backends) {
        current += backend.stats.serverConnections;
        total += backend.stats.reconnects;
      }
    }
    const head = [
      member('service', 'nutcracker'),
      member('source', hostname()),
      member('version', version),
      member('uptime', Math.floor((performance.now() - this.startedAtMs) / 1000)),
      member('timestamp', Math.floor(Date.now() / 1000)),
      member('total_connections', total),
      member('curr_connections', current),
    ];
    return `${object(head, pools.map(formatPool))}\n`;
  }
}

// Written by hand, in twemproxy's spacing, because of its order: an object would put names that are numbers first.

function formatPool({ name, stats, backends }: PoolSnapshot): string {
  const servers = backends.map(
    backend => `${JSON.stringify(backend.name)}: ${object(members(BACKEND_FIELDS, backend.stats), [])}`,
  );
  return `${JSON.stringify(name)}: ${object(members(POOL_FIELDS, stats), servers)}`;
}

/** twemproxy puts a space after a figure's comma and none after that of an object. */
function object(figures: readonly string[], objects: readonly string[]): string {
  return `{${[...figures, ...(objects.length > 0 ? [objects.join(',')] : [])].join(', ')}}`;
}

function members<Stats>(fields: readonly StatField<Stats>[], stats: Stats): string[] {
  const parts: string[] = [];
  for (const { field, statsName } of fields) if (statsName !== null) parts.push(member(statsName, stats[field]));
  return parts;
}

function member(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

/** The fields of the statistics port and what each means, in the layout of `nutcracker --describe-stats`. */
export function describeStats(): string {
  return `pool stats:\n${describe(POOL_FIELDS)}\nserver stats:\n${describe(BACKEND_FIELDS)}`;
}

function describe(fields: readonly { readonly statsName: string | null; readonly help: string }[]): string {
  let text = '';
  for (const { statsName, help } of fields) if (statsName !== null) text += `  ${statsName.padEnd(20)}"${help}"\n`;
  return text;
}
