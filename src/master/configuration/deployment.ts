import { availableParallelism } from 'node:os';
import { certificateDates, whyNotNow } from '../../config/certificate-dates.ts';
import { renewed, shownFiles, tlsFiles, withNewTickets, withTlsFiles } from '../../config/certificates.ts';
import { topSettingChanges } from '../../config/changes/setting-changes.ts';
import type { Config, PoolConfig } from '../../config/config.ts';
import { withKnownPools } from '../../config/known-pools.ts';
import { withUsers } from '../../config/pool-users.ts';
import { withPortLeads } from '../../config/port-pools.ts';
import type { Log } from '../../system/log.ts';
import { atOnce, inSlices, type Steps } from '../../system/slices.ts';
import type { AdminPlan } from '../admin-listeners.ts';
import { IncompleteError, RefusedError } from '../errors.ts';
import type { MasterLog } from '../master-log.ts';
import type { Monitoring } from '../monitoring/monitoring.ts';
import type { SocketPlan, SocketTable } from '../socket-table.ts';
import { elapsedMs, SERVING_WITHIN_MS, type WorkerDone } from '../workers/progress.ts';
import type { Generation } from '../workers/worker-process.ts';
import type { WorkerSlot } from '../workers/worker-slot.ts';
import type { WorkerSlots } from '../workers/worker-slots.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { TicketRotation } from './ticket-rotation.ts';

export interface DeploymentHost {
  readonly sockets: SocketTable;
  readonly slots: WorkerSlots;
  readonly monitoring: Monitoring;
  readonly masterLog: MasterLog;
  readonly log: Log;
  /** Runs `change` when other changes of the workers are done. */
  inTurn<T>(change: () => Promise<T>): Promise<T>;
  /** Throws a RefusedError. */
  refuseUnlessRunning(): void;
  /** The configuration is about to come into force: whoever in the master goes by it has to take it over. `served`: as workers get it. */
  adopt(config: Config, served: Config): Promise<void>;
  /** The workers have been told to switch: what names pools and servers of the new configuration can be sent now. */
  onSwitched(): void;
}

/** How it went in the workers. */
export interface Deployed {
  /** What could not be done though the configuration is in force. */
  readonly problems: readonly string[];
  readonly workers: readonly WorkerDone[];
  /** From the beginning until every worker served by it. */
  readonly tookMs: number;
}

/**
 * The configuration that is in force, in the master and in all workers. Another takes its place in two steps over all workers:
 *
 *   prepare ─▶ all did ─▶ adopt ─▶ switch
 *      └─▶ one refused, or hangs ─▶ abandon: nothing has changed
 */
export class Deployment {
  config: Config;
  /** Counts configurations: how master and workers speak of them. */
  private generation = 1;
  /** What workers get, with the files that were read when it came into force: they may be half replaced by now. */
  served: Config;
  private readonly host: DeploymentHost;

  /** Throws a CertificateError or PasswordFileError. */
  constructor(config: Config, host: DeploymentHost) {
    this.config = config;
    this.served = atOnce(forWorkers(config));
    this.host = host;
    // As long as the process: while nothing may be changed it changes nothing.
    new CertificateWatch({
      files: () => [...this.served.pools.flatMap(tlsFiles), ...shownFiles(this.config.adminTls)],
      intervalMs: () => this.config.certificateCheckMs,
      changed: () => host.inTurn(() => this.renewCertificates()),
    });
    new TicketRotation({
      intervalMs: () => this.config.ticketRotationMs,
      rotate: () => host.inTurn(() => this.rotateTickets()),
    });
  }

  /** What a worker that starts now serves by. */
  current(): Generation {
    return { id: this.generation, config: this.served };
  }

  /**
   * Serves by `config`; one at a time. Rejects with a RefusedError or ListenError when it can't be had, and then nothing has
   * changed; with an IncompleteError when a worker does not follow. `onAdopted`: it is in force.
   */
  async serveBy(config: Config, onAdopted: () => void): Promise<Deployed> {
    this.host.refuseUnlessRunning();
    const deployed = await this.bring(config, await inSlices(forWorkers(config)).catch(refuse), onAdopted);
    return { ...deployed, problems: [...deployed.problems, ...this.sayExpired()] };
  }

  /** Reads the files again that TLS needs: what is good is in force, of what is not the old goes on. */
  private async renewCertificates(): Promise<void> {
    const { log, refuseUnlessRunning } = this.host;
    refuseUnlessRunning();
    this.renewAdminTls();
    const names: string[] = [];
    const pools = this.served.pools.map(pool => {
      const next = pool.tls === undefined ? null : renewed(pool);
      if (next === null) return pool;
      if ('refused' in next) {
        log.error({ pool: pool.name, reason: next.refused }, 'certificates not renewed: the old ones stay');
        return pool;
      }
      names.push(pool.name);
      return next.pool;
    });
    if (names.length === 0) return;
    try {
      const { tookMs } = await this.bring(this.config, { ...this.served, pools }, () => {});
      log.info({ pools: names, tookMs }, 'certificates renewed: every worker has them');
    } catch (error) {
      log.error({ pools: names, reason: (error as Error).message }, 'certificates not renewed: tried again soon');
      throw error;
    }
  }

  /** New keys for session tickets, in all workers at once. */
  private async rotateTickets(): Promise<void> {
    const { log, monitoring, refuseUnlessRunning } = this.host;
    refuseUnlessRunning();
    monitoring.rotateAdminTickets();
    const names: string[] = [];
    const pools = this.served.pools.map(pool => {
      const { tls } = pool;
      if (!tls?.listen) return pool;
      names.push(pool.name);
      return { ...pool, tls: { ...tls, listen: withNewTickets(tls.listen) } };
    });
    if (names.length === 0) return;
    try {
      await this.bring(this.config, { ...this.served, pools }, () => {});
      log.info({ pools: names }, 'keys of session tickets renewed');
    } catch (error) {
      log.error(
        { pools: names, reason: (error as Error).message },
        'keys of session tickets not renewed: tried again soon',
      );
      throw error;
    }
  }

