import { performance } from 'node:perf_hooks';
import type { ProcessSnapshot } from '../figures/statistics.ts';
import { heapMemory, residentBytes } from '../memory/process-memory.ts';

type SystemFigures =
  | 'pid'
  | 'uptimeMs'
  | 'residentBytes'
  | 'heapUsedBytes'
  | 'externalBytes'
  | 'cpuUserUs'
  | 'cpuSystemUs';

/** What the system and the runtime say of this process. */
export function processFigures(): Pick<ProcessSnapshot, SystemFigures | 'eventLoopUtilization'> {
  const heap = heapMemory();
  const cpu = process.cpuUsage();
  return {
    pid: process.pid,
    uptimeMs: performance.now(),
    residentBytes: residentBytes(),
    heapUsedBytes: heap.usedBytes,
    externalBytes: heap.externalBytes,
    cpuUserUs: cpu.user,
    cpuSystemUs: cpu.system,
    eventLoopUtilization: performance.eventLoopUtilization().utilization,
  };
}
