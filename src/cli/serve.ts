import { withTlsFiles } from '../config/certificates.ts';
import type { Config } from '../config/config.ts';
import { parseConfig } from '../config/load.ts';
import { RereadConfig } from '../config/reread-config.ts';
import { configWarnings } from '../config/warnings.ts';
import { Master } from '../master/master.ts';
import { isSuccessor, Takeover } from '../master/upgrade/takeover.ts';
import type { LogLevel } from '../system/log.ts';
import { intendUser } from '../system/privileges.ts';
import { isDaemon, reportOutcome, startDaemon } from './daemonize.ts';
import { thisMachine } from './machine.ts';
import { openFilesWarnings } from './open-files.ts';
import type { DaemonOptions } from './options.ts';
import { userToBecome, userWarnings } from './run-as.ts';

/** From the least to the most that is written. */
const LEVELS: readonly LogLevel[] = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'];
/** twemproxy's statistics port, on when its form of file is used. */
const STATS_PORT = 22222;
const STATS_ADDRESS = '0.0.0.0';

/**
 * Runs the daemon until a signal ends it. Throws before anything runs when it can't start; the message is for the
 * operator. Resolves when it is drained.
 */
export async function serve(options: DaemonOptions): Promise<void> {
  const file = new RereadConfig(options.confFile);
  const takeover = isSuccessor ? await Takeover.receive() : null;
  try {
    await run(file, options, takeover);
  } catch (error) {
    await takeover?.failed((error as Error).message);
    throw error;
  }
}

async function run(file: RereadConfig, options: DaemonOptions, takeover: Takeover | null): Promise<void> {
  const read = withFlags(file.load(), options);
  const initial = takeover?.settings(read) ?? { file: read, overrides: new Map(), config: read };
  const { config } = initial;
  // As long as somebody looks: later it would be said in a log.
  for (const pool of config.pools) withTlsFiles(pool);
  const user = userToBecome(config);
  if (options.daemonize && !isDaemon && takeover === null) {
    const failure = await startDaemon();
    if (failure !== null) throw new Error(failure);
    return;
  }
  if (user !== null) intendUser(user);
  const master = new Master(initial, {
    takeover,
    pidFile: options.pidFile,
    statsAddress: statsAddress(config, options),
    configFile: {
      path: options.confFile,
      load: () => withFlags(file.load(), options),
      loadInBackground: async () => withFlags(await file.loadInBackground(), options),
      parse: text => withFlags(parseConfig(text, options.confFile), options),
    },
  });
  // What a reload finds odd is in its answer and its log entry.
  const warnings = [
    ...configWarnings(config),
    ...openFilesWarnings(config, thisMachine()),
    ...userWarnings(config, options.confFile, user),
  ];
  for (const { path, message } of warnings) master.log.warn({ setting: path }, message);
  const ended = followSignals(master);
  try {
    const isReady = await master.start();
    if (isDaemon) await reportOutcome(isReady ? null : 'it was told to stop while it started');
  } catch (error) {
    if (isDaemon) await reportOutcome((error as Error).message);
    throw error;
  }
  await Promise.race([ended, master.succession.handedOver]);
}

function withFlags(config: Config, options: DaemonOptions): Config {
  return {
    ...config,
    workers: options.workers ?? config.workers,
    log: { level: options.verbose ?? config.log.level, file: options.output ?? config.log.file },
  };
}

function statsAddress(config: Config, options: DaemonOptions): { host: string; port: number } | null {
  const isWanted = config.form === 'twemproxy' || options.statsPort !== null || options.statsAddr !== null;
  if (!isWanted) return null;
  return { host: options.statsAddr ?? STATS_ADDRESS, port: options.statsPort ?? STATS_PORT };
}

/** Resolves when a signal has ended the master. */
function followSignals(master: Master): Promise<void> {
  const changeLevel = (signal: NodeJS.Signals, step: number) => {
    const old = master.logLevel();
    const at = Math.min(LEVELS.length - 1, Math.max(0, LEVELS.indexOf(old) + step));
    const level = LEVELS[at] as LogLevel;
    master.masterLog.setLevel(level);
    master.log.info({ old, new: level, by: signal }, 'log level changed');
  };
  // What becomes of it stands in the log.
  const logged = () => {};
  process.on('SIGTTIN', signal => changeLevel(signal, 1));
  process.on('SIGTTOU', signal => changeLevel(signal, -1));
  process.on('SIGUSR1', () => master.masterLog.reopen());
  process.on('SIGHUP', () => {
    master.masterLog.reopen();
    master.reload('SIGHUP').catch(logged);
  });
  process.on('SIGUSR2', by => {
    const replacing = master.config.upgradeOn === 'usr2' ? master.succession.run(by, {}) : master.restartWorkers(by);
    replacing.catch(logged);
  });
  return new Promise(resolve => {
    const end = (signal: NodeJS.Signals) => {
      process.off('SIGTERM', end);
      process.off('SIGINT', end);
      master.stop(signal).then(resolve);
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
  });
}
