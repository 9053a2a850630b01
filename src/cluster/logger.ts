import { closeSync, openSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import type { LogConfig, LogLevel } from '../config/config.ts';

/** A process's log and the two things an operator does to it while it runs. */
export interface ReopenableLog {
  readonly log: Logger;
  setLevel(level: LogLevel): void;
  /** Opens the log file by its name again, after it was rotated away; stays with the old one when that fails. */
  reopen(): void;
}

/** Lines kept while none can be written, because the disk is full; what comes on top of it is lost. */
const MAX_UNWRITTEN_BYTES = 2 ** 20;

/**
 * One JSON line per event, to standard error or a file. Written synchronously: an event that is worth a line must not
 * be lost when the process dies of it. Throws an Error with the file's name when it can't be opened.
 */
export function createLog(config: LogConfig, role: string): ReopenableLog {
  const destination = open(config.file);
  // A log that cannot be written is no reason to stop serving.
  destination.on('error', () => {});
  const log = pino({ level: config.level, base: { pid: process.pid, role } }, destination);
  return {
    log,
    setLevel: level => {
      log.level = level;
    },
    reopen: () => {
      if (config.file === null) return;
      try {
        // Tried first, because pino's own attempt leaves it half open when it fails.
        closeSync(openSync(config.file, 'a'));
        destination.reopen();
      } catch (error) {
        log.error({ reason: (error as Error).message }, 'cannot open the log file again: the old one goes on');
      }
    },
  };
}

function open(file: string | null) {
  try {
    const options = { dest: file ?? 2, sync: true, append: true, mkdir: false, maxLength: MAX_UNWRITTEN_BYTES };
    return pino.destination(options);
  } catch (error) {
    throw new Error(`cannot open the log file ${file}: ${(error as Error).message}`);
  }
}
