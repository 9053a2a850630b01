import type { StatKind } from '../figures/statistics.ts';
import { US_PER_SECOND } from './metrics-text.ts';
import type { WorkerFigures } from './totals.ts';

/** Of one worker process. CPU seconds begin anew when the slot gets a new process, which Prometheus' rate() allows for. */
export const WORKER_METRICS: readonly {
  readonly name: string;
  readonly kind: StatKind;
  readonly help: string;
  value(worker: WorkerFigures): number;
}[] = [
  {
    name: 'ringmaster_worker_cpu_user_seconds_total',
    kind: 'counter',
    help: 'CPU time of the worker in user space',
    value: worker => worker.process.cpuUserUs / US_PER_SECOND,
  },
  {
    name: 'ringmaster_worker_cpu_system_seconds_total',
    kind: 'counter',
    help: 'CPU time of the worker in the kernel',
    value: worker => worker.process.cpuSystemUs / US_PER_SECOND,
  },
  {
    name: 'ringmaster_worker_resident_memory_bytes',
    kind: 'gauge',
    help: 'resident memory of the worker',
    value: worker => worker.process.residentBytes,
  },
  {
    name: 'ringmaster_worker_heap_used_bytes',
    kind: 'gauge',
    help: 'JavaScript heap in use in the worker',
    value: worker => worker.process.heapUsedBytes,
  },
  {
    name: 'ringmaster_worker_external_memory_bytes',
    kind: 'gauge',
    help: 'memory outside the JavaScript heap that its objects hold: buffers, above all',
    value: worker => worker.process.externalBytes,
  },
  {
    name: 'ringmaster_worker_held_bytes',
    kind: 'gauge',
    help: 'bytes of requests and replies that the worker holds for its clients',
    value: worker => worker.process.heldBytes,
  },
  {
    name: 'ringmaster_worker_held_limit_bytes',
    kind: 'gauge',
    help: 'how many these may be before those who hold most are cut off (max_memory); 0: any number',
    value: worker => worker.process.heldLimitBytes,
  },
  {
    name: 'ringmaster_worker_quick_ack',
    kind: 'gauge',
    help: '1 when requests that arrive in pieces are acknowledged at once, 0 where node:ffi or Linux is missing',
    value: worker => Number(worker.process.hasQuickAck),
  },
  {
    name: 'ringmaster_worker_polled_sockets',
    kind: 'gauge',
    help: '1 when the sockets run on system calls, 0 when on node:net, which costs more CPU time',
    value: worker => Number(worker.process.hasPolledSockets),
  },
  {
    name: 'ringmaster_worker_log_lines_dropped_total',
    kind: 'counter',
    help: 'lines of its log that nobody took: a pipe that is not read, a full disk',
    value: worker => worker.process.logLinesDropped,
  },
  {
    name: 'ringmaster_worker_log_lines_held_back_total',
    kind: 'counter',
    help: 'lines of its log that only repeated others; the log has their number',
    value: worker => worker.process.logLinesHeldBack,
  },
  {
    name: 'ringmaster_worker_event_loop_utilization_ratio',
    kind: 'gauge',
    help: 'share of time the event loop of the worker was busy since the worker started, 0 to 1',
    value: worker => worker.process.eventLoopUtilization,
  },
  {
    name: 'ringmaster_worker_uptime_seconds',
    kind: 'gauge',
    help: 'time since the worker started',
    value: worker => worker.process.uptimeMs / 1000,
  },
  {
    name: 'ringmaster_worker_client_connections',
    kind: 'gauge',
    help: 'active client connections of the worker, over all pools',
    value: worker => worker.clientConnections,
  },
];
