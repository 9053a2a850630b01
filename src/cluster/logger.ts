import { type Logger, pino } from 'pino';
import type { LogConfig, LogLevel } from '../config/config.ts';

/** A process's log and the two things an operator does to it while it runs. */
export interface ReopenableLog {
  readonly log: Logger;
  setLevel(level: LogLevel): void;
  /** Opens the log file by its name again, after it was rotated away. Throws when it can't be opened. */
  reopen(): void;
}

/**
 * One JSON line per event, to standard error or a file. Written synchronously: an event that is worth a line must not
 * be lost when the process dies of it. Throws an Error with the file's name when it can't be opened.
 */
export function createLog(config: LogConfig, role: string): ReopenableLog {
  const destination = pino.destination({ dest: config.file ?? 2, sync: true, append: true, mkdir: false });
  const log = pino({ level: config.level, base: { pid: process.pid, role } }, destination);
  return {
    log,
    setLevel: level => {
      log.level = level;
    },
    reopen: () => {
      if (config.file !== null) destination.reopen();
    },
  };
}
