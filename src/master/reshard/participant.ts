import type { Config, PoolConfig } from '../../config/config.ts';
import { isSameRing, withRing } from '../../config/tables/ring-settings.ts';
import type { OutServer } from '../../ipc/messages.ts';
import type { ReshardState } from '../../ipc/reshard-state.ts';
import type { Log } from '../../system/log.ts';
import type { ConfigFile } from '../configuration/config-file.ts';
import { RefusedError } from '../errors.ts';
import { type Decision, otherHalf } from './decision.ts';
import { Fence } from './fence.ts';
import { fileToBe, replaceConfigFile } from './new-file.ts';
import type { RecordFile } from './record-file.ts';
import type { NewFile, ReshardPlan, ReshardRecord } from './reshard-record.ts';
import type { WorkerPhases } from './worker-phases.ts';

/** What a participant says to a decision. `waiting`: not yet; ask again. */
export type Acknowledgement =
  | { readonly result: 'in' }
  | { readonly result: 'refused' | 'waiting'; readonly error: string };

export interface ParticipantHost {
  readonly log: Log;
  readonly file: ConfigFile;
  readonly records: RecordFile;
  readonly workers: WorkerPhases;
  /** What runs. */
  config(): Config;
  /** The pool as workers get it, with the files of its TLS. */
  served(pool: string): PoolConfig | undefined;
  /** Servers that are out of the ring. */
  out(): readonly OutServer[];
  /** Reads the configuration file again and serves by it. */
  reload(): Promise<unknown>;
  /** Throws a RefusedError, during an upgrade too: a successor would know nothing of it. */
  refuseUnlessRunning(): void;
}

/** How long the workers get before a coordinator that asks is told to ask again. */
const WORKERS_WITHIN_MS = 4000;

/**
 * This proxy's part in a reshard: does what the coordinator has decided, and acknowledges it when it is written down and all
 * its workers are in it. By itself it never goes from one phase to another.
 */
export class Participant {
  private readonly host: ParticipantHost;
  record: ReshardRecord | null;
  /** What the workers are told; null: the ring of the configuration is all there is. */
  state: ReshardState | null = null;
  private readonly fence = new Fence();
  /** One decision after the other. */
  private turn: Promise<unknown> = Promise.resolve();

  /** Takes up what is written down. Throws an Error whose message is a sentence for the operator. */
  constructor(host: ParticipantHost) {
    this.host = host;
    this.record = host.records.read();
    if (this.active !== null) {
      // Its predecessor's workers have ended.
      host.workers.lost();
      this.refuseOtherRing(host.config());
      this.state = this.stateOf(this.active);
    }
  }

  get workers(): WorkerPhases {
    return this.host.workers;
  }

  /** The decision that is in force; null: there is none, or it is over. */
  get active(): Decision | null {
    const decision = this.record?.decision;
    return decision === undefined || decision.phase === 'over' ? null : decision;
  }

  /** A configuration that must not come into force now. Throws a RefusedError. */
  refuse(next: Config): void {
    if (this.active === null) return;
    try {
      this.refuseOtherRing(next);
    } catch (error) {
      throw new RefusedError((error as Error).message);
    }
  }

  /** Writes down what only the coordinator knows. */
  plan(plan: ReshardPlan | null): void {
    this.write({ ...(this.record as ReshardRecord), plan });
  }

  /**
   * Does what was decided; `file`, `coordinator` and `plan` come with the first decision. Never rejects.
   */
  take(
    decision: Decision,
    file: NewFile | null,
    coordinator: string,
    plan: ReshardPlan | null = null,
  ): Promise<Acknowledgement> {
    const next = this.turn
      .then(() => this.takeNow(decision, { file, coordinator, plan }))
      .catch(error => {
        if (!(error instanceof RefusedError)) this.host.log.error({ err: error }, 'reshard failed');
        return { result: 'refused', error: (error as Error).message } as const;
      });
    this.turn = next;
    return next;
  }

  private async takeNow(
    decision: Decision,
    first: Pick<ReshardRecord, 'file' | 'coordinator' | 'plan'>,
  ): Promise<Acknowledgement> {
    const { record } = this;
    const isKnown = record?.decision.id === decision.id;
    if (isKnown && decision.seq < record.decision.seq)
      throw new RefusedError('that was decided before; it is further now');
    if (!isKnown) {
      if (this.active !== null) throw new RefusedError(`it takes part in another reshard, of pool ${this.active.pool}`);
      // It was never in it.
      if (decision.phase === 'over') return { result: 'in' };
      if (decision.phase !== 'old') throw new RefusedError('it knows nothing of this reshard, and it has begun');
      this.join(decision, first);
    } else if (record.decision.seq !== decision.seq) {
      if (decision.phase !== 'over') {
        this.write({ ...record, decision });
        this.state = this.stateOf(decision);
      }
    }
    if (decision.phase === 'over') return this.end(decision);
    return this.untilWorkers(decision, this.state);
  }

