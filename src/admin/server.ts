import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { ListenTls } from '../system/listen-tls.ts';
import type { Log } from '../system/log.ts';
import { isLoopback, mayChange, mayRead, type Refusal } from './access.ts';
import type { Api, JsonAnswer } from './api.ts';
import { ConnectionBook, KEPT } from './connection-book.ts';
import type { EventStream } from './event-stream.ts';
import { joinRunning } from './join-running.ts';
import {
  closeServer,
  closeSocket,
  type HostPort,
  handleOf,
  leaveSocket,
  listenOn,
  listenOnSocket,
  type SocketPath,
} from './listen.ts';
import type { ReadinessReport } from './readiness.ts';
import { BodyError, readJsonBody } from './request-body.ts';
import { PAGE_HEADERS, type StaticFile, staticFiles } from './static-files.ts';
import { TlsDoor } from './tls-door.ts';
import { Turns } from './turns.ts';

export interface AdminServerOptions {
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  readonly readiness: { check(): Promise<ReadinessReport> };
  /** Asks the workers for new figures; resolves when they have come, or soon anyway. */
  readonly fresh: () => Promise<void>;
  /** The running configuration, without secrets. */
  readonly config: () => object;
  /** It may show what a web page should not see. */
  readonly api: Api;
  /** What is sent to who asks for /api/v1/stream. */
  readonly stream: EventStream;
  /** What a POST to each of these paths does; it does not reject. */
  readonly control: ReadonlyMap<string, (by: string) => Promise<JsonAnswer>>;
  /** What such a POST must carry; null: nothing, on loopback. */
  readonly token: () => string | null;
  readonly log: Log;
  /** How long a client may take to send its request, and again to take its answer. */
  readonly clientTimeoutMs?: number;
}

/** A bound address that is served, until `close`: then who is being answered still gets the answer. */
export interface AdminListener<Address = HostPort | SocketPath> {
  readonly address: Address;
  /** Node's, for another process. */
  readonly handle: object;
  close(): void;
  /** As `close`, where another process listens on the same socket. */
  leave(): void;
  /** From the next connection on; null: it is not spoken. Throws an Error for what OpenSSL can't use. */
  speakTls(tls: ListenTls | null): void;
}

/** By which way a request came. Who may open a socket may do everything. */
type Door = 'socket' | 'loopback' | 'network';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Page = (headers: IncomingHttpHeaders) => Answer | Promise<Answer>;

const CLIENT_TIMEOUT_MS = 10_000;
/** A connection may be silent for so long between two requests: longer than Prometheus usually takes. */
const KEEP_ALIVE_MS = 75_000;
const REQUESTS_OF_CONNECTION_MAX = 10_000;
const MAX_CONNECTIONS = 64;
const MAX_CONNECTIONS_OF_ADDRESS = 48;
/** Who has not sent a request, or no other yet, goes first when there are too many, then who does not take its answer. */
const SILENT = 0;
const ANSWERED = 1;
const MAX_HEADER_BYTES = 8192;
const MAX_CHECK_INTERVAL_MS = 1000;

const STREAM = '/api/v1/stream';
const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

const INDEX = `Ringmaster

GET  /metrics             figures for Prometheus
GET  /healthz             200 while the master lives
GET  /readyz              200 when every pool has a listening worker and a reachable server, else 503; the body says why
GET  /config              the configuration in force, without passwords
GET  /api/v1/latency      how long requests take, by pool and server
GET  /api/v1/commands     which commands are asked, and how long they take
GET  /api/v1/slowlog      the slowest requests
GET  /api/v1/hotkeys      the keys that are asked for most
GET  /api/v1/bigkeys      the largest values, and the requests of most keys
GET  /api/v1/busyclients  the clients that ask most
GET  /api/v1/clients      the clients that are connected; DELETE /api/v1/clients/{id} cuts one off
GET  /api/v1/settings     the settings, and what the file says of them
PATCH /api/v1/settings    change settings, in all workers or in none
POST /api/v1/settings/save          write what was changed into the file
GET  /api/v1/settings/differences   what runs against the file as it is now
GET  /api/v1/overview, pools, servers, workers, events, history, ring, stream
GET  /api/v1/blocks       what is blocked; POST blocks something, DELETE /api/v1/blocks/{id} takes it back
GET  /api/v1/reshard      how far a reshard is; POST /api/v1/reshard/plan|start|pause|resume|pace|abort
POST /api/v1/servers/{pool}/{server}/eject|drain|readmit
POST /-/reload            read the configuration file again and serve by it
POST /-/restart-workers   replace the workers one by one
POST /api/v1/upgrade      have a new master take the place of this one
`;

/**
 * The admin HTTP server. Clients that stall are cut off, or make room for others, so that they hold neither the server nor
 * each other; of a connection one request is answered at a time.
 */
export class AdminServer {
  private readonly options: AdminServerOptions;
  private readonly log: Log;
  private readonly clientTimeoutMs: number;
  private readonly pages: ReadonlyMap<string, Page>;
  private readonly book = new ConnectionBook(MAX_CONNECTIONS, MAX_CONNECTIONS_OF_ADDRESS);
  private readonly turns = new Turns<Socket>();
  private readonly closers = new Set<() => Promise<void>>();
  private readonly servers = new Set<Server>();

