import { type Logger, pino } from 'pino';
import type { LogConfig, LogLevel } from './log.ts';

/** What is kept for a log that can't be written (a full disk) before lines are dropped. */
const MAX_UNWRITTEN_BYTES = 1 << 20;

/** A process's log and what an operator does to it while it runs. */
export interface ReopenableLog {
  readonly log: Logger;
  setLevel(level: LogLevel): void;
  /**
   * Opens a file, or the same one again by its name after it was rotated away; null: standard error. Throws when it
   * can't be opened; then the log goes on as before.
   */
  open(file: string | null): void;
}

/**
 * One JSON line per event, to standard error or a file. Written synchronously: an event that is worth a line must not
 * be lost when the process dies of it. Throws an Error with the file's name when it can't be opened.
 */
export function createLog(config: LogConfig, role: string): ReopenableLog {
  let destination = openDestination(config.file);
  const stream = { write: (line: string) => void destination.write(line) };
  const log = pino({ level: config.level, base: { pid: process.pid, role } }, stream);
  return {
    log,
    setLevel: level => {
      log.level = level;
    },
    open: file => {
      const before = destination;
      destination = openDestination(file);
      before.end();
    },
  };
}

function openDestination(file: string | null) {
  const destination = pino.destination({
    dest: file ?? 2,
    sync: true,
    append: true,
    mkdir: false,
    maxLength: MAX_UNWRITTEN_BYTES,
  });
  // A disk that is full costs lines, not the service.
  destination.on('error', () => {});
  return destination;
}
