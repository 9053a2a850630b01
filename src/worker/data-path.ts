import { availableParallelism } from 'node:os';
import { addressText } from '../config/address.ts';
import { pairPools } from '../config/changes/changes.ts';
import type { Config, PoolConfig } from '../config/config.ts';
import { isFound } from '../config/found-servers.ts';
import { filesBesideClients } from '../config/open-files.ts';
import type { SlowLogEntry, SlowRequest } from '../figures/slow-request.ts';
import type { ClusterTopology } from '../ipc/cluster-topology.ts';
import type { Blocked, OutServer } from '../ipc/messages.ts';
import type { ReshardState } from '../ipc/reshard-state.ts';
import { Clock } from '../loop/clock.ts';
import { Turn } from '../loop/turn.ts';
import { trimFreeBlocks } from '../memory/block.ts';
import { LastingObjects } from '../memory/lasting-objects.ts';
import { MemoryCeiling } from '../memory/memory-ceiling.ts';
import { ClientRoom } from '../proxy/entrance/client-room.ts';
import { Frontend, type FrontendHost } from '../proxy/frontend.ts';
import { KeyTrail } from '../proxy/insight/key-trail.ts';
import { ReplyTimer } from '../proxy/insight/reply-timer.ts';
import type { PlaceHolder } from '../proxy/limits/places.ts';
import { type ShareLink, ShareOffice } from '../proxy/limits/share-office.ts';
import { RequestBlocks } from '../proxy/request-blocks.ts';
import type { ListenHandle } from '../socket/sockets.ts';
import type { Log } from '../system/log.ts';
import { openFilesLimit } from '../system/open-files-limit.ts';
import { Slices } from '../system/slices.ts';
import type { SystemCalls } from '../system/system-calls.ts';
import type { Crowd } from '../upstream/crowd.ts';
import { OtherCrowds } from '../upstream/other-crowds.ts';
import { Pool, type PoolTrouble } from '../upstream/pool.ts';
import { type PoolPlan, planPool } from '../upstream/pool-plan.ts';
import { clientId } from './client-id.ts';
import { type DataPathPlan, isOneLane, NO_TOPOLOGY, poolOptions } from './data-path-plan.ts';
import { frontendOptions } from './frontend-options.ts';
import { drainLane, isPort, type Lane, NOBODY_COMES } from './lane.ts';
import { memoryLimitBytes } from './memory-limit.ts';
import { PoolFigures } from './pool-figures.ts';
import type { Pass } from './reporter.ts';
import { Reshards } from './reshards.ts';
import { SlowLogs } from './slow-logs.ts';
import { tickPeriodMs } from './tick-period.ts';

/** Let in however few open files there are. */
const CLIENTS_MIN = 16;
/** Memory that nobody has needed for so long goes back to the system. */
const TRIM_PERIOD_MS = 1000;

/** The master, as far as the data path knows it. */
export interface MasterLink
  extends Pick<
    FrontendHost,
    'places' | 'tellWrongPasswords' | 'onSlowRequest' | 'clearSlowlog' | 'askClients' | 'tellKept'
  > {
  readonly audit: FrontendHost['audit'];
  readonly shares: ShareLink;
  readonly tellLimiting: FrontendHost['limiting']['tellLimiting'];
  /** A server should leave the ring of all workers; false when there is no master to decide. */
  tellTrouble(trouble: PoolTrouble): boolean;
  /** Something hints at a change of the servers that are found for a pool. */
  hint(pool: string, why: string): void;
  /** See `TellCrowds`. */
  tellCrowds(pool: string, crowds: readonly Crowd[], then: () => void): void;
}

/** Everything of a worker that touches traffic, built from the configuration. */
export class DataPath {
  private readonly turn = new Turn();
  private readonly clock = new Clock(this.turn);
  private readonly log: Log;
  private readonly master: MasterLink;
  private readonly lanes = new Map<string, Lane>();
  /** The last `apply`. */
  private applying: Promise<void> = Promise.resolve();
  /** Pools that are gone from the configuration and finish what they have. */
  private readonly retiring = new Set<Promise<number>>();
  /** Of these pools and those of `lanes`. */
  private readonly frontends = new Map<Pool, Frontend>();
  private readonly memory: MemoryCeiling;
  private readonly room = new ClientRoom();
  private readonly openFilesLimit = openFilesLimit();
  private readonly frontendHost: FrontendHost;
  /** Of the rates that are limited. */
  readonly shares: ShareOffice;
  /** The master's verdicts, by pool and server. */
  private out: ReadonlyMap<string, readonly OutServer[]> = new Map();
  /** Of pools whose servers are found, also of pools to come. */
  private readonly topologies = new Map<string, ClusterTopology>();
  private readonly reshards = new Reshards();
  private shutdownTimeoutMs = 0;
  private readonly slowLogs = new SlowLogs();
  /** By pool, also of pools to come. */
  private readonly crowds = new Map<string, OtherCrowds>();
  private readonly pauses = new Map<string, { readonly untilMs: number; readonly isOfWrites: boolean }>();
  private blocked: ReadonlyMap<string, readonly Blocked[]> = new Map();
  private readonly figures = new PoolFigures(
    () => [...this.lanes.values()].map(({ pool }) => pool),
    pool => this.frontends.get(pool)?.parser.accounts ?? null,
  );
  private clients = 0;
  private tickPeriodMs = 0;

