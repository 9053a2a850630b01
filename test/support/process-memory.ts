import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of a process: now, and at its highest since the start or the last `resetPeak`. Linux. */
export interface ResidentMemory {
  readonly nowBytes: number;
  readonly peakBytes: number;
}

export function residentMemory(pid: number): ResidentMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const bytesOf = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
  return { nowBytes: bytesOf('VmRSS'), peakBytes: bytesOf('VmHWM') };
}

/** Lets the peak begin anew at what is resident now. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
