import type { Account } from '../accounts/account.ts';
import type { Accounts } from '../accounts/accounts.ts';
import { CommandSeries, PoolSeries, passwordName, type Series, ServerSeries, UserSeries } from '../figures/series.ts';
import type { Backend } from '../upstream/backend.ts';
import type { Pool } from '../upstream/pool.ts';
import type { Pass } from './reporter.ts';

/** Servers that a pass looks at though nothing was heard of them: so all are looked at in turn, whatever they forgot to say. */
const LOOKED_AT_ANYWAY = 2000;

/**
 * What a worker counts in its pools. Of a hundred thousand servers some hundred are asked anything within a second: only these
 * are gone through for a report, once all have been since the pools last changed.
 */
export class PoolFigures {
  private readonly pools: () => readonly Pool[];
  private readonly accounts: (pool: Pool) => Accounts | null;
  private isWholeDue = true;
  /** The first server that the next pass looks at anyway. */
  private next = 0;

  /** `accounts`: those of a pool; null: it has none. */
  constructor(pools: () => readonly Pool[], accounts: (pool: Pool) => Accounts | null = () => null) {
    this.pools = pools;
    this.accounts = accounts;
  }

  /** Pools or servers have come or gone. */
  poolsChanged(): void {
    this.isWholeDue = true;
  }

  /** A reload may come while somebody goes through it. */
  pass(isWhole: boolean): Pass {
    const isAll = isWhole || this.isWholeDue;
    this.isWholeDue = false;
    return { series: this.series(isAll), isWhole: isAll };
  }

  private *series(isAll: boolean): Generator<Series> {
    const from = this.next;
    const to = from + LOOKED_AT_ANYWAY;
    let at = 0;
    for (const pool of this.pools()) {
      yield new PoolSeries(pool.name, pool.stats);
      for (const backend of pool.backends) {
        const isInTurn = at >= from && at < to;
        at++;
        if (isAll || isInTurn || backend.isUnreported) yield seriesOf(pool, backend);
      }
      for (const { name, total } of pool.commands.all()) yield new CommandSeries(pool.name, name, total);
      for (const account of this.accounts(pool)?.all ?? []) {
        if (isAll || account.figures.isUnreported) yield* seriesOfAccount(pool.name, account);
      }
    }
    this.next = !isAll && to < at ? to : 0;
  }
}

function* seriesOfAccount(pool: string, { name, figures }: Account): Generator<Series> {
  figures.isUnreported = false;
  yield new UserSeries('user', pool, name, figures);
  for (const use of figures.passwords) {
    yield new UserSeries('password', pool, passwordName(name, use.digest), use);
  }
}

function seriesOf(pool: Pool, backend: Backend): Series {
  // While it is awake its figures may change at any time.
  if (!backend.isAwake) backend.isUnreported = false;
  const stats = backend.snapshot();
  return new ServerSeries(pool.name, backend.name, stats, stats.times.histograms());
}
