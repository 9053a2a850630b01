import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { openFilesLimit } from '../system/open-files-limit.ts';

/** What this machine and this process's limits allow the daemon. */
export interface Machine {
  readonly cores: number;
  /** Files and sockets a process may have open; Infinity: any number. node raises the soft limit to the hard one. */
  readonly maxOpenFiles: number;
  /** The first port that needs no privilege. */
  readonly firstFreePort: number;
}

const FIRST_FREE_PORT = 1024;

/** As this process finds it; a daemon that is started otherwise may find it different. */
export function thisMachine(): Machine {
  return {
    cores: availableParallelism(),
    maxOpenFiles: openFilesLimit(),
    firstFreePort: Number.parseInt(read('/proc/sys/net/ipv4/ip_unprivileged_port_start'), 10) || FIRST_FREE_PORT,
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