  constructor(options: AdminServerOptions) {
    const { metrics, readiness, fresh, log } = options;
    this.options = options;
    this.log = log;
    this.clientTimeoutMs = options.clientTimeoutMs ?? CLIENT_TIMEOUT_MS;
    const scrape = joinRunning(async () => {
      await fresh().catch(error => log.warn({ err: error }, 'metrics are not up to date'));
      return metrics.render();
    });
    const check = joinRunning(() => readiness.check());
    const files = [...staticFiles()].map(([path, file]): [string, Page] => [path, () => pageFile(file())]);
    const page = staticFiles().get('/page/index.html')!;
    this.pages = new Map<string, Page>([
      // curl gets the list, a browser the page.
      ['/', ({ accept = '' }) => (accept.includes('text/html') ? pageFile(page()) : text(200, INDEX))],
      ...files,
      ['/healthz', () => text(200, 'ok\n')],
      ['/metrics', async () => ({ status: 200, type: metrics.contentType, body: await scrape() })],
      ['/readyz', async () => readyAnswer(await check())],
      ['/config', () => json(200, options.config())],
    ]);
  }

  /**
   * Serves at an address, until its listener is closed, in TLS where `tls` is given. `handle`: see `listenOn`. Rejects with an Error whose message is the
   * sentence to show.
   */
  async open(
    address: HostPort,
    handle: object | null = null,
    tls: ListenTls | null = null,
  ): Promise<AdminListener<HostPort>> {
    let door: Door = 'network';
    const server = this.createServer(() => door);
    const tlsDoor = new TlsDoor(server, tls, {
      log: this.log,
      onPlain: socket => this.book.enter(socket, SILENT),
      // It enters the book anew, as what is served.
      onSecured: (_, plain) => this.book.leave(plain),
    });
    const actual = await listenOn(server, address, 'admin server', handle);
    if (isLoopback(actual.host)) door = 'loopback';
    const close = () => void closeServer(server);
    this.began(server, close);
    const speakTls = (next: ListenTls | null) => tlsDoor.use(next);
    return { address: actual, handle: handleOf(server), close, leave: close, speakTls };
  }

  /** The same on a unix socket. */
  async openSocket(address: SocketPath, handle: object | null = null): Promise<AdminListener<SocketPath>> {
    const server = this.createServer(() => 'socket');
    const listening = await listenOnSocket(server, address, 'admin server', handle);
    const close = () => closeSocket(server, listening);
    this.began(server, close);
    const leave = () => leaveSocket(server, listening);
    return { address, handle: handleOf(server), close, leave, speakTls: () => {} };
  }

  /** Resolves when nobody is connected any more, or after `withinMs`. */
  async untilAnswered(withinMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    await Promise.race([Promise.all([...this.servers].map(server => once(server, 'close'))), late]);
    clearTimeout(timer);
  }

  /** Stops listening and cuts off who is connected. */
  async close(): Promise<void> {
    await Promise.all([...this.closers].map(close => close()));
  }

