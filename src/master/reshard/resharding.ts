import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { ReshardFigures } from '../../admin/reshard-metrics.ts';
import { addressText } from '../../config/address.ts';
import type { Config, PoolConfig } from '../../config/config.ts';
import type { OutServer } from '../../ipc/messages.ts';
import type { SurveyReport } from '../../mover/mover-job.ts';
import type { Log } from '../../system/log.ts';
import type { ConfigFile } from '../configuration/config-file.ts';
import { RefusedError } from '../errors.ts';
import type { WorkerProcess } from '../workers/worker-process.ts';
import { Coordinator } from './coordinator.ts';
import type { Decision } from './decision.ts';
import { type Acknowledgement, Participant } from './participant.ts';
import type { PartRequest } from './peer.ts';
import { clearOrphans, type Prepared, prepared, ringDigest, survey } from './preparation.ts';
import { RecordFile } from './record-file.ts';
import type { ReshardPlan } from './reshard-record.ts';
import { type ReshardStatus, reshardStatus } from './reshard-status.ts';
import type { StartRequest } from './start-request.ts';
import { WorkerPhases } from './worker-phases.ts';

export interface ReshardingHost {
  readonly log: Log;
  readonly file: ConfigFile;
  config(): Config;
  /** As workers get it, with the files of its TLS. */
  served(pool: string): PoolConfig | undefined;
  out(): readonly OutServer[];
  /** All there are, those that leave too. */
  processes(): Iterable<WorkerProcess>;
  reload(): Promise<unknown>;
  /** Throws a RefusedError, during an upgrade too. */
  refuseUnlessRunning(): void;
}

/** What `plan` answers. */
export interface PlanResult {
  readonly pool: string;
  readonly peers: readonly string[];
  /** What has to be put right first; with it, `start` is refused. */
  readonly obstacles: readonly string[];
  readonly warnings: readonly string[];
  readonly report: SurveyReport;
}

export interface StartResult {
  readonly id: string;
  readonly pool: string;
  readonly proxies: number;
  readonly orphansRemoved: number;
  readonly movingKeys: number;
  readonly movingBytes: number;
  readonly seconds: number;
  readonly warnings: readonly string[];
}

/** The reshards of this proxy: its part in one, and those that it coordinates; one at a time. */
export class Resharding {
  private readonly host: ReshardingHost;
  private readonly own: Participant;
  private readonly instance = randomUUID();
  private coordinator: Coordinator | null = null;
  /** By coordinators that are no more. */
  private readonly movedBefore = { keys: 0, bytes: 0 };
  private isStarting = false;

  /** Throws an Error whose message is a sentence for the operator. */
  constructor(host: ReshardingHost) {
    this.host = host;
    this.own = new Participant({
      log: host.log,
      file: host.file,
      records: new RecordFile(host.file.path),
      workers: new WorkerPhases(() => host.processes()),
      config: () => host.config(),
      served: pool => host.served(pool),
      out: () => host.out(),
      reload: () => host.reload(),
      refuseUnlessRunning: () => host.refuseUnlessRunning(),
    });
  }

  /** Tells a new worker, before it serves, what is in force. */
  greet(worker: WorkerProcess): void {
    const { state } = this.own;
    this.own.workers.add(worker);
    if (state !== null) void worker.reshard(state.from.name, state);
  }

  /** Throws a RefusedError for a configuration that must not come into force now. */
  refuse(next: Config): void {
    this.own.refuse(next);
  }

  /** Throws a RefusedError while this proxy takes part in one. */
  refuseWhileActive(): void {
    const { active, record } = this.own;
    if (active === null && record?.plan == null) return;
    throw new RefusedError(`pool ${record?.decision.pool} is being resharded; let that end first, or abort it`);
  }

  /** Goes on with what this proxy coordinated when it ended. */
  resume(): void {
    if (this.own.record?.plan == null) return;
    const { pool, phase } = this.own.record.plan.decided;
    this.host.log.warn({ pool, phase }, 'reshard taken up again');
    void this.coordinate().run();
  }

  stop(): void {
    this.coordinator?.stop();
  }

  figures(): ReshardFigures {
    const { active } = this.own;
    const coordinator = this.own.record?.plan == null ? null : this.coordinator;
    const { keysMoved = 0, bytesMoved = 0 } = this.coordinator?.moved ?? {};
    return {
      active: active === null ? null : { pool: active.pool, phase: active.phase },
      keysMoved: this.movedBefore.keys + keysMoved,
      bytesMoved: this.movedBefore.bytes + bytesMoved,
      keysExpected: coordinator?.plan.movingKeys ?? 0,
      bytesExpected: coordinator?.plan.movingBytes ?? 0,
      isStuck: coordinator?.isStuck ?? false,
    };
  }

  status(): ReshardStatus {
    const rings = Object.fromEntries(this.host.config().pools.map(pool => [pool.name, ringDigest(pool)]));
    return reshardStatus({ instance: this.instance, rings }, this.own, this.coordinator);
  }

  /** Looks, and changes nothing. Rejects with a ConfigError, SettingError or RefusedError. */
  async plan(request: StartRequest): Promise<PlanResult> {
    this.host.refuseUnlessRunning();
    const preparation = await this.prepared(request);
    const report = await survey(preparation, request);
    return {
      pool: preparation.change.pool,
      peers: preparation.peers.map(({ address }) => address),
      obstacles: [...this.ownObstacles(preparation), ...preparation.obstacles, ...report.obstacles],
      warnings: warningsOf(preparation, report, request),
      report,
    };
  }

