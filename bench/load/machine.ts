import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import path from 'node:path';
import { VERSION } from '../../src/system/version.ts';
import type { Pinning } from './pinning.ts';

/** What a figure depends on besides the program: the head of every report. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** Over the last minute, when the run began. More than a little means that others were at work. */
  readonly loadAverage: number;
  readonly pinning: string;
  readonly versions: Readonly<Record<string, string>>;
}

const root = path.join(import.meta.dirname, '../..');

export function describeMachine(pinning: Pinning): Machine {
  const commit = (
    spawnSync('git', ['-C', root, 'describe', '--always', '--dirty'], { encoding: 'utf8' }).stdout ?? ''
  ).trim();
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    loadAverage: loadavg()[0]!,
    pinning: describePinning(pinning),
    versions: {
      ringmaster: commit === '' ? VERSION : `${VERSION} (${commit})`,
      node: process.version,
      nutcracker: version(existsSync('/usr/sbin/nutcracker') ? '/usr/sbin/nutcracker' : 'nutcracker', ['-V']),
      redis: version('redis-server', ['--version']),
      memcached: version('memcached', ['--version']),
      'redis-benchmark': version('redis-benchmark', ['--version']),
    },
  };
}

function describePinning({ cores, problem }: Pinning): string {
  if (cores !== null) return `proxies on core ${cores.proxy}, servers and load on core ${cores.load}`;
  return `nothing is pinned: ${problem} (${availableParallelism()} available). Ratios are less steady so.`;
}

function version(command: string, args: readonly string[]): string {
  return /\d+\.\d+(?:\.\d+)?/.exec(firstLine(command, args))?.[0] ?? 'unknown';
}

/** nutcracker speaks on standard error. */
function firstLine(command: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return ((stdout ?? '').trim() || (stderr ?? '').trim()).split('\n')[0]!;
}
