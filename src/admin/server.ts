import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Log } from '../core/log.ts';
import { joinRunning } from './join-running.ts';
import { closeServer, type HostPort, listenOn } from './listen.ts';
import type { ReadinessReport } from './readiness.ts';

export interface AdminServerOptions {
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  readonly readiness: { check(): Promise<ReadinessReport> };
  /** Asks the workers for new figures; resolves when they have come, or soon anyway. */
  readonly fresh: () => Promise<void>;
  readonly log: Log;
  /** How long a client may take to send its request, and again to take its answer. */
  readonly clientTimeoutMs?: number;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const CLIENT_TIMEOUT_MS = 10_000;
/** Connections over it are closed unheard. */
const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 8192;
const MAX_CHECK_INTERVAL_MS = 1000;

const TEXT = 'text/plain; charset=utf-8';

const INDEX = `Ringmaster

/metrics   figures for Prometheus
/healthz   200 while the master lives
/readyz    200 when every pool has a listening worker and a reachable server, else 503; the body says why
`;

/**
 * The admin HTTP server: GET and HEAD, one request a connection. Clients that stall are cut off, so that they hold
 * neither the server nor each other.
 */
export class AdminServer {
  private readonly server: Server;
  private readonly log: Log;
  private readonly clientTimeoutMs: number;
  private readonly pages: ReadonlyMap<string, () => Answer | Promise<Answer>>;

  constructor(options: AdminServerOptions) {
    const { metrics, readiness, fresh, log } = options;
    this.log = log;
    this.clientTimeoutMs = options.clientTimeoutMs ?? CLIENT_TIMEOUT_MS;
    const scrape = joinRunning(async () => {
      await fresh().catch(error => log.warn({ err: error }, 'metrics are not up to date'));
      return metrics.render();
    });
    const check = joinRunning(() => readiness.check());
    this.pages = new Map<string, () => Answer | Promise<Answer>>([
      ['/', () => text(200, INDEX)],
      ['/healthz', () => text(200, 'ok\n')],
      ['/metrics', async () => ({ status: 200, type: metrics.contentType, body: await scrape() })],
      ['/readyz', async () => readyAnswer(await check())],
    ]);
    this.server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: this.clientTimeoutMs,
        requestTimeout: this.clientTimeoutMs,
        connectionsCheckingInterval: Math.min(MAX_CHECK_INTERVAL_MS, this.clientTimeoutMs),
      },
      (request, response) => this.serve(request, response),
    );
    this.server.maxConnections = MAX_CONNECTIONS;
    this.server.maxRequestsPerSocket = 1;
  }

  /** Resolves with the actual address; rejects with an Error whose message is the sentence to show. */
  async listen(address: HostPort): Promise<HostPort> {
    const actual = await listenOn(this.server, address, 'admin server');
    this.server.on('error', error => this.log.error({ err: error }, 'admin server'));
    return actual;
  }

  /** Stops listening and cuts off who is connected. */
  async close(): Promise<void> {
    const closed = closeServer(this.server);
    this.server.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const deadline = setTimeout(() => request.socket.destroy(), this.clientTimeoutMs);
    response.once('close', () => clearTimeout(deadline));
    const { status, type, body } = await this.answer(request, response);
    const bytes = Buffer.from(body);
    response.writeHead(status, {
      'content-type': type,
      'content-length': bytes.length,
      'cache-control': 'no-store',
      connection: 'close',
    });
    response.end(bytes);
  }

  private async answer({ method, url = '/' }: IncomingMessage, response: ServerResponse): Promise<Answer> {
    const page = this.pages.get(url.split('?', 1)[0]!);
    if (page === undefined) return text(404, `Not found. There is: ${[...this.pages.keys()].join(' ')}\n`);
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return text(405, 'Method not allowed: only GET and HEAD are.\n');
    }
    try {
      return await page();
    } catch (error) {
      this.log.error({ err: error, url }, 'admin page failed');
      return text(500, 'Internal error; the log has more.\n');
    }
  }
}

function text(status: number, body: string): Answer {
  return { status, type: TEXT, body };
}

function readyAnswer(report: ReadinessReport): Answer {
  const body = `${JSON.stringify(report, null, 2)}\n`;
  return { status: report.ready ? 200 : 503, type: 'application/json', body };
}
