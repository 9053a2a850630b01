import type { BackendStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import type { Turn } from '../loop/turn.ts';
import type { FailureReason } from '../request/failure.ts';
import type { Request } from '../request/request.ts';
import type { Log } from '../system/log.ts';
import type { BackendOptions } from './backend-options.ts';
import type { Unanswered } from './unanswered.ts';

/** The backend, as its connections know it. */
export interface ConnectionHost {
  readonly name: string;
  readonly options: BackendOptions;
  readonly stats: BackendStats;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  readonly unanswered: Unanswered;
  /** When health checks found it down, on the worker's clock; 0: they did not. */
  readonly markedDownAtMs: number;
  fail(request: Request, reason: FailureReason): void;
  /** A whole reply came. `isWell`: the server serves on this connection, so failures before it don't count any more. */
  answered(isErrorReply: boolean, isWell: boolean): void;
  /** The server says that it serves nobody for now, or no writes. */
  outOfService(): void;
  /** A connection was lost with requests on it, or could not be made: the server may be ill. */
  failed(reason: FailureReason): void;
  /** Something has begun that has a deadline, or something is counted. */
  stir(): void;
}

/** The backend, as its shared connections of the class C know it. */
export interface ConnectionOwner<C> extends ConnectionHost {
  probeSucceeded(): void;
  probeFailed(reason: FailureReason): void;
  connectionRetired(connection: C): void;
  /** Has connections made anew on which all kinds of replies can be asked for; the one in place of `connection`. */
  demand(connection: C): C;
}
