import { setTimeout as delay } from 'node:timers/promises';
import { addressText } from '../../config/address.ts';
import type { PoolConfig } from '../../config/config.ts';
import { withRing } from '../../config/tables/ring-settings.ts';
import type { BigKeyRule, MoveProgress, Way } from '../../mover/mover-job.ts';
import { MOVERS } from '../../mover/movers.ts';
import type { Log } from '../../system/log.ts';
import { RefusedError } from '../errors.ts';
import { type DecidedPhase, type Decision, type DecisionEvent, nextDecision } from './decision.ts';
import { Fence } from './fence.ts';
import { MoveTally } from './move-tally.ts';
import { MoverProcess } from './mover-process.ts';
import type { Participant } from './participant.ts';
import { NOT_ASKED, type ParticipantState } from './participant-state.ts';
import { type AdminSecrets, Peer, type PeerAnswer, withLimit } from './peer.ts';
import type { ReshardPlan, ReshardRecord } from './reshard-record.ts';

export interface CoordinatorHost {
  readonly log: Log;
  readonly own: Participant;
  admin(): AdminSecrets;
  /** The pool as workers get it, with the files of its TLS. */
  served(pool: string): PoolConfig | undefined;
}

/**
 * Joining takes a file or two. In hold clients wait, so what is not so far by then is not: less than workers let requests wait.
 * The others are told until they are.
 */
const WITHIN_MS: Readonly<Record<DecidedPhase, number>> = {
  old: 10_000,
  hold: 5000,
  both: Number.POSITIVE_INFINITY,
  drop: Number.POSITIVE_INFINITY,
  new: Number.POSITIVE_INFINITY,
  over: Number.POSITIVE_INFINITY,
};
const ASK_AGAIN_MS = 200;
const ASK_AGAIN_MAX_MS = 2000;
const MOVER_AGAIN_MS = 1000;
/** Timers can't be as long as times to live. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * Decides, and has everybody do it: writes each decision down here first, then tells all participants again and again until
 * each has acknowledged it. One that dies goes on where it was, so what was decided comes about, however late.
 */
export class Coordinator {
  private readonly host: CoordinatorHost;
  private peers: readonly Peer[] = [];
  private decision: Decision;
  private states: ParticipantState[] = [];
  private mover: MoverProcess | null = null;
  private readonly tally = new MoveTally();
  /** The operator's wish that the loop has not seen yet. */
  private wantsAbort = false;
  /** Why it can't do what is next, and tries again. */
  private fault: string | null = null;
  private isLeft = 0;
  private moverSinceMs = 0;
  private readonly fence = new Fence();
  private isStopping = false;
  private wake: () => void = () => {};

  /** Of the record that the own participant has. */
  constructor(host: CoordinatorHost) {
    this.host = host;
    this.decision = this.plan.decided;
    this.peers = this.plan.peers.map(address => new Peer(address, () => host.admin()));
  }

  private get record(): ReshardRecord {
    return this.host.own.record as ReshardRecord;
  }

  get plan(): ReshardPlan {
    return this.record.plan as ReshardPlan;
  }

  /** For how long the mover that runs has moved. */
  get movingForMs(): number {
    return this.mover === null ? 0 : performance.now() - this.moverSinceMs;
  }

  get current(): Decision {
    return this.decision;
  }

  get participants(): readonly ParticipantState[] {
    return this.states;
  }

  get moverPid(): number | null {
    return this.mover?.pid ?? null;
  }

  /** Why it gets no further for the moment. */
  get trouble(): string | null {
    return this.fault ?? this.tally.trouble;
  }

  get isStuck(): boolean {
    const isWaiting = this.states.some(({ why }) => why !== null && why !== NOT_ASKED);
    return isWaiting || this.plan.isPaused || this.isLeft > 0 || this.trouble !== null;
  }

  /** Keys that are too big for a step and were left. */
  get left(): number {
    return this.isLeft;
  }

  /** Since it was started or taken up, over all movers. */
  get moved(): MoveProgress | null {
    return this.tally.total;
  }

  /**
   * Has all join, and goes on from there by itself. Rejects with a RefusedError when one does not; then all is as it was.
   */
  async begin(): Promise<void> {
    const why = await this.round(WITHIN_MS.old, true);
    if (why === '') {
      void this.run();
      return;
    }
    this.decide('refused', why);
    void this.run();
    throw new RefusedError(`not started: ${why}`);
  }

  /** Goes on where the record says. */
  async run(): Promise<void> {
    while (!this.isStopping) {
      try {
        if (await this.step()) return;
        this.fault = null;
      } catch (error) {
        this.fault = (error as Error).message;
        this.host.log.error({ err: error, pool: this.decision.pool }, 'reshard failed');
        await this.pause(ASK_AGAIN_MAX_MS);
      }
    }
  }

