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

export function newFailureCounts(): FailureCounts {
  return Object.fromEntries(FAILURE_REASONS.map(reason => [reason, 0])) as FailureCounts;
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
  outputLimitCloses = 0;
  turnedAway = 0;
  idleCloses = 0;
  memorySheds = 0;
  slowRequests = 0;
  subscriptions = 0;
  topics = 0;
  messagesIn = 0;
  messagesOut = 0;
  subscriptionsLost = 0;
  subscribersCut = 0;
  moved = 0;
  asked = 0;
  putOff = 0;
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

export const POOL_FIELDS: readonly StatField<PoolStats>[] = [
  {
    field: 'clientEof',
    kind: 'counter',
    statsName: 'client_eof',
    metric: 'ringmaster_pool_client_eof_total',
    help: 'eof on client connections',
  },
  {
    field: 'clientErr',
    kind: 'counter',
    statsName: 'client_err',
    metric: 'ringmaster_pool_client_errors_total',
    help: 'errors on client connections',
  },
  {
    field: 'clientConnections',
    kind: 'gauge',
    statsName: 'client_connections',
    metric: 'ringmaster_pool_client_connections',
    help: 'active client connections',
  },
  {
    field: 'serverEjects',
    kind: 'counter',
    statsName: 'server_ejects',
    metric: 'ringmaster_pool_server_ejects_total',
    help: 'times a backend server was ejected',
  },
  {
    field: 'forwardError',
    kind: 'counter',
    statsName: 'forward_error',
    metric: 'ringmaster_pool_forward_errors_total',
    help: 'requests that no server answered, or that could not be sent to one server alone',
  },
  {
    field: 'fragments',
    kind: 'counter',
    statsName: 'fragments',
    metric: 'ringmaster_pool_fragments_total',
    help: 'fragments created from multi-key requests',
  },
  {
    field: 'clientConnectionsTotal',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_client_connections_accepted_total',
    help: 'client connections accepted',
  },
  {
    field: 'requests',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_requests_total',
    help: 'requests read from clients',
  },
  {
    field: 'requestBytes',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_request_bytes_total',
    help: 'bytes of requests read from clients',
  },
  {
    field: 'responses',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_responses_total',
    help: 'replies given to clients, errors included',
  },
  {
    field: 'responseBytes',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_response_bytes_total',
    help: 'bytes of replies given to clients',
  },
  {
    field: 'localReplies',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_local_replies_total',
    help: 'requests that the proxy answered itself',
  },
  {
    field: 'blockedRequests',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_blocked_requests_total',
    help: 'requests refused because an operator has blocked their key, command or client',
  },
  {
    field: 'outputLimitCloses',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_output_limit_closes_total',
    help: 'clients cut off because they did not read their replies (client_output_limit)',
  },
  {
    field: 'turnedAway',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_clients_turned_away_total',
    help: 'clients turned away: the pool was full (client_connections), or the worker short of open files',
  },
  {
    field: 'idleCloses',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_idle_closes_total',
    help: 'clients closed because they were silent for client_idle_timeout',
  },
  {
    field: 'memorySheds',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_memory_sheds_total',
    help: 'clients cut off because they held most when their worker came to max_memory',
  },
  {
    field: 'slowRequests',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_slow_requests_total',
    help: 'requests that took slowlog_threshold or longer',
  },
  {
    field: 'subscriptions',
    kind: 'gauge',
    statsName: null,
    metric: 'ringmaster_pool_subscriptions',
    help: 'channels and patterns that clients have subscribed to, each client counted',
  },
  {
    field: 'topics',
    kind: 'gauge',
    statsName: null,
    metric: 'ringmaster_pool_topics',
    help: 'channels and patterns that workers have subscribed to at the servers',
  },
  {
    field: 'messagesIn',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_messages_received_total',
    help: 'messages that servers sent to workers for their subscribers',
  },
  {
    field: 'messagesOut',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_messages_delivered_total',
    help: 'messages given to clients that have subscribed, each client counted',
  },
  {
    field: 'subscriptionsLost',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_subscription_losses_total',
    help: 'times a worker lost its subscriptions at a server, and with them what was published until it had subscribed again',
  },
  {
    field: 'subscribersCut',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_slow_subscribers_total',
    help: 'clients that had subscribed and were cut off because they did not read (client_output_limit)',
  },
  {
    field: 'moved',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_moved_redirects_total',
    help: 'requests that a node of the cluster sent on because another has their slot (MOVED).',
  },
  {
    field: 'asked',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_ask_redirects_total',
    help: 'requests that a node of the cluster sent on because their slot is on its way to another (ASK).',
  },
  {
    field: 'putOff',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_pool_requests_put_off_total',
    help: 'times a request waited because a node of the cluster could not serve it yet (TRYAGAIN, CLUSTERDOWN, LOADING).',
  },
];

export const BACKEND_FIELDS: readonly StatField<BackendStats>[] = [
  {
    field: 'serverEof',
    kind: 'counter',
    statsName: 'server_eof',
    metric: 'ringmaster_server_eof_total',
    help: 'eof on server connections',
  },
  {
    field: 'serverErr',
    kind: 'counter',
    statsName: 'server_err',
    metric: 'ringmaster_server_errors_total',
    help: 'errors on server connections',
  },
  {
    field: 'serverTimedout',
    kind: 'counter',
    statsName: 'server_timedout',
    metric: 'ringmaster_server_timeouts_total',
    help: 'timeouts on server connections',
  },
  {
    field: 'serverConnections',
    kind: 'gauge',
    statsName: 'server_connections',
    metric: 'ringmaster_server_connections',
    help: 'active server connections',
  },
  {
    field: 'serverEjectedAtUs',
    kind: 'timestamp',
    statsName: 'server_ejected_at',
    metric: 'ringmaster_server_ejected_timestamp_microseconds',
    help: 'timestamp when server was ejected in usec since epoch',
  },
  {
    field: 'requests',
    kind: 'counter',
    statsName: 'requests',
    metric: 'ringmaster_server_requests_total',
    help: 'requests sent to the server; each fragment counts',
  },
  {
    field: 'requestBytes',
    kind: 'counter',
    statsName: 'request_bytes',
    metric: 'ringmaster_server_request_bytes_total',
    help: 'total request bytes',
  },
  {
    field: 'responses',
    kind: 'counter',
    statsName: 'responses',
    metric: 'ringmaster_server_responses_total',
    help: 'responses from the server',
  },
  {
    field: 'responseBytes',
    kind: 'counter',
    statsName: 'response_bytes',
    metric: 'ringmaster_server_response_bytes_total',
    help: 'total response bytes',
  },
  {
    field: 'inQueue',
    kind: 'gauge',
    statsName: 'in_queue',
    metric: 'ringmaster_server_queued_requests',
    help: 'requests that wait for a connection to the server',
  },
  {
    field: 'inQueueBytes',
    kind: 'gauge',
    statsName: 'in_queue_bytes',
    metric: 'ringmaster_server_queued_bytes',
    help: 'bytes of requests not yet taken by the kernel',
  },
  {
    field: 'outQueue',
    kind: 'gauge',
    statsName: 'out_queue',
    metric: 'ringmaster_server_inflight_requests',
    help: 'requests sent to the server that await its reply',
  },
  {
    field: 'outQueueBytes',
    kind: 'gauge',
    statsName: 'out_queue_bytes',
    metric: 'ringmaster_server_inflight_bytes',
    help: 'bytes of the requests that await a reply',
  },
  {
    field: 'errorReplies',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_server_error_replies_total',
    help: 'replies of the server that are errors in its protocol, passed on to the client',
  },
  {
    field: 'isEjected',
    kind: 'gauge',
    statsName: null,
    metric: 'ringmaster_server_ejected',
    help: 'workers that keep the server out of the ring because requests to it failed (auto_eject_hosts)',
  },
  {
    field: 'isMarkedDown',
    kind: 'gauge',
    statsName: null,
    metric: 'ringmaster_server_down_workers',
    help: 'workers that keep the server out of the ring because health checks found it down',
  },
  {
    field: 'reconnects',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_server_connects_total',
    help: 'connections opened to the server, failed attempts included',
  },
  {
    field: 'memorySheds',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_server_memory_sheds_total',
    help: 'connections cut off because the server did not take its requests while their worker was over max_memory',
  },
  {
    field: 'privateInUse',
    kind: 'gauge',
    statsName: null,
    metric: 'ringmaster_server_private_connections',
    help: 'connections that one client has to itself: transactions, blocking commands',
  },
  {
    field: 'privateWaiting',
    kind: 'gauge',
    statsName: null,
    metric: 'ringmaster_server_private_waiting',
    help: 'clients that wait for a private connection (private_connections)',
  },
  {
    field: 'privateRefused',
    kind: 'counter',
    statsName: null,
    metric: 'ringmaster_server_private_refused_total',
    help: 'clients that were refused a private connection: all were taken for too long, or the server is down',
  },
];
