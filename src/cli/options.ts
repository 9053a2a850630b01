import { Command, InvalidArgumentError, Option } from 'commander';
import type { LogLevel } from '../config/config.ts';
import { VERSION } from '../core/version.ts';

/** The flags of the daemon: twemproxy's, and -w. What is null was not given. */
export interface DaemonOptions {
  readonly confFile: string;
  readonly pidFile: string | null;
  readonly output: string | null;
  readonly verbose: LogLevel | null;
  readonly workers: number | 'auto' | null;
  readonly testConf: boolean;
  readonly daemonize: boolean;
  readonly describeStats: boolean;
  readonly statsPort: number | null;
  readonly statsAddr: string | null;
}

export const DEFAULT_CONFIG_FILE = 'conf/ringmaster.yml';

/** twemproxy's levels 0–11 in pino's words; 5, its default, shows notices. */
const LEVEL_BY_NUMBER: readonly LogLevel[] = [
  'fatal',
  'fatal',
  'fatal',
  'error',
  'warn',
  'info',
  'info',
  'debug',
  'debug',
  'debug',
  'debug',
  'trace',
];
const LEVEL_NAMES: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** The command line of `ringmaster`; `run` gets the daemon's options when no other command is named. */
export function createProgram(run: (options: DaemonOptions) => Promise<void>): Command {
  const program = new Command('ringmaster');
  program
    .description('A cache proxy for Redis and memcached: spreads keys over servers, one worker per core.')
    .version(`ringmaster ${VERSION}`, '-V, --version', 'show the version and exit')
    .helpOption('-h, --help', 'show this help and exit')
    .option('-c, --conf-file <file>', 'configuration file', DEFAULT_CONFIG_FILE)
    .option('-t, --test-conf', 'check the configuration and exit: 0 good, 1 bad', false)
    .option('-d, --daemonize', 'run in the background', false)
    .option('-p, --pid-file <file>', "the master's process id, written once every listener accepts")
    .option('-o, --output <file>', 'log file (default: standard error)')
    .option('-v, --verbose <level>', `log level: 0–11 as in twemproxy, or ${LEVEL_NAMES.join(', ')}`, parseLevel)
    .option('-w, --workers <n>', 'worker processes: a number, or auto for one per core', parseWorkers)
    .option('-s, --stats-port <port>', "twemproxy's statistics port (default: 22222 with a twemproxy file)", parsePort)
    .option('-a, --stats-addr <address>', 'address of the statistics port (default: 0.0.0.0)')
    .option('-D, --describe-stats', 'describe the statistics and exit', false)
    .addOption(
      new Option('-i, --stats-interval <ms>', 'no effect: statistics are gathered when asked').argParser(parseCount),
    )
    .addOption(new Option('-m, --mbuf-size <bytes>', 'no effect: buffers size themselves').argParser(parseCount))
    .allowExcessArguments(false)
    .action(async (flags: Record<string, unknown>) => run(toOptions(flags)));
  return program;
}

function toOptions(flags: Record<string, unknown>): DaemonOptions {
  const given = <T>(name: string): T | null => (flags[name] as T | undefined) ?? null;
  return {
    confFile: flags.confFile as string,
    pidFile: given('pidFile'),
    output: given('output'),
    verbose: given('verbose'),
    workers: given('workers'),
    testConf: flags.testConf as boolean,
    daemonize: flags.daemonize as boolean,
    describeStats: flags.describeStats as boolean,
    statsPort: given('statsPort'),
    statsAddr: given('statsAddr'),
  };
}

function parseLevel(text: string): LogLevel {
  const byName = LEVEL_NAMES.find(name => name === text);
  if (byName !== undefined) return byName;
  const byNumber = LEVEL_BY_NUMBER[parseCount(text)];
  if (byNumber === undefined) throw new InvalidArgumentError('A level is 0–11 or a name.');
  return byNumber;
}

function parseWorkers(text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  const workers = parseCount(text);
  if (workers < 1 || workers > 1024) throw new InvalidArgumentError('Between 1 and 1024 workers, or auto.');
  return workers;
}

function parsePort(text: string): number {
  const port = parseCount(text);
  if (port > 65535) throw new InvalidArgumentError('A port is at most 65535.');
  return port;
}

function parseCount(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Not a whole number.');
  return Number(text);
}
