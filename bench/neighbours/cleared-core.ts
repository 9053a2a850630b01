import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** A process, and the cores that it may run on, as taskset writes them. */
interface Placed {
  readonly pid: number;
  /** When it started, in ticks since the system did: a later one may get its pid. */
  readonly startedAt: string;
  readonly cores: string;
}

/**
 * Keeps all other processes off a core while something is measured on it, and lets them back afterwards. Those of the kernel
 * and those that the system does not let us move stay.
 */
export class ClearedCore {
  /** Of how many others that is so, and of how many it was not permitted. */
  readonly moved: number;
  readonly refused: number;
  private readonly others: string;
  private readonly own: string;
  /** As they were before, by `idOf`. */
  private readonly before: ReadonlyMap<string, Placed>;

  /** `pids`: those that may stay. Throws an Error where there is no other core, or no /proc. */
  constructor(core: number, pids: ReadonlySet<number>) {
    this.own = coresOf('self');
    const cores = listed(this.own).filter(each => each !== core);
    if (cores.length === 0) throw new Error('there is no other core');
    this.others = cores.join(',');
    const all = processes();
    this.before = new Map(all.map(each => [idOf(each), each]));
    const toMove = all.filter(({ pid, cores }) => !pids.has(pid) && listed(cores).includes(core));
    this.moved = toMove.filter(({ pid }) => setCores(pid, this.others)).length;
    this.refused = toMove.length - this.moved;
  }

  /** Those that were started meanwhile by such as were moved may go where this process might. */
  restore(): void {
    const others = listed(this.others).join();
    for (const each of processes()) {
      const cores = this.before.get(idOf(each))?.cores ?? this.own;
      if (each.pid !== process.pid && listed(each.cores).join() === others && cores !== each.cores) {
        setCores(each.pid, cores);
      }
    }
  }
}

function idOf({ pid, startedAt }: Placed): string {
  return `${pid} ${startedAt}`;
}

/** All but the kernel's. */
function processes(): Placed[] {
  return readdirSync('/proc').flatMap(name => {
    if (!/^\d+$/.test(name)) return [];
    try {
      if (readFileSync(`/proc/${name}/cmdline`).length === 0) return [];
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
      return [{ pid: Number(name), startedAt, cores: coresOf(name) }];
    } catch {
      // It is gone.
      return [];
    }
  });
}

function coresOf(pid: string): string {
  return /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}

/** `0-2,5` → 0, 1, 2, 5 */
function listed(cores: string): number[] {
  return cores.split(',').flatMap(range => {
    const [from, to = from] = range.split('-').map(Number);
    return Array.from({ length: to! - from! + 1 }, (_, i) => from! + i);
  });
}

function setCores(pid: number, cores: string): boolean {
  return spawnSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' }).status === 0;
}