  constructor(log: Log, systemCalls: SystemCalls | null, master: MasterLink) {
    this.log = log;
    this.memory = new MemoryCeiling(this.turn, log, systemCalls, visit => {
      for (const [pool, frontend] of this.frontends) {
        pool.eachHolder(visit);
        frontend.eachHolder(visit);
      }
    });
    setInterval(trimFreeBlocks, TRIM_PERIOD_MS).unref();
    this.shares = new ShareOffice(master.shares, this.clock);
    const { memory, room } = this;
    const keyTrail = new KeyTrail();
    const replyTimer = new ReplyTimer(this.clock, this.turn);
    this.frontendHost = {
      systemCalls,
      memory,
      room,
      keyTrail,
      replyTimer,
      slowLog: pool => this.slowLogs.of(pool),
      frontendOf: pool => this.lanes.get(pool)?.frontend ?? null,
      nextClientId: () => clientId(++this.clients),
      limiting: { office: this.shares, tellLimiting: master.tellLimiting },
      ...master,
    };
    this.master = master;
  }

  /** Null: there is no such pool. */
  placementOf(pool: string): Pool['placement'] | null {
    return this.lanes.get(pool)?.pool.placement ?? null;
  }

  /** The master's answer to `PlaceLink.ask`. */
  granted(holder: PlaceHolder, count: number, isForced: boolean): void {
    const lane = this.lanes.get(holder.pool);
    if (lane !== undefined) lane.frontend.places.granted(holder, count, isForced);
    else if (count > 0) this.master.places.giveBack(holder, count, false);
  }

  /** The master needs places for another worker. */
  recall(holder: PlaceHolder): void {
    const lane = this.lanes.get(holder.pool);
    if (lane !== undefined) lane.frontend.places.recall(holder);
    else this.master.places.giveBack(holder, 0, true);
  }

  /** Takes over the master's verdicts: these servers are out, all others in; also those of pools to come. */
  setOut(servers: readonly OutServer[]): void {
    const before = this.out;
    this.out = Map.groupBy(servers, ({ pool }) => pool);
    for (const { pool } of this.lanes.values()) {
      const out = this.out.get(pool.name);
      if (out !== undefined || before.has(pool.name)) pool.markOut(out ?? []);
    }
  }

  /** From now on this is refused, also in pools to come, and nothing else. */
  setBlocked(blocked: readonly Blocked[]): void {
    this.blocked = Map.groupBy(blocked, ({ pool }) => pool);
    for (const { pool, frontend } of this.lanes.values()) frontend.router.blocks = this.blocksOf(pool.name);
  }

  private blocksOf(pool: string): RequestBlocks | null {
    const things = this.blocked.get(pool);
    return things === undefined ? null : new RequestBlocks(things);
  }

  /** Takes over the servers that were found for a pool, and who has which slots of a cluster; also of a pool to come. */
  setTopology(name: string, topology: ClusterTopology): void {
    this.topologies.set(name, topology);
    const lane = this.lanes.get(name);
    if (lane === undefined || !isFound(lane.config)) return;
    // Who is no longer a master takes writes that nobody will see again.
    this.reshape(lane, topology, lane.config.sentinel === null ? this.shutdownTimeoutMs : 0);
  }

  /**
   * Takes over how far a pool is between two rings, also of a pool to come; resolves once that is in force. Rejects when it
   * can't be, or is not in time, or something else came after it.
   */
  async setReshard(name: string, state: ReshardState | null): Promise<void> {
    const lane = this.lanes.get(name);
    this.reshards.take(name, state, lane?.config ?? null);
    if (lane === undefined || isFound(lane.config)) return;
    this.reshape(lane, NO_TOPOLOGY, this.shutdownTimeoutMs);
    if (state !== null) await lane.frontend.entered(state.phase);
  }

