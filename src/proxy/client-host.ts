import type { PoolCommands } from '../figures/command-times.ts';
import type { PoolStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import type { Turn } from '../loop/turn.ts';
import type { MemoryCeiling } from '../memory/memory-ceiling.ts';
import type { Framer, Protocol, RequestParser, Session } from '../protocol/protocol.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import type { Log } from '../system/log.ts';
import type { SystemCalls } from '../system/system-calls.ts';
import type { PausedClients } from './client/paused-clients.ts';
import type { AuditTrail } from './insight/audit-trail.ts';
import type { KeyTrail } from './insight/key-trail.ts';
import type { ReplyTimer } from './insight/reply-timer.ts';
import type { SlowRequests } from './insight/slow-requests.ts';
import type { TrafficWatch } from './insight/traffic-watch.ts';
import type { PoolPause } from './pool-pause.ts';
import type { ReshardLimits } from './resharding/reshard-limits.ts';
import type { Router } from './router.ts';
import type { SubscriptionLimits } from './subscription-limits.ts';

/** The bounds of one client; sizes in bytes. */
export interface ClientLimits {
  readonly maxRequestBytes: number;
  /** Pending requests above which we stop reading from the client. */
  readonly maxPipeline: number;
  /** Unsent replies and unanswered requests above which we stop reading from it. */
  readonly bufferBytes: number;
  /** Unsent replies, those included that wait for their turn, above which it is cut off. */
  readonly outputLimitBytes: number;
  /** How long a request that asks all servers again and again may take. */
  readonly sweepTimeoutMs: number;
  readonly maxSweeps: number;
  readonly subscriptions: SubscriptionLimits;
  readonly reshard: ReshardLimits;
}

/** What the clients of one pool share in a worker. A reload may change the parser and the limits. */
export interface ClientHost {
  readonly poolName: string;
  readonly stats: PoolStats;
  readonly protocol: Protocol;
  readonly parser: RequestParser;
  readonly router: Router;
  /** Of the request that is being dispatched, whosever it is. */
  readonly requestBytes: RequestBytes;
  readonly limits: ClientLimits;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  readonly memory: MemoryCeiling;
  readonly pausedClients: PausedClients;
  readonly pause: PoolPause;
  readonly commands: PoolCommands;
  readonly slowRequests: SlowRequests;
  /** Of all pools of the worker. */
  readonly audit: AuditTrail;
  readonly watch: TrafficWatch;
  /** Somebody may ask for the keys of requests that are answered. */
  readonly keepsKeys: boolean;
  /** Of all pools of the worker, as the next. */
  readonly replyTimer: ReplyTimer;
  readonly keyTrail: KeyTrail;
  /** A client that waits for our ACK before it sends the rest of a request gets it at once. */
  readonly systemCalls: SystemCalls | null;
  createFramer(session: Session): Framer;
  /** Calls `then` later, when what servers say of what the parser does not know is learned. */
  askServers(then: () => void): void;
}