  private join(decision: Decision, first: Pick<ReshardRecord, 'file' | 'coordinator' | 'plan'>): void {
    const { file, config, out } = this.host;
    const { pool: name, from, to } = decision;
    this.host.refuseUnlessRunning();
    const pool = config().pools.find(each => each.name === name);
    if (pool === undefined) throw new RefusedError(`there is no pool ${name}`);
    if (!isSameRing(pool, from)) throw new RefusedError(`pool ${name} has another ring than it is to come from`);
    const servers = out().filter(each => each.pool === name);
    if (servers.length > 0) {
      throw new RefusedError(`${servers.map(({ server }) => server).join(', ')} of pool ${name} is out of the ring`);
    }
    const written = file.load().pools.find(each => each.name === name);
    if (written === undefined || !isSameRing(written, from)) {
      throw new RefusedError(`${file.path} has another ring for pool ${name} than runs; save or reload first`);
    }
    // Whether it can be had is known before anything moves.
    fileToBe(file, name, to, first.file);
    this.write({ version: 1, decision, ...first });
    this.state = this.stateOf(decision);
    this.host.log.warn({ pool: name, reshard: decision.id, coordinator: first.coordinator }, 'reshard joined');
  }

  /** The ring of the file takes over. */
  private async end(decision: Decision): Promise<Acknowledgement> {
    const { record, host } = this;
    if (record === null || record.decision.phase === 'over') return { result: 'in' };
    const { pool, outcome, to } = decision;
    if (outcome === 'done') {
      const text = fileToBe(host.file, pool, to, record.file);
      if (text !== null) replaceConfigFile(host.file, text);
      if (!this.runsBy(decision)) await host.reload();
      if (!this.runsBy(decision)) throw new RefusedError(`the file does not say what pool ${pool} is to be`);
    }
    const done = await this.untilWorkers(decision, null);
    if (done.result !== 'in') return done;
    this.state = null;
    // What is in the file that it brought is nobody's business any more.
    this.write({ ...record, decision, file: null });
    host.log.warn({ pool, reshard: decision.id, outcome }, 'reshard over');
    return done;
  }

  private runsBy({ pool, to }: Decision): boolean {
    const running = this.host.config().pools.find(({ name }) => name === pool);
    return running !== undefined && isSameRing(running, to);
  }

  private async untilWorkers(
    { pool, phase, isBack, half }: Decision,
    state: ReshardState | null,
  ): Promise<Acknowledgement> {
    const missing = await this.host.workers.tell(pool, state, WORKERS_WITHIN_MS);
    if (missing !== '') return { result: 'waiting', error: missing };
    if (state?.phase === 'hold' && this.host.workers.isAnyLost) {
      const why = await this.fence.untilRead(state).then(
        () => '',
        error => (error as Error).message,
      );
      if (why !== '') return { result: 'waiting', error: why };
    }
    this.host.log.info({ pool, phase, half, isBack }, 'reshard phase');
    return { result: 'in' };
  }

  private write(record: ReshardRecord): void {
    try {
      this.host.records.write(record);
    } catch (error) {
      throw new RefusedError(`cannot write ${this.host.records.path}: ${(error as Error).message}`);
    }
    this.record = record;
  }

  /** Going back, keys move from the new ring to the old one; in hold it is all the same, and the workers know it so. */
  private stateOf({ id, pool: name, phase, isBack, half, from, to }: Decision): ReshardState | null {
    const pool = this.host.served(name);
    if (pool === undefined || phase === 'over') return null;
    const [before, after] = [withRing(pool, from), withRing(pool, to)];
    const isSwapped = isBack && phase !== 'hold';
    const isDropping = phase === 'drop';
    const way = isBack && !isSwapped ? otherHalf(half) : half;
    const step = { id, phase: isDropping ? 'both' : phase, half: way, isBack: isSwapped, isDropping } as const;
    return { ...step, from: isSwapped ? after : before, to: isSwapped ? before : after };
  }

  private refuseOtherRing(config: Config): void {
    const { pool: name, from, to, phase, isBack } = this.active as Decision;
    const pool = config.pools.find(each => each.name === name);
    const where = `pool ${name} is being resharded (${this.host.records.path})`;
    if (pool === undefined) throw new Error(`${where}: it can't be left out`);
    const isNew = phase === 'new' && !isBack;
    if (!isSameRing(pool, from) && !(isNew && isSameRing(pool, to)))
      throw new Error(`${where}: its ring can't change now`);
    const now = this.host.config().pools.find(each => each.name === name);
    for (const field of ['protocol', 'redisDb', 'databases', 'serverTls', 'cluster', 'readFrom'] as const) {
      if (now !== undefined && JSON.stringify(now[field]) !== JSON.stringify(pool[field])) {
        throw new Error(`${where}: how its servers are reached can't change now`);
      }
    }
  }
}