  /** True: it is over. */
  private async step(): Promise<boolean> {
    const { phase, isBack } = this.decision;
    const why = await this.round(WITHIN_MS[phase], phase === 'old' || phase === 'hold');
    if (this.isStopping) return true;
    switch (phase) {
      case 'old':
      case 'hold': {
        const unsafe = why === '' ? await this.looked(phase) : why;
        if (this.wantsAbort && !isBack) this.decide('abort', 'the operator took it back');
        else if (unsafe !== '') this.decide('refused', unsafe);
        else this.decide('acknowledged', null);
        return false;
      }
      case 'both':
        await this.move();
        return false;
      case 'drop':
        await this.sleep(MOVERS[this.placements().from.protocol]?.settleMs ?? 0);
        if (!this.isStopping) this.decide('acknowledged', this.plan.why);
        return false;
      case 'new':
        this.decide('acknowledged', this.plan.why);
        return false;
      case 'over':
        this.end();
        return true;
    }
  }

  private end(): void {
    const { pool, id, outcome } = this.decision;
    const { why } = this.plan;
    this.host.own.plan(null);
    if (outcome === 'done') this.host.log.warn({ pool, reshard: id }, 'reshard done: every proxy has the new ring');
    else this.host.log.warn({ pool, reshard: id, outcome, reason: why }, 'reshard ended: every proxy has the old ring');
  }

  /** Tells all until all are in it, one refuses, or for so long; with why not all are. */
  private async round(withinMs: number, endsByRefusal: boolean): Promise<string> {
    const { decision } = this;
    const { file, coordinator } = this.record;
    const startedAtMs = performance.now();
    const members = [
      { proxy: 'this one', take: () => this.host.own.take(decision, null, coordinator) as Promise<PeerAnswer> },
      ...this.peers.map(peer => ({
        proxy: peer.address,
        take: () => peer.take({ decision, file: decision.phase === 'old' ? file : null, coordinator }),
      })),
    ];
    this.states = members.map(({ proxy }) => ({ proxy, why: NOT_ASKED }));
    const refusals: string[] = [];
    let isOverdue = false;
    await Promise.all(
      members.map(async ({ proxy, take }, i) => {
        for (let againMs = ASK_AGAIN_MS; ; againMs = Math.min(ASK_AGAIN_MAX_MS, againMs * 1.5)) {
          const left = withinMs - (performance.now() - startedAtMs);
          const answer = await withLimit(take(), left);
          const why = answer.result === 'in' ? null : answer.error;
          this.states[i] = { proxy, why };
          if (why === null || isOverdue || this.isStopping) return;
          if (endsByRefusal && answer.result === 'refused') refusals.push(`${proxy}: ${why}`);
          if (refusals.length > 0 || (this.wantsAbort && endsByRefusal)) return;
          if (performance.now() - startedAtMs + againMs >= withinMs) {
            isOverdue = true;
            return;
          }
          await delay(againMs, undefined, { ref: false });
        }
      }),
    );
    if (refusals.length > 0) return refusals.join('; ');
    return this.states.flatMap(({ proxy, why }) => (why === null ? [] : [`${proxy}: ${why}`])).join('; ');
  }

  /** Written down before anybody is told. */
  private decide(event: DecisionEvent, why: string | null): void {
    const next = nextDecision(this.decision, event);
    if (next === null) return;
    const { pool, id } = next;
    const from = this.decision.phase;
    const isBringing = next.phase === 'both' && from !== 'both';
    const bringingSinceMs = isBringing ? Date.now() : this.plan.bringingSinceMs;
    this.host.own.plan({ ...this.plan, decided: next, why: why ?? this.plan.why, bringingSinceMs });
    this.decision = next;
    if (next.phase !== 'hold') this.fence.close();
    if (event === 'abort') this.wantsAbort = false;
    const { phase, half, isBack, outcome } = next;
    this.host.log.warn({ pool, reshard: id, from, phase, half, isBack, outcome, why }, 'reshard goes on');
  }