  /** The pool has the same settings, and other servers or another placement. */
  private reshape({ config, pool, frontend }: Lane, topology: ClusterTopology, retireMs: number): void {
    const reshard = this.reshards.get(config.name);
    pool.apply(planPool(poolOptions(config, topology, reshard), pool.placement), retireMs);
    pool.markOut(this.out.get(pool.name) ?? []);
    this.figures.poolsChanged();
    frontend.reconfigure(frontendOptions(config, topology, reshard));
  }

  /**
   * Serves by `plan` from now on. Clients of a pool that stays, perhaps by another name, keep their connections, and so
   * do the servers that stay in it; a pool that is gone, or speaks another protocol, answers what is pending and closes.
   * New bound handles come by pool: a pool without one goes on listening where it does. Resolves when all listen.
   */
  apply(plan: DataPathPlan, handles: ReadonlyMap<string, ListenHandle>): Promise<void> {
    this.applying = this.applyInSlices(plan, handles);
    return this.applying;
  }

  /** By what the pool is served; null: there is no such pool. */
  configOf(pool: string): PoolConfig | null {
    return this.lanes.get(pool)?.config ?? null;
  }

  private async applyInSlices(plan: DataPathPlan, handles: ReadonlyMap<string, ListenHandle>): Promise<void> {
    const { config } = plan;
    const before = new Map(this.lanes);
    const isStart = before.size === 0;
    const pairs = pairPools(
      [...before.values()].map(lane => lane.config),
      config.pools,
    );
    this.memory.setLimit(memoryLimitBytes(config));
    this.shutdownTimeoutMs = config.shutdownTimeoutMs;
    this.room.limit = Math.max(CLIENTS_MIN, this.openFilesLimit - filesBesideClients(config));
    this.slowLogs.setPools(config.pools);
    this.shares.workers = config.workers === 'auto' ? availableParallelism() : config.workers;
    const slices = new Slices();
    const objects = new LastingObjects();
    for (const next of config.pools) {
      const old = pairs.get(next.name)?.name;
      const lane = old === undefined ? undefined : before.get(old);
      const staysLane = lane !== undefined && isOneLane(lane.config, next);
      if (staysLane) before.delete((lane as Lane).config.name);
      const poolPlan = plan.pools.get(next.name);
      if (poolPlan !== undefined) {
        this.figures.poolsChanged();
        if (staysLane && lane?.config.name !== next.name) this.lanes.delete((lane as Lane).config.name);
        this.lanes.set(next.name, this.applyPool(next, poolPlan, staysLane ? lane : undefined, config));
        await objects.made(next.servers.length);
      }
      await slices.next();
    }
    for (const [name, lane] of before) {
      if (this.lanes.get(name) === lane) this.lanes.delete(name);
      this.figures.poolsChanged();
      this.retire(lane, config);
    }
    const names = new Set(config.pools.map(pool => pool.name));
    for (const name of this.topologies.keys()) if (!names.has(name)) this.topologies.delete(name);
    for (const name of this.crowds.keys()) if (!names.has(name)) this.crowds.delete(name);
    for (const name of this.pauses.keys()) if (!names.has(name)) this.pauses.delete(name);
    for (const name of this.reshards.keys()) if (!names.has(name)) this.reshards.delete(name);
    for (const { frontend } of this.lanes.values()) frontend.portsChanged();
    objects.end(!isStart);
    this.startClock(config);
    await Promise.all([...handles].map(([pool, handle]) => this.listen(pool, handle)));
  }

  private async listen(pool: string, handle: ListenHandle): Promise<void> {
    const lane = this.lanes.get(pool);
    await lane?.frontend.listen(handle).catch((error: Error) => {
      const { listen } = lane.config;
      throw new Error(`pool ${pool}: cannot listen on ${addressText(listen!)}: ${error.message}`);
    });
  }

  /** Reloads in quick succession must not put the ticks off for ever. */
  private startClock({ pools }: Config): void {
    const periodMs = tickPeriodMs(pools);
    if (periodMs !== this.tickPeriodMs) this.clock.start(periodMs);
    this.tickPeriodMs = periodMs;
  }