  private renewAdminTls(): void {
    const { log, monitoring } = this.host;
    const outcome = monitoring.renewAdminTls(this.config);
    if (outcome === 'renewed') log.info({}, 'certificates of the admin server renewed');
    else if (outcome !== null) log.error({ reason: outcome.refused }, 'certificates not renewed: the old ones stay');
  }

  /** Warns of certificates that are not valid now, and returns the same for who asked. */
  sayExpired(): string[] {
    const { log, monitoring } = this.host;
    return [...certificateDates(this.served), ...monitoring.adminCertificates].flatMap(dates => {
      const why = whyNotNow(dates);
      if (why === null) return [];
      log.warn({ pool: dates.pool, why }, 'a certificate is not valid now');
      return [`${dates.pool === '' ? 'admin_tls' : `pool ${dates.pool}`}: ${why}`];
    });
  }

  /** `served`: what workers get of `config`. */
  private async bring(config: Config, next: Config, onAdopted: () => void): Promise<Deployed> {
    const { slots } = this.host;
    const startedAtMs = performance.now();
    const { problems, closeObsolete, closeOldAdmin } = await this.prepareAll(config, await this.keepServed(next));
    onAdopted();
    const id = this.generation;
    const count = slotCount(config);
    const removed = slots.shrinkTo(count);
    const switched = slots.current.map(slot => slot.switch(id));
    this.host.onSwitched();
    slots.growTo(count);
    for (const slot of removed) slots.drainRemoved(slot);
    await Promise.all(switched);
    // Till here the workers listened on them.
    closeObsolete();
    const workers = await Promise.all(slots.current.map(slot => served(slot, id, startedAtMs)));
    closeOldAdmin();
    refuseLate(slots.current.filter((_, i) => workers[i] === null));
    return { problems, workers: workers.filter(worker => worker !== null), tookMs: elapsedMs(startedAtMs) };
  }

  /** Workers that have a pool as it is served now are not told it again. */
  private keepServed(next: Config): Promise<Config> {
    return inSlices(withKnownPools(next, this.served));
  }

  /** All that can be refused; what follows can't. Makes `config` the current one. */
  private async prepareAll(config: Config, next: Config) {
    const { sockets, slots, monitoring, masterLog: log, refuseUnlessRunning } = this.host;
    const generation = { id: this.generation + 1, config: next };
    const plan = await sockets.plan(config.pools, slotCount(config));
    let admin: AdminPlan | null = null;
    try {
      admin = await monitoring.plan(config).catch(refuse);
      log.try(config);
      await this.prepareWorkers(generation, plan);
      await this.host.adopt(config, next);
      refuseUnlessRunning();
    } catch (error) {
      for (const slot of slots.current) slot.send({ type: 'abandon', id: generation.id });
      sockets.abandon(plan);
      admin?.abandon();
      log.abandon(config, this.config);
      throw error;
    }
    const before = this.config;
    this.generation = generation.id;
    this.config = config;
    this.served = generation.config;
    const { closeObsolete, problems } = sockets.adopt(plan);
    log.adopt(before, config);
    return { problems, closeObsolete, closeOldAdmin: admin.adopt };
  }

  private async prepareWorkers(generation: Generation, plan: SocketPlan): Promise<void> {
    const slots = this.host.slots.current;
    const { sockets } = this.host;
    const answers = await Promise.all(slots.map(slot => slot.prepare(generation, sockets.handles(slot.index, plan))));
    for (const [i, answer] of answers.entries()) {
      if (answer.kind === 'refused') throw new RefusedError(`a worker refused the configuration: ${answer.message}`);
      if (answer.kind === 'hangs') {
        const { index, pid } = slots[i]!;
        throw new RefusedError(`worker slot ${index} (process ${pid}) does not answer; kill it and try again`);
      }
    }
  }
}

async function served(slot: WorkerSlot, id: number, startedAtMs: number): Promise<WorkerDone | null> {
  if (!(await slot.untilServing(id, SERVING_WITHIN_MS))) return null;
  return { slot: slot.index, pid: slot.pid, servedAfterMs: elapsedMs(startedAtMs) };
}

function refuseLate(late: readonly WorkerSlot[]): void {
  if (late.length === 0) return;
  const which = late.map(slot => {
    const { slot: index, state, why } = slot.state();
    return `worker slot ${index} is ${state}${why === null ? '' : `: ${why}`}`;
  });
  throw new IncompleteError(`the configuration is in force, but ${which.join('; ')}`);
}

export function slotCount({ workers }: Config): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

/** What only a new start can change. Throws a RefusedError. */
export function refuseRestart(before: Config, after: Config): void {
  const changed = topSettingChanges(before, after).filter(({ applies }) => applies === 'restart');
  if (changed.length === 0) return;
  const what = changed.map(({ key, old, new: now }) => `${key} is ${old} and would be ${now}`).join('; ');
  throw new RefusedError(`${what}: that takes a stop and a new start`);
}

/** Workers have no business with the admin server's secret. Throws a CertificateError or PasswordFileError. */
function* forWorkers(config: Config): Steps<Config> {
  const pools: PoolConfig[] = [];
  for (const pool of withPortLeads(config, withUsers(config))) {
    pools.push(withTlsFiles(pool));
    yield;
  }
  return { ...config, adminToken: null, users: [], pools };
}

function refuse(error: Error): never {
  throw new RefusedError(error.message);
}
