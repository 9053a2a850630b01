// A pool without servers: what the router sends stays here until a test answers it.
import type { TestContext } from 'node:test';
import { PoolCommands } from '../../src/figures/command-times.ts';
import { PoolStats } from '../../src/figures/statistics.ts';
import { Clock } from '../../src/loop/clock.ts';
import { Turn } from '../../src/loop/turn.ts';
import { MemoryCeiling } from '../../src/memory/memory-ceiling.ts';
import type { Framer, Protocol, RequestParser, Session } from '../../src/protocol/protocol.ts';
import { redisProtocol } from '../../src/protocol/redis/redis.ts';
import { ClientConnection } from '../../src/proxy/client/client-connection.ts';
import { PausedClients } from '../../src/proxy/client/paused-clients.ts';
import type { ClientLimits } from '../../src/proxy/client-host.ts';
import type { ClientOwner } from '../../src/proxy/client-owner.ts';
import { Arrival } from '../../src/proxy/entrance/arrival.ts';
import { AuditTrail } from '../../src/proxy/insight/audit-trail.ts';
import { KeyTrail } from '../../src/proxy/insight/key-trail.ts';
import { ReplyTimer } from '../../src/proxy/insight/reply-timer.ts';
import { SlowRequests } from '../../src/proxy/insight/slow-requests.ts';
import { TrafficWatch } from '../../src/proxy/insight/traffic-watch.ts';
import { ClientSeat } from '../../src/proxy/limits/client-seat.ts';
import { Places } from '../../src/proxy/limits/places.ts';
import { ShareOffice } from '../../src/proxy/limits/share-office.ts';
import { PoolPause } from '../../src/proxy/pool-pause.ts';
import { Router } from '../../src/proxy/router.ts';
import { Tenants } from '../../src/proxy/tenants.ts';
import type { FailureReason } from '../../src/request/failure.ts';
import type { Request } from '../../src/request/request.ts';
import { RequestBytes } from '../../src/request/request-bytes.ts';
import { streamSocket } from '../../src/socket/sockets.ts';
import type { StreamSocket } from '../../src/socket/stream-socket.ts';
import type { Pool } from '../../src/upstream/pool.ts';
import { CollectedLog } from './collected-log.ts';
import { IDLE_RESHARD } from './idle-origin.ts';
import type { RawClient } from './raw-client.ts';
import { ReplyCollector } from './reply-collector.ts';
import { socketPair } from './socket-pair.ts';

/** One request at a fake backend. */
export class SentRequest {
  readonly request: Request;
  readonly bytes: Buffer;
  /** Of the connection it was sent on. */
  readonly variant: number;

  constructor(request: Request, bytes: Buffer, variant: number) {
    this.request = request;
    this.bytes = bytes;
    this.variant = variant;
  }

  /** The request as text. */
  get text(): string {
    return this.bytes.toString('latin1');
  }

  /** Answers it, in pieces of `pieceBytes`, each of which is overwritten once it was handed over. */
  reply(text: string, pieceBytes = text.length): void {
    for (let at = 0; at < text.length; at += pieceBytes) {
      const piece = Buffer.from(`<<<${text.slice(at, at + pieceBytes)}>>>`, 'latin1');
      const isLast = at + pieceBytes >= text.length;
      this.request.sink?.onReply(this.request, piece, 3, piece.length - 3, isLast, null);
      piece.fill('!');
    }
  }

  /** The beginning of a reply. */
  replyPart(bytes: Buffer): void {
    const copy = Buffer.from(bytes);
    this.request.sink?.onReply(this.request, copy, 0, copy.length, false, null);
    copy.fill('!');
  }

  fail(reason: FailureReason): void {
    this.request.sink?.onFailure(this.request, reason);
  }
}

export class FakeBackendOfPool {
  readonly sent: SentRequest[] = [];
  isEjected = false;
  readonly place: number;
  /** Requests fail with it before `send` returns. */
  failsWith: FailureReason | null = null;

  private variant = 0;

  constructor(place: number) {
    this.place = place;
  }

  get isLive(): boolean {
    return !this.isEjected;
  }

  connectionFor(_clientId: number, variant: number): this {
    this.variant = variant;
    return this;
  }

  send(request: Request, bytes: RequestBytes): void {
    const out = new ReplyCollector();
    bytes.appendTo(out);
    const sent = new SentRequest(request, out.bytes, this.variant);
    this.sent.push(sent);
    if (this.failsWith !== null) sent.fail(this.failsWith);
  }

  /** Takes the oldest request that was not taken yet. */
  take(): SentRequest {
    const sent = this.sent.shift();
    if (sent === undefined) throw new Error('nothing was sent to this backend');
    return sent;
  }
}

/** Keys choose their backend by their first character: '0…' the first one. */
export class FakePool {
  readonly name = 'fake';
  readonly stats = new PoolStats();
  readonly cluster = null;
  readonly reads = null;
  reshard = null;
  backends: FakeBackendOfPool[] = [];
  private nextAny = 0;

  constructor(count: number) {
    this.resize(count);
  }

  get holders(): FakeBackendOfPool[] {
    return this.backends;
  }

