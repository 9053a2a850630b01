import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Which cores the proxies have and which all else has, as lists that taskset reads. */
export interface Cores {
  readonly proxy: string;
  readonly load: string;
}

/** The cores to pin to, or why nothing is pinned. */
export type Pinning =
  | { readonly cores: Cores; readonly problem: null }
  | { readonly cores: null; readonly problem: string };

/** Finds out whether processes can be pinned here, and pins this one, whose children follow, to the load's cores. */
export function pinBenchmark(cores: Cores): Pinning {
  if (spawnSync('taskset', ['--version']).error !== undefined) return unpinned('there is no taskset here');
  if (availableParallelism() < 2) return unpinned('this process has one core only');
  const problem = pin(process.pid, cores.load) ?? tryOut(cores.proxy);
  return problem === null ? { cores, problem } : unpinned(problem);
}

/** Pins a process with all its threads; null, or what taskset has against it. */
export function pin(pid: number, cores: string): string | null {
  const { status, stderr } = spawnSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { encoding: 'utf8' });
  return status === 0 ? null : `taskset refused cores ${cores}: ${stderr.trim()}`;
}

function tryOut(cores: string): string | null {
  const { status, stderr } = spawnSync('taskset', ['-c', cores, 'true'], { encoding: 'utf8' });
  return status === 0 ? null : `taskset refused cores ${cores}: ${stderr.trim()}`;
}

function unpinned(problem: string): Pinning {
  return { cores: null, problem };
}
