import { Command, InvalidArgumentError, Option } from 'commander';
import type { LogLevel } from '../system/log.ts';
import { VERSION } from '../system/version.ts';

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

/** What twemproxy takes for -m; a script that is wrong there should not become right here. */
const MIN_MBUF_BYTES = 512;
const MAX_MBUF_BYTES = 16 * 2 ** 20;

const EXAMPLES = `
Examples:
  ringmaster -c conf/ringmaster.yml                     run in the foreground
  ringmaster -d -c FILE -p PIDFILE -o LOGFILE           run as a daemon, with twemproxy's flags
  ringmaster check FILE                                 what is wrong, and what is probably not meant
  ringmaster route -c FILE user:42                      which server has that key
  ringmaster diff OLD NEW                               which keys a new file would move
  ringmaster reload -c FILE                             serve by the file as it is now
  ringmaster restart-workers -c FILE                    replace the workers, one by one
  ringmaster upgrade -c FILE                            have a new master take its place
  ringmaster set -c FILE POOL.timeout 300ms             change a setting of the running daemon

Signals: TERM, INT drain and exit; HUP reload and reopen the log; USR1 reopen the log; USR2 replace the workers;
TTIN, TTOU log more, log less.`;

/** The command line of `ringmaster`; `run` gets the daemon's options when no other command is named. */
export function createProgram(run: (options: DaemonOptions) => Promise<void>): Command {
  const program = new Command('ringmaster');
  program
    .description('A cache proxy for Redis and memcached: spreads keys over servers, one worker per core.')
    // So that `route -c FILE` is route's own -c.
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(`ringmaster: ${text.replace(/^error: /, '')}`) })
    .showHelpAfterError("Try 'ringmaster --help'.")
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
    .addOption(new Option('-m, --mbuf-size <bytes>', 'no effect: buffers size themselves').argParser(parseMbufSize))
    .addHelpText('after', EXAMPLES)
    .usage('[flags]\n       ringmaster check|route|diff|reload|restart-workers|upgrade …')
    .allowExcessArguments()
    .action(async (flags: Record<string, unknown>) => {
      const [word] = program.args;
      if (word !== undefined) program.error(`unknown command '${word}'`);
      await run(toOptions(flags));
    });
  return program;
}

/**
 * The arguments after the program's name, as `program` reads them: `-?` asks for help, and a long flag may be cut short
 * where only one begins so, as in twemproxy and GNU programs at large. What follows a command is left alone.
 */
export function readArguments(program: Command, args: readonly string[]): string[] {
  const names = program.options.flatMap(option => option.long ?? []).concat('--help');
  const commands = program.commands.map(command => command.name());
  let isOurs = true;
  return args.map(arg => {
    isOurs &&= arg !== '--' && !commands.includes(arg);
    if (!isOurs) return arg;
    if (arg === '-?') return '--help';
    const [name, ...value] = arg.split('=');
    if (!/^--./.test(arg) || names.includes(name!)) return arg;
    const meant = names.filter(each => each.startsWith(name!));
    return meant.length === 1 ? [meant[0], ...value].join('=') : arg;
  });
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
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('A level is 0–11 or a name.');
  // As in twemproxy, more than all is all.
  return LEVEL_BY_NUMBER[Math.min(Number(text), LEVEL_BY_NUMBER.length - 1)]!;
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

function parseMbufSize(text: string): number {
  const bytes = parseCount(text);
  if (bytes < MIN_MBUF_BYTES || bytes > MAX_MBUF_BYTES) {
    throw new InvalidArgumentError(`Between ${MIN_MBUF_BYTES} and ${MAX_MBUF_BYTES} bytes.`);
  }
  return bytes;
}
