import { FAILURE_REASONS, type FailureReason } from '../request/failure.ts';
import { ServerTimes } from './server-times.ts';

/**
 * Everything a worker counts, as plain numbers, and the one table per level that names, types and documents each:
 * /metrics, the statistics port and `--describe-stats` are all produced from it.
 */

/** A counter only grows; a gauge is a level. A timestamp is microseconds since the epoch, 0 for never. */
export type StatKind = 'counter' | 'gauge' | 'timestamp';

export interface StatField<Stats> {
  readonly field: keyof Stats & string;
  readonly kind: StatKind;
  /** Name on twemproxy's statistics port; null: ours only. */
  readonly statsName: string | null;
  /** Name in /metrics. */
  readonly metric: string;
  readonly help: string;
}

/** Failed requests by reason. */
export type FailureCounts = Record<FailureReason, number>;

const NO_FAILURES = Object.fromEntries(FAILURE_REASONS.map(reason => [reason, 0])) as FailureCounts;

export function newFailureCounts(): FailureCounts {
  return { ...NO_FAILURES };
}

/** Of one pool in one worker. */
export class PoolStats {
  clientEof = 0;
  clientErr = 0;
  clientConnections = 0;
  clientConnectionsTotal = 0;
  serverEjects = 0;
  forwardError = 0;
  fragments = 0;
  requests = 0;
  requestBytes = 0;
  responses = 0;
  responseBytes = 0;
  localReplies = 0;
  blockedRequests = 0;
  limitWaits = 0;
  limitWaiting = 0;
  limitRefusals = 0;
  limitTurnedAway = 0;
  outputLimitCloses = 0;
  turnedAway = 0;
  deniedClients = 0;
  idleCloses = 0;
  memorySheds = 0;
  slowRequests = 0;
  sampledKeys = 0;
  hottestKeySamples = 0;
  watchedRequests = 0;
  busiestClientRequests = 0;
  subscriptions = 0;
  topics = 0;
  messagesIn = 0;
  messagesOut = 0;
  subscriptionsLost = 0;
  subscribersCut = 0;
  moved = 0;
  asked = 0;
  putOff = 0;
  replicaReads = 0;
  replicaReadsMoved = 0;
  sweeps = 0;
  sweepWaits = 0;
  sweepsRunning = 0;
  sweepsWaiting = 0;
  reshardWaiting = 0;
  reshardParked = 0;
  reshardExtraTrips = 0;
  reshardBrought = 0;
  reshardBringFailures = 0;
  reshardKnownKeys = 0;
  refusedSignIns = 0;
}

/** Of one backend in one worker. */
export class BackendStats {
  serverEof = 0;
  serverErr = 0;
  serverTimedout = 0;
  serverConnections = 0;
  serverEjectedAtUs = 0;
  requests = 0;
  requestBytes = 0;
  responses = 0;
  responseBytes = 0;
  errorReplies = 0;
  valuesFound = 0;
  valuesMissing = 0;
  inQueue = 0;
  inQueueBytes = 0;
  outQueue = 0;
  outQueueBytes = 0;
  isEjected = 0;
  isMarkedDown = 0;
  reconnects = 0;
  memorySheds = 0;
  privateInUse = 0;
  privateWaiting = 0;
  privateRefused = 0;
  readonly failures: FailureCounts = newFailureCounts();
  readonly times = new ServerTimes();
}

export interface PoolSnapshot {
  readonly name: string;
  readonly stats: PoolStats;
  readonly backends: readonly { readonly name: string; readonly stats: BackendStats }[];
}

export interface ProcessSnapshot {
  readonly pid: number;
  readonly uptimeMs: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
  /** What it holds for its clients, and may hold (max_memory); 0: any amount. */
  readonly heldBytes: number;
  readonly heldLimitBytes: number;
  readonly hasQuickAck: boolean;
  /** Its sockets run on system calls (see socket/polled-socket.ts). */
  readonly hasPolledSockets: boolean;
  /** Lines of its log that nobody took, and that only repeated others (see system/logger.ts). */
  readonly logLinesDropped: number;
  readonly logLinesHeldBack: number;
  readonly cpuUserUs: number;
  readonly cpuSystemUs: number;
  /** Share of time the event loop was busy since the worker started, 0–1. */
  readonly eventLoopUtilization: number;
}