  /** Servers come or go. */
  resize(count: number): void {
    this.backends = Array.from({ length: count }, (_, place) => this.backends[place] ?? new FakeBackendOfPool(place));
  }

  pick(buf: Buffer, start: number): FakeBackendOfPool | null {
    const backend = this.backends[((buf[start] as number) - 48) % this.backends.length];
    return backend === undefined || backend.isEjected ? null : backend;
  }

  pickAny(): FakeBackendOfPool | null {
    const { backends } = this;
    return backends.every(backend => backend.isEjected) ? null : backends[this.nextAny++ % backends.length]!;
  }

  asPool(): Pool {
    return this as unknown as Pool;
  }
}

export const ROOMY_LIMITS: ClientLimits = {
  maxRequestBytes: 64 << 20,
  maxPipeline: 4096,
  bufferBytes: 1 << 20,
  outputLimitBytes: 1 << 30,
  sweepTimeoutMs: 60_000,
  maxSweeps: 2,
  subscriptions: { ofClient: 1000, ofWorker: 10_000 },
  reshard: IDLE_RESHARD,
};

export interface ConnectedClient {
  readonly client: ClientConnection;
  readonly far: RawClient;
  readonly socket: StreamSocket;
  /** The proxy reads nothing from it for now. */
  isPaused(): boolean;
}

/** A client connection of the proxy on a real socket, over a fake pool. */
export class FakeFrontend implements ClientOwner {
  readonly poolName = 'fake';
  readonly pool: FakePool;
  readonly stats: PoolStats;
  readonly protocol: Protocol;
  parser: RequestParser;
  readonly router: Router;
  readonly requestBytes = new RequestBytes();
  readonly pausedClients = new PausedClients();
  readonly pause = new PoolPause(() => {});
  limits: ClientLimits;
  readonly turn = new Turn();
  readonly clock = new Clock(this.turn);
  readonly tenants = new Tenants({
    ...{ clock: this.clock, turn: this.turn, stats: new PoolStats() },
    office: new ShareOffice({ ask: () => {}, give: () => {} }, this.clock),
    tellLimiting: () => {},
  });
  readonly commands = new PoolCommands();
  readonly replyTimer = new ReplyTimer(this.clock, this.turn);
  readonly keyTrail = new KeyTrail();
  readonly keepsKeys = true;
  readonly watch = new TrafficWatch(this.clock);
  readonly log = new CollectedLog();
  readonly slowRequests = new SlowRequests(new PoolStats(), this.keyTrail, this.clock, this.log, () => {});
  readonly audit = new AuditTrail(() => {});
  readonly memory = new MemoryCeiling(this.turn, this.log, null, visit => {
    for (const client of this.clients) visit(client);
  });
  readonly clients: ClientConnection[] = [];
  readonly systemCalls = null;
  readonly gone: ClientConnection[] = [];
  readonly places = new Places('fake', { ask: () => {}, giveBack: () => {} });
  private nextId = 1;

  constructor(backends: number, limits: Partial<ClientLimits> = {}, protocol: Protocol = redisProtocol) {
    this.pool = new FakePool(backends);
    this.stats = this.pool.stats;
    this.protocol = protocol;
    this.limits = { ...ROOMY_LIMITS, ...limits };
    this.parser = protocol.createParser(this.parserOptions());
    this.router = new Router(this.pool.asPool(), protocol, false, ROOMY_LIMITS);
  }

  askServers(then: () => void): void {
    setImmediate(then);
  }

  createFramer(session: Session): Framer {
    return this.protocol.createFramer(this.parserOptions(), session);
  }

  addClient(client: ClientConnection): void {
    this.clients.push(client);
  }

  removeClient(client: ClientConnection): void {
    this.gone.push(client);
  }

  begin(arrival: Arrival, seat: ClientSeat): void {
    new ClientConnection(this.nextId++, arrival, seat, this);
  }

  turnAway(): void {}

  /** As a reload does it. */
  setLimits(limits: Partial<ClientLimits>): void {
    this.limits = { ...this.limits, ...limits };
    this.parser = this.protocol.createParser(this.parserOptions());
  }

  /** Backend `index`. */
  backend(index: number): FakeBackendOfPool {
    return this.pool.backends[index] as FakeBackendOfPool;
  }

  /** A connected client: the proxy's end of it, and the far one. */
  async connect(t: TestContext): Promise<ConnectedClient> {
    const { socket, far } = await socketPair(t);
    const stream = streamSocket(socket);
    t.after(() => stream.destroy());
    let isPaused = false;
    const { pause, resume } = stream;
    stream.pause = () => {
      isPaused = true;
      pause.call(stream);
    };
    stream.resume = () => {
      isPaused = false;
      resume.call(stream);
    };
    new ClientSeat(this.places, new Arrival(stream, this, null, '', []), stream.peer, null).find();
    const client = this.clients.at(-1) as ClientConnection;
    return { client, far, socket: stream, isPaused: () => isPaused };
  }

  private parserOptions() {
    const { maxRequestBytes } = this.limits;
    return { poolName: this.poolName, version: '1.2.3', maxRequestBytes, password: null };
  }
}