  private createServer(door: () => Door): Server {
    const server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: this.clientTimeoutMs,
        requestTimeout: this.clientTimeoutMs,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: Math.min(MAX_CHECK_INTERVAL_MS, this.clientTimeoutMs),
      },
      (request, response) => {
        const serve = () => this.serve(request, response, door(), server);
        if (!this.turns.take(request.socket, serve)) request.socket.destroy();
      },
    );
    server.on('connection', socket => this.book.enter(socket, SILENT));
    server.maxRequestsPerSocket = REQUESTS_OF_CONNECTION_MAX;
    return server;
  }

  private began(server: Server, stop: () => void): void {
    server.on('error', error => this.log.error({ err: error }, 'admin server'));
    const close = async () => {
      this.closers.delete(close);
      const closed = once(server, 'close');
      stop();
      server.closeAllConnections();
      if (server.listening) return;
      await closed;
    };
    this.closers.add(close);
    this.servers.add(server);
    server.once('close', () => {
      this.closers.delete(close);
      this.servers.delete(server);
    });
  }

  /** Answers a request; resolves when the client has the answer, or is gone. */
  private async serve(request: IncomingMessage, response: ServerResponse, door: Door, server: Server): Promise<void> {
    const { socket } = request;
    if (socket.destroyed) return;
    this.book.rank(socket, KEPT);
    const closed = new Promise<void>(resolve => response.once('close', resolve));
    if (request.method === 'GET' && request.url === STREAM && this.listens(request, response, door)) return closed;
    const { status, type, body, headers } = await this.answer(request, door);
    if (socket.destroyed) return;
    this.book.rank(socket, ANSWERED);
    // What a client does with its answer must not take long; how long the answer takes is our own affair.
    const deadline = setTimeout(() => socket.destroy(), this.clientTimeoutMs);
    const bytes = Buffer.from(body);
    response.writeHead(status, {
      'content-type': type,
      'content-length': bytes.length,
      'cache-control': 'no-store',
      // What is left of the request is not waited for, and nothing more is taken at an address that was given up.
      ...((!request.complete || !server.listening) && { connection: 'close' }),
      ...headers,
    });
    response.end(bytes);
    await closed;
    clearTimeout(deadline);
    this.book.rank(socket, SILENT);
  }

  private listens({ headers, socket }: IncomingMessage, response: ServerResponse, door: Door): boolean {
    const { stream } = this.options;
    if (stream.isFull || mayReadBy(door, headers) !== null) return false;
    this.book.leave(socket);
    stream.accept(response);
    return true;
  }

  private async answer(request: IncomingMessage, door: Door): Promise<Answer> {
    const { method = '', url = '/', headers } = request;
    const path = url.split('?', 1)[0]!;
    try {
      const act = this.options.control.get(path);
      if (act !== undefined) {
        if (method !== 'POST') return notAllowed('POST');
        const refusal = mayChangeBy(door, headers, this.options.token());
        if (refusal !== null) return this.refuse(path, refusal);
        const { status, body } = await act(whoAsks(request));
        return json(status, body);
      }
      if (path === STREAM) return this.answerStream(request, door);
      if (path.startsWith('/api/')) return await this.answerApi(request, path, door);
      const page = this.pages.get(path);
      if (page === undefined) return text(404, `Not found. There is: ${this.paths().join(' ')}\n`);
      if (method !== 'GET' && method !== 'HEAD') return notAllowed('GET, HEAD');
      const refusal = path === '/config' ? mayReadBy(door, headers) : null;
      return refusal === null ? await page(headers) : this.refuse(path, refusal);
    } catch (error) {
      if (error instanceof BodyError) return json(error.status, { result: 'refused', error: error.message });
      this.log.error({ err: error, url }, 'admin page failed');
      return text(500, 'Internal error; the log has more.\n');
    }
  }

  /** Why it is not sent. */
  private answerStream({ method, headers }: IncomingMessage, door: Door): Answer {
    if (method !== 'GET') return notAllowed('GET');
    const refusal = mayReadBy(door, headers);
    if (refusal !== null) return this.refuse(STREAM, refusal);
    return json(503, { result: 'refused', error: 'as many as may listen do already' });
  }

  private async answerApi(request: IncomingMessage, path: string, door: Door): Promise<Answer> {
    const { method = '', url = '', headers } = request;
    const found = this.options.api.find(method, path);
    if (found === null) return json(404, { result: 'refused', error: 'there is nothing at this path' });
    if (found.route === null) return notAllowed(found.allow);
    const { route, params } = found;
    const isRead = route.method === 'GET';
    const refusal = isRead ? mayReadBy(door, headers) : mayChangeBy(door, headers, this.options.token());
    if (refusal !== null) return this.refuse(path, refusal);
    const query = new URLSearchParams(url.slice(path.length));
    const asked = isRead ? null : await readJsonBody(request, route.maxBodyBytes);
    const { status, body } = await route.handle({ params, query, body: asked, by: whoAsks(request) });
    return json(status, body);
  }

  private refuse(path: string, { status, message }: Refusal): Answer {
    this.log.warn({ path, status, reason: message }, 'admin request refused');
    const answer = json(status, { result: 'refused', error: message });
    return status === 401 ? { ...answer, headers: { 'www-authenticate': 'Bearer' } } : answer;
  }

  private paths(): string[] {
    return [
      ...[...this.pages.keys()].filter(path => !path.startsWith('/page/')),
      ...new Set(this.options.api.routes.map(({ path }) => path)),
      ...this.options.control.keys(),
    ];
  }
}

function mayReadBy(door: Door, headers: IncomingHttpHeaders): Refusal | null {
  return door === 'socket' ? null : mayRead(headers, door === 'loopback');
}

function mayChangeBy(door: Door, headers: IncomingHttpHeaders, token: string | null): Refusal | null {
  return door === 'socket' ? null : mayChange(headers, door === 'loopback', token);
}

/** A name that it gives itself, if it does, and its address. */
function whoAsks({ headers, socket }: IncomingMessage): string {
  const given = headers['x-ringmaster-by'];
  const name = typeof given === 'string' && /^[\x21-\x7e]{1,64}$/.test(given) ? given : 'admin';
  // A connection that was reset has no address any more, but an end of ours.
  const nowhere = socket.localAddress === undefined ? 'the admin socket' : 'an address that is gone';
  return `${name} from ${socket.remoteAddress ?? nowhere}`;
}

function pageFile(file: StaticFile): Answer {
  return { status: 200, ...file, headers: { ...PAGE_HEADERS, vary: 'accept' } };
}

function text(status: number, body: string): Answer {
  return { status, type: TEXT, body };
}

function json(status: number, body: object): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(body, null, 2)}\n` };
}

function notAllowed(allow: string): Answer {
  return { ...text(405, `Method not allowed: only ${allow.replace(', ', ' and ')} here.\n`), headers: { allow } };
}

function readyAnswer(report: ReadinessReport): Answer {
  return json(report.ready ? 200 : 503, report);
}
