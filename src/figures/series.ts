import { FAILURE_REASONS } from '../request/failure.ts';
import { BACKEND_FIELDS } from './backend-fields.ts';
import type { Histogram } from './histogram.ts';
import { POOL_FIELDS } from './pool-fields.ts';
import type { BackendStats, PoolStats, StatKind } from './statistics.ts';
import { PASSWORD_FIELDS, USER_FIELDS } from './user-fields.ts';

/** What is counted and timed for one thing: a pool, a server of it, a command in it, a user of it, a password of that. */
export type SeriesKind = 'pool' | 'server' | 'command' | 'user' | 'password';

/** The figures of each kind: numbers, by the order they travel in, and durations. */
export interface SeriesShape {
  readonly numbers: readonly { readonly field: string; readonly kind: StatKind }[];
  readonly times: readonly string[];
}

/** How the failures of a server are called among its numbers. */
export const FAILURE_PREFIX = 'failures.';

export const SERIES_SHAPES: Readonly<Record<SeriesKind, SeriesShape>> = {
  /** `total`: from reading a request to writing its reply. No worker reports it: it is the sum of the pool's commands. */
  pool: { numbers: POOL_FIELDS, times: ['total'] },
  /** `server`: from sending a request to the last byte of its reply. `queue`: what it waited before it was sent. */
  server: {
    numbers: [
      ...BACKEND_FIELDS,
      ...FAILURE_REASONS.map(reason => ({ field: FAILURE_PREFIX + reason, kind: 'counter' as const })),
    ],
    times: ['server', 'queue'],
  },
  command: { numbers: [], times: ['total'] },
  user: { numbers: USER_FIELDS, times: [] },
  password: { numbers: PASSWORD_FIELDS, times: [] },
};

export const SERIES_KINDS = Object.keys(SERIES_SHAPES) as readonly SeriesKind[];

/** One worker's part of a series. */
export interface Series {
  readonly kind: SeriesKind;
  readonly pool: string;
  /** Of the server or the command; of a pool the same as `pool`. */
  readonly name: string;
  /** Tells it from all others, for as long as it is reported. */
  readonly key: object;
  /** Puts its numbers, in the order of its shape, into `values`. */
  numbersInto(values: Float64Array): void;
  /** In the order of its shape; null: none yet. */
  readonly times: readonly (Histogram | null)[];
}

const NO_TIMES: readonly null[] = [];

export class PoolSeries implements Series {
  readonly kind = 'pool';
  readonly pool: string;
  readonly key: PoolStats;
  readonly times = NO_TIMES;

  constructor(pool: string, stats: PoolStats) {
    this.pool = pool;
    this.key = stats;
  }

  get name(): string {
    return this.pool;
  }

  numbersInto(values: Float64Array): void {
    let at = 0;
    for (const { field } of POOL_FIELDS) values[at++] = this.key[field];
  }
}

export class ServerSeries implements Series {
  readonly kind = 'server';
  readonly pool: string;
  readonly name: string;
  readonly key: BackendStats;
  readonly times: readonly (Histogram | null)[];

  constructor(pool: string, name: string, stats: BackendStats, times: readonly (Histogram | null)[]) {
    this.pool = pool;
    this.name = name;
    this.key = stats;
    this.times = times;
  }

  numbersInto(values: Float64Array): void {
    const { key } = this;
    let at = 0;
    for (const { field } of BACKEND_FIELDS) values[at++] = key[field] as number;
    for (const reason of FAILURE_REASONS) values[at++] = key.failures[reason];
  }
}

/** A command has durations only: their number is that of its requests. */
export class CommandSeries implements Series {
  readonly kind = 'command';
  readonly pool: string;
  readonly name: string;
  readonly key: Histogram;
  readonly times: readonly Histogram[];

  constructor(pool: string, command: string, times: Histogram) {
    this.pool = pool;
    this.name = command;
    this.key = times;
    this.times = [times];
  }

  numbersInto(): void {}
}

/** Numbers of a user, by the names of `USER_FIELDS`, or of one of its passwords, by those of `PASSWORD_FIELDS`. */
export class UserSeries<Kind extends 'user' | 'password'> implements Series {
  readonly kind: Kind;
  readonly pool: string;
  readonly name: string;
  readonly key: UserFigures<Kind>;
  readonly times = NO_TIMES;

  /** `name`: of a password, see `passwordName`. */
  constructor(kind: Kind, pool: string, name: string, figures: UserFigures<Kind>) {
    this.kind = kind;
    this.pool = pool;
    this.name = name;
    this.key = figures;
  }

  numbersInto(values: Float64Array): void {
    const figures = this.key as Readonly<Record<string, number>>;
    let at = 0;
    for (const { field } of SERIES_SHAPES[this.kind].numbers) values[at++] = figures[field]!;
  }
}

type FieldOf<Kind> = (Kind extends 'user' ? typeof USER_FIELDS : typeof PASSWORD_FIELDS)[number]['field'];
type UserFigures<Kind> = { readonly [F in FieldOf<Kind>]: number };

/** A password is called by its user and its digest, since its place in the file may be another's after a reload; names of users have no colon. */
export function passwordName(user: string, digest: string): string {
  return `${user}:${digest}`;
}