  /** Has a mover move until nothing is left, or the operator wants something else. */
  private async move(): Promise<void> {
    while (!this.isStopping && this.decision.phase === 'both') {
      if (this.wantsAbort) {
        // Without it the fence takes a little longer.
        await this.fence.open(this.placements()).catch(() => {});
        this.decide('abort', 'the operator took it back');
        return;
      }
      if (this.plan.isPaused || this.isLeft > 0) {
        await this.pause(Number.POSITIVE_INFINITY);
        continue;
      }
      const { paceBytes, maxStepMs, bigKeys, unlisted } = this.plan;
      const { isBack } = this.decision;
      const job = { type: 'move', ...this.placements(), paceBytes, maxStepMs, bigKeys, unlisted, isBack } as const;
      this.moverSinceMs = performance.now();
      this.mover = new MoverProcess(job, message => this.tally.hear(message));
      const last = await this.mover.ended;
      this.mover = null;
      if (this.isStopping) return;
      this.tally.hear(last);
      this.tally.moverEnded();
      if (last.type === 'moved' && last.left === 0) {
        while (this.expiresInMs > 0 && !this.wantsElse) await this.pause(Math.min(this.expiresInMs, LONGEST_PAUSE_MS));
        if (this.wantsElse) continue;
        await this.fence.untilQuiet(this.placements());
        // Clients wait for the next one.
        if (this.decision.half === 'first') await this.fence.open(this.placements()).catch(() => {});
        if (!this.wantsElse) this.decide(this.areListed ? 'moved' : 'expired', this.plan.why);
      } else if (last.type === 'moved') {
        this.isLeft = last.left;
        this.host.log.warn(
          { pool: this.decision.pool, keys: last.left },
          'reshard leaves keys that are too big for a step',
        );
      } else if (!this.wantsAbort && !this.plan.isPaused) {
        const why = last.type === 'failed' ? last.why : 'it ended';
        this.host.log.error({ pool: this.decision.pool, reason: why }, 'mover died; another takes its place');
        await this.pause(MOVER_AGAIN_MS);
      }
    }
  }

  /** All keys that move can be found. */
  private get areListed(): boolean {
    const { unlisted } = this.plan;
    return !this.placements().from.servers.some(({ address }) => unlisted.includes(addressText(address)));
  }

  /** For how long keys that can't be listed still move when they are asked for. */
  get expiresInMs(): number {
    if (this.areListed) return 0;
    const { bringingSinceMs, ttlMs } = this.plan;
    return Math.max(0, bringingSinceMs + ttlMs - Date.now());
  }

  private get wantsElse(): boolean {
    return this.isStopping || this.wantsAbort || this.plan.isPaused;
  }

  /** In hold: until nothing is left of what was asked for before. Why that can't be had; '': it is so. */
  private async looked(phase: 'old' | 'hold'): Promise<string> {
    try {
      if (phase === 'hold') {
        await this.fence.untilQuiet(this.placements());
        return '';
      }
      await this.fence.prepare(this.placements());
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** From where to where keys move now. */
  private placements(): Way {
    const { pool: name, from, to, isBack, half } = this.decision;
    const pool = this.host.served(name) as PoolConfig;
    const [before, after] = [withRing(pool, from), withRing(pool, to)];
    return isBack ? { from: after, to: before, half } : { from: before, to: after, half };
  }

  /** Throws a RefusedError when it is too late for that. */
  async abort(): Promise<void> {
    const next = nextDecision(this.decision, 'abort');
    if (next?.isBack) this.refuseUnlessMovableBack();
    this.wantsAbort = true;
    await this.mover?.kill();
    this.wake();
  }

  private refuseUnlessMovableBack(): void {
    const { protocol, servers } = this.placements().from;
    const out = servers.filter(({ address }) => !MOVERS[protocol]?.canTake(address));
    if (out.length === 0) return;
    const texts = out.map(({ address }) => addressText(address)).join(', ');
    throw new RefusedError(
      `keys can't be moved back to ${texts}: let it go on, and start another one to other addresses`,
    );
  }

  async pauseMoving(isPaused: boolean): Promise<void> {
    this.host.own.plan({ ...this.plan, isPaused });
    this.isLeft = 0;
    if (isPaused) await this.mover?.kill();
    this.wake();
  }

  setPace(paceBytes: number): void {
    this.host.own.plan({ ...this.plan, paceBytes });
    this.mover?.tell({ type: 'pace', paceBytes });
  }

  setBigKeys(bigKeys: BigKeyRule): void {
    this.host.own.plan({ ...this.plan, bigKeys });
    this.mover?.tell({ type: 'bigKeys', bigKeys });
    this.isLeft = 0;
    this.wake();
  }

  /** The daemon ends; what is written down goes on when it starts again. */
  stop(): void {
    this.isStopping = true;
    void this.mover?.kill();
    this.fence.close();
    this.wake();
  }

  /** The whole time, whatever is asked for meanwhile, unless the daemon ends. */
  private async sleep(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    for (let left = ms; left > 0 && !this.isStopping; left = untilMs - performance.now()) await this.pause(left);
  }

  private pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = Number.isFinite(ms) ? setTimeout(resolve, ms).unref() : null;
    this.wake = resolve;
    return promise.then(() => {
      if (timer !== null) clearTimeout(timer);
    });
  }
}
