import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PoolCommands } from '../figures/command-times.ts';
import type { SlowLog } from '../figures/slow-request.ts';
import type { PoolStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import type { Turn } from '../loop/turn.ts';
import type { HolderWalk, MemoryCeiling } from '../memory/memory-ceiling.ts';
import type { AskClients, ClientAnswer, ClientQuestion } from '../protocol/client-inquiry.ts';
import type { KeptChange } from '../protocol/kept-memory.ts';
import type { ParserOptions, SlowLogSource } from '../protocol/parser-options.ts';
import type { Framer, Protocol, RequestParser, Session } from '../protocol/protocol.ts';
import { RequestBytes } from '../request/request-bytes.ts';
import type { ListenHandle } from '../socket/sockets.ts';
import type { StreamSocket } from '../socket/stream-socket.ts';
import type { TlsGreeting } from '../socket/tls-intake.ts';
import type { Log } from '../system/log.ts';
import type { SystemCalls } from '../system/system-calls.ts';
import type { Pool } from '../upstream/pool.ts';
import { ClientConnection } from './client/client-connection.ts';
import { ClientDrain } from './client/client-drain.ts';
import { answerForClients, type ListedClient } from './client/client-roll.ts';
import { IdleClients } from './client/idle-clients.ts';
import { PausedClients } from './client/paused-clients.ts';
import type { ClientLimits } from './client-host.ts';
import type { ClientOwner } from './client-owner.ts';
import { renewAccounts } from './entrance/account-renewal.ts';
import type { ClientRoom } from './entrance/client-room.ts';
import { Entrance, type EntranceOptions } from './entrance/entrance.ts';
import { GreetingPlaces } from './entrance/greeting-places.ts';
import { Reception } from './entrance/reception.ts';
import { SharedPort, type SharedPortOptions } from './entrance/shared-port.ts';
import type { AuditTrail } from './insight/audit-trail.ts';
import type { KeyTrail } from './insight/key-trail.ts';
import type { ReplyTimer } from './insight/reply-timer.ts';
import { slowLogSource } from './insight/slow-log-source.ts';
import { type SlowRequestOptions, SlowRequests } from './insight/slow-requests.ts';
import { TrafficWatch, type TrafficWatchOptions } from './insight/traffic-watch.ts';
import { type PlaceLink, type PlaceOptions, Places } from './limits/places.ts';
import type { PoolLimitOptions, PoolLimitsHost } from './limits/pool-limits.ts';
import { PoolPause } from './pool-pause.ts';
import { Router } from './router.ts';
import { ServerLesson } from './server-lesson.ts';
import { Tenants } from './tenants.ts';

export interface FrontendOptions {
  readonly protocol: Protocol;
  readonly parser: Omit<ParserOptions, 'maxRequestBytes' | 'poolName'>;
  readonly limits: ClientLimits;
  readonly places: PlaceOptions;
  readonly tenantLimits: PoolLimitOptions;
  /** A client that is silent this long is closed; 0: none is. */
  readonly idleTimeoutMs: number;
  /** See `Router`. */
  readonly sendsToFirstKey: boolean;
  readonly slowRequests: SlowRequestOptions;
  readonly watch: TrafficWatchOptions;
  readonly entrance: EntranceOptions;
  /** It is a port that several pools share, and serves who has not said who it is; null: it is a pool. */
  readonly port: SharedPortOptions | null;
}

/** What a frontend needs of its worker. */
export interface FrontendHost {
  readonly systemCalls: SystemCalls | null;
  readonly memory: MemoryCeiling;
  readonly room: ClientRoom;
  readonly replyTimer: ReplyTimer;
  readonly keyTrail: KeyTrail;
  readonly audit: AuditTrail;
  /** A pool has slow requests to report. */
  onSlowRequest(): void;
  /** That of a pool, of all workers. */
  slowLog(pool: string): SlowLog;
  /** A client has emptied the slow log of its pool. */
  clearSlowlog(pool: string): void;
  /** Asks all workers about their clients of a pool; see `AskClients`. */
  askClients(pool: string, ...ask: Parameters<AskClients>): void;
  /** See `KeptMemory.tell`. */
  tellKept(pool: string, change: KeptChange): void;
  /** Null: there is none of that name. */
  frontendOf(pool: string): Frontend | null;
  /** Numbers clients within the worker. */
  nextClientId(): number;
  readonly places: PlaceLink;
  /** See `SignInPenalty.tell`. */
  tellWrongPasswords(pool: string, addresses: readonly (readonly [string, number])[]): void;
  readonly limiting: Pick<PoolLimitsHost, 'office' | 'tellLimiting'>;
}

/** The client side of one pool in one worker: its listener, its clients, and what these share. */
export class Frontend implements ClientOwner {
  readonly stats: PoolStats;
  readonly protocol: Protocol;
  parser: RequestParser;
  readonly router: Router;
  private readonly serverLesson: ServerLesson;
  readonly requestBytes = new RequestBytes();
  readonly pausedClients = new PausedClients();
  readonly pause = new PoolPause(() => {
    for (const client of this.clients) client.wake();
  });
  readonly commands: PoolCommands;
  readonly replyTimer: ReplyTimer;
  readonly slowRequests: SlowRequests;
  readonly audit: AuditTrail;
  readonly watch: TrafficWatch;
  readonly keyTrail: KeyTrail;
  keepsKeys = false;
  limits: ClientLimits;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  readonly systemCalls: SystemCalls | null;
  readonly memory: MemoryCeiling;
  private readonly pool: Pool;
  private options: FrontendOptions;
  private parserOptions: ParserOptions;
  private readonly slowLogSource: SlowLogSource;
  /**
   * Each knows its place. Not a Set: the tables that one grows out of stay linked to their successors and to what was in
   * them, and so would keep every client that ever left until the old generation is collected.
   */
  private readonly clients: ClientConnection[] = [];
  readonly tenants: Tenants;
  private readonly entrance: Entrance;
  readonly port: SharedPort | null;
  private isDraining = false;
  private readonly idleClients: IdleClients;
  private onDrained: () => void = () => {};
  private readonly reception: Reception;
  readonly places: Places;
  readonly greetings: GreetingPlaces;

  constructor(pool: Pool, options: FrontendOptions, worker: FrontendHost) {
    this.systemCalls = worker.systemCalls;
    this.memory = worker.memory;
    this.pool = pool;
    this.audit = worker.audit;
    this.options = options;
    this.slowLogSource = slowLogSource(
      () => worker.slowLog(this.poolName),
      () => worker.clearSlowlog(this.poolName),
    );
    this.parserOptions = this.optionsOfParser();
    this.stats = pool.stats;
    this.protocol = options.protocol;
    this.parser = options.protocol.createParser(this.parserOptions);
    if (this.parser.kept !== null) this.parser.kept.tell = change => worker.tellKept(this.poolName, change);
    this.serverLesson = new ServerLesson(pool, () => this.parser.lesson);
    this.router = new Router(pool, options.protocol, options.sendsToFirstKey, options.limits);
    this.router.askClients = (question, then) => worker.askClients(this.poolName, question, then);
    this.router.penalty.tell = addresses => worker.tellWrongPasswords(this.poolName, addresses);
    this.router.poolChanged();
    this.limits = options.limits;
    this.clock = pool.clock;
    this.commands = pool.commands;
    this.replyTimer = worker.replyTimer;
    this.keyTrail = worker.keyTrail;
    this.slowRequests = new SlowRequests(pool.stats, worker.keyTrail, pool.clock, pool.log, () =>
      worker.onSlowRequest(),
    );
    this.watch = new TrafficWatch(pool.clock);
    this.lookAtTraffic(options);
    this.turn = pool.turn;
    this.log = pool.log;
    this.tenants = new Tenants({ clock: this.clock, turn: this.turn, stats: this.stats, ...worker.limiting });
    this.tenants.configure(pool.name, options.tenantLimits, []);
    this.places = new Places(pool.name, worker.places);
    this.greetings = new GreetingPlaces(this.places, isByLimit => {
      this.stats.turnedAway++;
      if (isByLimit) this.stats.limitTurnedAway++;
    });
    this.places.configure(pool.name, options.places, []);
    this.reception = new Reception(this, worker.room, (arrival, seat) => {
      new ClientConnection(worker.nextClientId(), arrival, seat, this);
    });
    this.idleClients = new IdleClients(this.clients, this.clock, this.stats);
    this.idleClients.watch(options.idleTimeoutMs);
    this.port = options.port === null ? null : new SharedPort(options.port, this, name => worker.frontendOf(name));
    this.entrance = new Entrance(options.entrance, this, (socket, greeting) => this.enter(socket, greeting));
  }

  askServers(then: () => void): void {
    this.serverLesson.ask(then);
  }

  get poolName(): string {
    return this.pool.name;
  }

  /**
   * Serves the same clients by other options, from their next request on. The protocol has to be the same.
   */
  reconfigure(options: FrontendOptions): void {
    const { accounts } = this.parser;
    this.options = options;
    this.parserOptions = this.optionsOfParser();
    this.parser = options.protocol.createParser(this.parserOptions, this.parser);
    renewAccounts(this.clients, accounts, this.parser.accounts, options.parser.password !== null);
    this.tenants.configure(this.poolName, options.tenantLimits, this.clients);
    this.router.sendsToFirstKey = options.sendsToFirstKey;
    this.router.limits = options.limits;
    this.router.resharding?.configure(options.limits.reshard);
    this.router.poolChanged();
    this.limits = options.limits;
    this.lookAtTraffic(options);
    this.places.configure(this.poolName, options.places, this.clients);
    this.idleClients.watch(options.idleTimeoutMs);
    if (options.port !== null) this.port?.configure(options.port);
    this.entrance.configure(options.entrance);
  }

  /** The pool was reconfigured for this phase of a reshard; see `Resharding.ready` and `Resharding.held`. */
  async entered(phase: string): Promise<void> {
    const { resharding } = this.router;
    if (phase === 'old') await resharding?.ready();
    if (phase === 'hold') await resharding?.held(this.clients.flatMap(({ privateLane }) => privateLane ?? []));
  }

  /** Accepts clients on a bound handle, and on no other any more; resolves when it listens. */
  listen(handle: ListenHandle): Promise<void> {
    return this.entrance.listen(handle);
  }

  /** Its clients come by ports that it shares with others. */
  stopListening(): void {
    this.entrance.stopListening();
  }

  createFramer(session: Session): Framer {
    return this.protocol.createFramer(this.parserOptions, session);
  }

  private optionsOfParser(): ParserOptions {
    const { parser, limits } = this.options;
    const own = { poolName: this.poolName, slowLog: this.slowLogSource, onSignIn: this.audit.witness };
    return { ...parser, ...own, maxRequestBytes: limits.maxRequestBytes };
  }

  private lookAtTraffic({ slowRequests, watch }: FrontendOptions): void {
    this.slowRequests.configure(slowRequests);
    this.watch.configure(watch);
    this.keepsKeys = slowRequests.thresholdMs !== null || watch.sampleOneIn > 0;
  }

  addClient(client: ClientConnection): void {
    client.place = this.clients.length;
    this.clients.push(client);
    client.limit();
  }

  removeClient(client: ClientConnection): void {
    const { clients } = this;
    const last = clients.pop() as ClientConnection;
    if (last !== client) {
      clients[client.place] = last;
      last.place = client.place;
    }
    if (this.isDraining && clients.length === 0) this.drained();
  }

  /**
   * Stops accepting, answers what clients have sent and closes; resolves when the last client is gone. Clients are let
   * go as in `ClientDrain`. `acceptsQueued`: those who wait to be accepted still are, those who come by a balancer may
   * say who they are, and handshakes are finished. `ports`: none of those that lead here has clients any more.
   */
  async drain(acceptsQueued: boolean, ports: Promise<unknown>): Promise<void> {
    if (acceptsQueued) {
      // Between one end of a turn and the next, all sockets are looked at.
      await nextTurn();
      await nextTurn();
    }
    this.isDraining = true;
    this.tenants.lift();
    this.idleClients.watch(0);
    const drainage = new ClientDrain(this.clients, this.clock);
    if (acceptsQueued) {
      await this.entrance.finish();
      await this.places.settled();
    }
    // Of a pool that is gone, the master grants no places.
    else this.places.close();
    this.entrance.close();
    await ports;
    if (this.clients.length > 0) {
      await new Promise<void>(resolve => {
        this.onDrained = resolve;
      });
    }
    drainage.stop();
  }

  private drained(): void {
    // A promise goes on where node calls back, and a round of sockets is none of that.
    setImmediate(this.onDrained);
  }

  /** Ports lead elsewhere since a reload. */
  portsChanged(): void {
    for (const { passage } of [...this.clients]) passage?.lookAgain();
  }

  /** Cuts off the clients that are left; returns their number. */
  destroyClients(): number {
    this.tenants.close();
    this.entrance.close();
    for (const client of this.clients) client.destroy();
    return this.clients.length;
  }

  /** What there is to say of its clients, or was done to them. */
  answerForClients(question: ClientQuestion, then: (answer: ClientAnswer) => void): void {
    const { clients } = this.protocol;
    if (clients === null) then({ lines: [], count: 0 });
    else answerForClients(this.clients, clients, question, then);
  }

  get listedClients(): readonly ListedClient[] {
    return this.clients;
  }

  readonly eachHolder: HolderWalk = visit => {
    for (const client of this.clients) visit(client);
    if (this.router.cluster !== null) visit(this.router.cluster.order);
    if (this.router.resharding !== null) visit(this.router.resharding);
    if (this.parser.kept !== null) visit(this.parser.kept);
  };

  private enter(socket: StreamSocket, greeting: TlsGreeting): void {
    const { port } = this;
    if (port === null) {
      this.reception.receive(socket, greeting, null, '');
      return;
    }
    const name = port.nameOf(greeting);
    const home = port.homeOf(name) as Frontend | null;
    if (home !== null) home.reception.receive(socket, greeting, port, name);
    else {
      const { serverName } = greeting;
      this.log.warn(
        { pool: this.poolName, client: socket.peer, serverName },
        'client refused: the port leads to no pool of that name',
      );
      this.stats.turnedAway++;
      socket.destroy();
    }
  }
}