  private applyPool(next: PoolConfig, planned: PoolPlan, lane: Lane | undefined, config: Config): Lane {
    const topology = this.topologies.get(next.name) ?? this.topologies.get(lane?.config.name ?? '') ?? NO_TOPOLOGY;
    const reshard = this.reshards.getFor(next);
    // What they are by now was not known when it was planned.
    const isPlanned = !isFound(next) && reshard === null;
    const known = reshard === null ? planned.placement : lane?.pool.placement;
    const plan = isPlanned ? planned : planPool(poolOptions(next, topology, reshard), known);
    if (plan !== planned) planned.placement.release();
    if (lane !== undefined) {
      if (lane.pool.name !== next.name) lane.pool.rename(next.name);
      lane.pool.apply(plan, config.shutdownTimeoutMs);
      lane.frontend.reconfigure(frontendOptions(next, topology, reshard));
      if (next.listen === null) lane.frontend.stopListening();
    }
    const applied = lane === undefined ? this.newLane(next, plan, topology) : { ...lane, config: next };
    applied.pool.otherCrowds = this.otherCrowds(next.name);
    applied.pool.markOut(this.out.get(next.name) ?? []);
    applied.frontend.router.blocks = this.blocksOf(next.name);
    if (next.preconnect) applied.pool.preconnect();
    return applied;
  }

  private newLane(config: PoolConfig, plan: PoolPlan, topology: ClusterTopology): Lane {
    const pool = new Pool(config.name, plan, {
      ...{ clock: this.clock, turn: this.turn, log: this.log },
      tellTrouble: trouble => this.master.tellTrouble(trouble),
      hint: (pool, why) => this.master.hint(pool, why),
    });
    const reshard = this.reshards.get(config.name);
    pool.tellCrowds = (crowds, then) => this.master.tellCrowds(pool.name, crowds, then);
    const frontend = new Frontend(pool, frontendOptions(config, topology, reshard), this.frontendHost);
    const pause = this.pauses.get(config.name);
    if (pause !== undefined) frontend.pause.set(pause.untilMs, pause.isOfWrites);
    this.frontends.set(pool, frontend);
    return { config, pool, frontend };
  }

  private retire(lane: Lane, { shutdownTimeoutMs }: Config): void {
    lane.frontend.port?.close();
    // Its sockets are another pool's now, or nobody's.
    const gone = drainLane(lane, shutdownTimeoutMs, false, NOBODY_COMES);
    this.retiring.add(gone);
    void gone.then(cut => {
      this.retiring.delete(gone);
      this.frontends.delete(lane.pool);
      this.log.info({ pool: lane.config.name, clientsCut: cut }, 'pool is gone');
    });
  }

  /** Stops accepting, answers what is pending, closes; cuts off after `timeoutMs`. Returns the clients cut off. */
  async drain(timeoutMs: number): Promise<number> {
    await this.applying.catch(() => {});
    const lanes = [...this.lanes.values()];
    const gone = lanes.filter(isPort).map(lane => drainLane(lane, timeoutMs, true, NOBODY_COMES));
    const ports = Promise.all(gone);
    const pools = lanes.filter(lane => !isPort(lane)).map(lane => drainLane(lane, timeoutMs, true, ports));
    const cut = await Promise.all([...this.retiring, ...gone, ...pools]);
    this.clock.stop();
    return cut.reduce((sum, clients) => sum + clients, 0);
  }

  /** What is held for clients now, and the limit to it; 0: none. */
  held(): { readonly heldBytes: number; readonly heldLimitBytes: number } {
    return { heldBytes: this.memory.heldBytes(), heldLimitBytes: this.memory.limitBytes };
  }

  /** Slow requests that were not reported yet. */
  takeSlowRequests(): SlowRequest[] {
    return [...this.lanes.values()].flatMap(({ frontend }) => frontend.slowRequests.take());
  }

  /** Entries of a pool's slow log, from all workers, also of a pool to come; `isWhole`: it has no others. */
  addToSlowlog(pool: string, entries: readonly SlowLogEntry[], isWhole: boolean): void {
    this.slowLogs.add(pool, entries, isWhole);
  }

  /** What there is to report. */
  pass(isWhole: boolean): Pass {
    for (const { frontend } of this.lanes.values()) frontend.watch.countInto(frontend.stats);
    return this.figures.pass(isWhole);
  }

  frontendsByPool(): ReadonlyMap<string, Frontend> {
    return new Map([...this.lanes].map(([name, { frontend }]) => [name, frontend]));
  }

  /** See `PoolPause.set`; also of a pool to come. */
  setPause(pool: string, untilMs: number, isOfWrites: boolean): void {
    if (untilMs === 0) this.pauses.delete(pool);
    else this.pauses.set(pool, { untilMs, isOfWrites });
    this.lanes.get(pool)?.frontend.pause.set(untilMs, isOfWrites);
  }

  /** What other workers say of their subscribers, by pool, also of a pool to come. */
  otherCrowds(pool: string): OtherCrowds {
    let crowds = this.crowds.get(pool);
    if (crowds === undefined) {
      crowds = new OtherCrowds();
      this.crowds.set(pool, crowds);
    }
    return crowds;
  }
}
