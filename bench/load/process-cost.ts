import { readdirSync, readFileSync } from 'node:fs';

/** What processes have used so far. */
export interface Usage {
  /** Time on a core. */
  readonly cpuUs: number;
  /** The same as the kernel's ticks count it, by which user and system space share it. */
  readonly userTicks: number;
  readonly systemTicks: number;
}

/** CPU time between two readings, in microseconds. */
export interface Cost {
  readonly cpuUs: number;
  readonly userUs: number;
  readonly systemUs: number;
}

/** Linux counts in hundredths of a second towards user space, whatever its own tick is. */
const TICK_US = 10_000;

// Fields of /proc/PID/stat counted from the state, the first one after the name in parentheses (proc(5)).
const UTIME = 11;
const STIME = 12;
const CUTIME = 13;
const CSTIME = 14;

/** The usage of processes with all their threads, added up. */
export function usageOf(pids: readonly number[]): Usage {
  const sum = { cpuUs: 0, userTicks: 0, systemTicks: 0 };
  for (const pid of pids) {
    const stat = statFields(pid);
    const userTicks = Number(stat[UTIME]);
    const systemTicks = Number(stat[STIME]);
    sum.userTicks += userTicks;
    sum.systemTicks += systemTicks;
    // Threads that have ended are in the ticks only.
    sum.cpuUs += Math.max(runTimeUs(pid) ?? 0, (userTicks + systemTicks) * TICK_US);
  }
  return sum;
}

/** What was used between two readings of the same processes. */
export function costBetween(before: Usage, after: Usage): Cost {
  const cpuUs = after.cpuUs - before.cpuUs;
  const user = after.userTicks - before.userTicks;
  const system = after.systemTicks - before.systemTicks;
  const userUs = user + system === 0 ? 0 : (cpuUs * user) / (user + system);
  return { cpuUs, userUs, systemUs: cpuUs - userUs };
}

/** Time on a core of a process's main thread alone. */
export function threadTimeUs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1000;
}

/** CPU time of the children of this process that have ended. */
export function endedChildrenUs(): number {
  const stat = statFields(process.pid);
  return (Number(stat[CUTIME]) + Number(stat[CSTIME])) * TICK_US;
}

/** Resident memory of processes, added up. */
export function residentBytes(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    sum += Number(match?.[1] ?? 0) * 1024;
  }
  return sum;
}

/** How many descriptors a process may open. */
export function openFilesLimit(pid: number): number {
  const match = /^Max open files\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'));
  return match?.[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(match?.[1] ?? 0);
}

/** Nanosecond-exact where the kernel keeps it; ticks are too coarse for short rounds. */
function runTimeUs(pid: number): number | null {
  try {
    let ns = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
    }
    return ns > 0 ? ns / 1000 : null;
  } catch {
    return null;
  }
}

function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
