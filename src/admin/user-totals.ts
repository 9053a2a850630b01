import { FormatError } from '../figures/bytes.ts';
import { passwordName } from '../figures/series.ts';
import { SeriesTotals } from './series-totals.ts';

/** The numbers of a user of a pool, and of its passwords. */
export interface UserNumbers {
  readonly pool: string;
  readonly user: string;
  readonly numbers: Float64Array;
  /** In the order of the file. */
  readonly passwords: readonly Float64Array[];
}

/** A user, as far as the config says. */
export interface UserNames {
  readonly name: string;
  readonly pools: readonly string[];
}

/** The digests of the passwords that a user of a pool has now, in the order of the file. */
export type DigestsOf = (pool: string, user: string) => readonly string[];

/** What no worker has spoken of. */
const UNUSED = new SeriesTotals('password');

/** A worker that names more users of a pool, or passwords of them, makes no sense. */
const SERIES_MAX = 100_000;

/** The users of one pool, as workers speak of them. */
export class UserTotals {
  private readonly byName = new Map<string, SeriesTotals>();
  /** By `passwordName`. */
  private readonly passwords = new Map<string, SeriesTotals>();
  private configured: ReadonlySet<string> = new Set();

  /** The users that the config has, which are there before a worker speaks of them; others that it had are forgotten. */
  configure(users: readonly UserNames[]): void {
    const names = new Set(users.map(({ name }) => name));
    for (const name of this.configured) if (!names.has(name)) this.forget(name);
    this.configured = names;
    for (const name of names) this.series('user', name);
  }

  private forget(name: string): void {
    this.byName.delete(name);
    for (const password of this.passwords.keys()) {
      if (password.startsWith(passwordName(name, ''))) this.passwords.delete(password);
    }
  }

  series(kind: 'user' | 'password', name: string): SeriesTotals {
    const all = kind === 'user' ? this.byName : this.passwords;
    let series = all.get(name);
    if (series === undefined) {
      if (all.size >= SERIES_MAX) throw new FormatError(`more than ${SERIES_MAX} users or passwords`);
      series = new SeriesTotals(kind);
      all.set(name, series);
    }
    return series;
  }

  numbers(pool: string, digestsOf: DigestsOf): UserNumbers[] {
    const names = [...this.byName].sort(([a], [b]) => (a < b ? -1 : 1));
    return names.map(([user, series]) => {
      const passwords = digestsOf(pool, user).map(digest => this.passwords.get(passwordName(user, digest)) ?? UNUSED);
      return { pool, user, numbers: series.numbers(), passwords: passwords.map(each => each.numbers()) };
    });
  }
}
