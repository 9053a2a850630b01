import { setTimeout as delay } from 'node:timers/promises';
import { Slices } from '../system/slices.ts';
import { PoolLook, type ReadinessPool, type ServerReadiness } from './pool-look.ts';
import { PROBE_TIMEOUT_MS, ServerAnswers, type ServerAnswersOptions } from './server-answers.ts';

/** What there is to tell about a worker slot. */
export interface WorkerReadiness {
  readonly slot: number;
  /** `silent`: its worker does not report; it may be stopped, or busy for seconds. */
  readonly state: 'serving' | 'silent' | 'starting' | 'backing_off' | 'draining';
  readonly pid: number | null;
  readonly restarts: number;
  /** While backing off: what the last worker died of. While silent: for how long. */
  readonly why: string | null;
}

export interface ReadinessOptions extends ServerAnswersOptions {
  readonly pools: readonly ReadinessPool[];
  /** The worker slots. One that serves listens for all pools. */
  readonly workers: () => readonly WorkerReadiness[];
  /** The pool that is between two rings, and how far; null: none is. */
  readonly reshard?: () => { readonly pool: string; readonly phase: string } | null;
  /** What health checks say of a server: null when it is well, else why not; undefined: they have not asked it. */
  readonly verdict?: (pool: string, server: string) => string | null | undefined;
}

/** What /readyz says. */
export interface ReadinessReport {
  /** All pools are, and no worker slot is empty because its workers die, or silent: new connections to it would wait. */
  readonly ready: boolean;
  readonly workers: readonly WorkerReadiness[];
  readonly pools: readonly PoolReadiness[];
  /** A pool that is being resharded; that makes nothing unready. Not there: none is. */
  readonly reshard?: { readonly pool: string; readonly phase: string };
}

interface PoolReadiness {
  readonly name: string;
  readonly ready: boolean;
  /** Worker slots that listen. */
  readonly workers: number;
  /** null when ready. */
  readonly why: string | null;
  readonly servers: readonly ServerReadiness[];
  /** Further servers that were not looked at, since one of the pool answers. Not there: none. */
  readonly unseen?: number;
}

/** Once every pool is decided, the other servers have this long to answer for the sake of a complete report. */
const COMPLETION_MS = 50;
/** So many servers are looked at for one report, however many there are; of more pools than that one of each. */
const LOOKED_AT = 512;
/** A pool of which nobody has answered for so long has more of its servers asked. */
const PATIENCE_MS = 100;

/**
 * Whether every pool has a listening worker and a reachable server. Servers are asked only when somebody asks us, and those
 * that health checks ask not even then:
 *
 *   the first servers of each pool, the one that answered last before all
 *      │ none is there, or nobody has said anything for a while
 *      ▼
 *   the next ones ─▶ … ─▶ every pool is decided, or time is up
 */
export class Readiness {
  private readonly options: ReadinessOptions;
  private readonly answers: ServerAnswers;
  private pools: readonly ReadinessPool[];
  /** The index of the server that answered last. */
  private readonly favourites = new WeakMap<ReadinessPool, number>();

  constructor(options: ReadinessOptions) {
    this.options = options;
    this.answers = new ServerAnswers(options);
    this.pools = options.pools;
  }

  /** Takes over another config. */
  setPools(pools: readonly ReadinessPool[]): void {
    this.pools = pools;
  }

  /** The servers of one pool are others now. */
  setServers(pool: ReadinessPool): void {
    this.setPools(this.pools.map(each => (each.name === pool.name ? pool : each)));
  }

  /**
   * Resolves as soon as one server of each pool has answered, so that a dead server does not delay the report on a pool that
   * works; else after a second.
   */
  async check(): Promise<ReadinessReport> {
    const slices = new Slices();
    const looks = await this.look(slices);
    const workers = this.options.workers();
    const serving = workers.filter(worker => worker.state === 'serving').length;
    const pools: PoolReadiness[] = [];
    for (const look of looks) {
      this.favourites.set(look.pool, Math.max(0, look.reachable));
      pools.push(judge(look, serving));
      if (slices.isOver) await slices.next();
    }
    // New connections that the kernel gives to such a slot wait.
    const isOneAway = workers.some(({ state }) => state === 'backing_off' || state === 'silent');
    const reshard = this.options.reshard?.() ?? null;
    const ready = pools.every(pool => pool.ready) && !isOneAway;
    return { ready, workers, pools, ...(reshard !== null && { reshard }) };
  }

  /** At every pool, until each is decided or time is up, and a little longer. */
  private async look(slices: Slices): Promise<readonly PoolLook[]> {
    let news = Promise.withResolvers<void>();
    const source = {
      answerOf: this.answers.of.bind(this.answers),
      verdictOf: this.options.verdict ?? (() => undefined),
      onAnswer: () => news.resolve(),
    };
    this.answers.forgetOld();
    const looks = this.pools.map(pool => new PoolLook(pool, this.favourites.get(pool) ?? 0, source));
    const share = Math.max(1, Math.floor(LOOKED_AT / Math.max(1, looks.length)));
    let patiences = 0;
    const timer = setInterval(() => {
      patiences++;
      news.resolve();
    }, PATIENCE_MS);
    let undecided: readonly PoolLook[] = looks;
    for (let round = 0; patiences * PATIENCE_MS < PROBE_TIMEOUT_MS; ) {
      news = Promise.withResolvers();
      const isTimeForMore = round <= patiences;
      round = patiences + 1;
      for (const look of undecided) {
        if (!look.isDecided && (isTimeForMore || look.isQuiet)) look.further(share);
        if (slices.isOver) await slices.next();
      }
      undecided = undecided.filter(look => !look.isDecided);
      if (undecided.length === 0) {
        await othersOf(looks);
        break;
      }
      await news.promise;
    }
    clearInterval(timer);
    return looks;
  }
}

async function othersOf(looks: readonly PoolLook[]): Promise<void> {
  const enough = new AbortController();
  const late = delay(COMPLETION_MS, null, { signal: enough.signal }).catch(() => {});
  await Promise.race([Promise.all(looks.map(look => look.untilQuiet())), late]);
  enough.abort();
}

function judge(look: PoolLook, workers: number): PoolReadiness {
  const { name, servers } = look.pool;
  const faults: string[] = [];
  if (workers === 0) faults.push('no worker listens');
  // A port that several pools share has none.
  if (servers.length > 0 && !look.isReachable) faults.push('no server is reachable');
  const why = faults.length === 0 ? null : faults.join('; ');
  const unseen = look.unseen;
  return { name, ready: why === null, workers, why, servers: look.rows(), ...(unseen > 0 && { unseen }) };
}