  /** Resolves when all have joined; how it goes on is in `status`. Rejects as `plan` does, and then nothing has changed. */
  async start(request: StartRequest, by: string): Promise<StartResult> {
    this.host.refuseUnlessRunning();
    if (this.isStarting) throw new RefusedError('another one is being started');
    this.isStarting = true;
    try {
      return await this.startNow(request, by);
    } catch (error) {
      this.host.log.error({ by, reason: (error as Error).message }, 'reshard not started');
      throw error;
    } finally {
      this.isStarting = false;
    }
  }

  private async startNow(request: StartRequest, by: string): Promise<StartResult> {
    const { record } = this.own;
    if (this.own.active !== null || record?.plan != null) {
      throw new RefusedError(`pool ${record?.decision.pool} is being resharded; one at a time`);
    }
    const preparation = await this.prepared(request);
    const report = await survey(preparation, request);
    const obstacles = [...this.ownObstacles(preparation), ...preparation.obstacles, ...report.obstacles];
    if (obstacles.length > 0) throw new RefusedError(`not started: ${obstacles.join('; ')}`);
    const orphansRemoved = await clearOrphans(preparation, request, report.unlisted);
    const { pool, from, to } = preparation.change;
    const decision: Decision = {
      ...{ id: randomUUID(), seq: 1, pool, phase: 'old', isBack: false, from, to, outcome: null },
      ...{ half: report.isMutual ? 'first' : 'whole', otherwise: null },
    };
    const { movingKeys, movingBytes, seconds, unlisted } = report;
    const { paceBytes, maxStepMs, bigKeys } = request;
    const plan: ReshardPlan = {
      ...{ decided: decision, peers: preparation.peers.map(({ address }) => address), paceBytes, maxStepMs, bigKeys },
      ...{ isPaused: false, startedAtMs: Date.now(), movingKeys, movingBytes, by, why: null },
      ...{ ttlMs: request.ttlMs ?? 0, unlisted, bringingSinceMs: 0 },
    };
    const own = await this.own.take(decision, preparation.file, this.name(), plan);
    // Once it is written down it goes on, if only to its end.
    if (own.result === 'refused' && this.own.record?.decision.id !== decision.id) {
      throw new RefusedError(`not started: ${own.error}`);
    }
    const proxies = preparation.peers.length + 1;
    this.host.log.warn({ by, pool, reshard: decision.id, proxies, movingKeys, movingBytes }, 'reshard started');
    await this.coordinate().begin();
    const warnings = warningsOf(preparation, report, request);
    return { id: decision.id, pool, proxies, orphansRemoved, movingKeys, movingBytes, seconds, warnings };
  }

  /** What another coordinator has decided. */
  take({ decision, file, coordinator }: PartRequest): Promise<Acknowledgement> {
    this.host.refuseUnlessRunning();
    return this.own.take(decision, file, coordinator);
  }

  /** The one that is coordinated here. Throws a RefusedError. */
  coordinated(): Coordinator {
    const { coordinator, own } = this;
    if (coordinator !== null && own.record?.plan != null) return coordinator;
    if (own.active === null) throw new RefusedError('nothing is being resharded');
    throw new RefusedError(`this proxy only takes part; ask the one that coordinates: ${own.record?.coordinator}`);
  }

  private coordinate(): Coordinator {
    this.movedBefore.keys += this.coordinator?.moved?.keysMoved ?? 0;
    this.movedBefore.bytes += this.coordinator?.moved?.bytesMoved ?? 0;
    this.coordinator = new Coordinator({
      log: this.host.log,
      own: this.own,
      admin: () => this.host.config(),
      served: pool => this.host.served(pool),
    });
    return this.coordinator;
  }

  private prepared(request: StartRequest): Promise<Prepared> {
    const { file } = this.host;
    const { instance } = this;
    return prepared(
      { file, instance, config: () => this.host.config(), served: pool => this.host.served(pool) },
      request,
    );
  }

  private ownObstacles({ change }: Prepared): string[] {
    if (this.own.active !== null) return [`pool ${this.own.active.pool} is being resharded; one at a time`];
    const out = this.host.out().filter(({ pool }) => pool === change.pool);
    return out.map(({ server, why }) => `${server} is out of the ring: ${why}`);
  }

  private name(): string {
    const { admin } = this.host.config();
    return admin === null ? hostname() : `${hostname()}, admin ${addressText(admin)}`;
  }
}

function warningsOf(
  { change, hosts }: Prepared,
  { warnings, connected, unlisted }: SurveyReport,
  { ttlMs }: StartRequest,
): string[] {
  const strangers = connected.filter(({ host, isHere }) => !isHere && !hosts.has(host));
  const who = strangers.map(({ host }) => host).join(', ');
  return [
    ...(change.isAll
      ? []
      : [`only the ring of ${change.pool} is taken from the new file; what else it changes is left for a reload`]),
    ...(ttlMs !== null && unlisted.length === 0
      ? ['every server lists its keys: the time to live is not waited for']
      : []),
    ...(strangers.length === 0
      ? []
      : [
          `connected to the old servers is ${who}: a proxy there has to take part, or it reads keys where they are no more`,
        ]),
    ...warnings,
  ];
}
