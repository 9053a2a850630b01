import { isatty } from 'node:tty';
import { type Logger, pino } from 'pino';
import type { LogConfig, LogLevel } from './log.ts';
import { LogWriter } from './log-writer.ts';
import { prettyLine } from './pretty-line.ts';
import { RepeatLimit } from './repeat-limit.ts';

/** Lines of a process that were not written. */
export interface UnwrittenLines {
  /** Nobody took them: a pipe that is not read, a full disk. */
  readonly dropped: number;
  /** They said what others had said just before. */
  readonly heldBack: number;
}

/** A process's log and what an operator does to it while it runs. */
export interface ReopenableLog {
  readonly log: Logger;
  setLevel(level: LogLevel): void;
  /**
   * Opens a file, or the same one again by its name after it was rotated away; null: standard error. Throws when it
   * can't be opened; then the log goes on as before.
   */
  open(file: string | null): void;
  unwritten(): UnwrittenLines;
}

// pino's numbers. Who asks for debug lines wants them all, and a fatal one is the last.
const INFO = 30;
const WARN = 40;
const FATAL = 60;

/**
 * One JSON line per event, to standard error or a file; to a terminal one for people. Nobody waits for it to be written: see LogWriter; what waits when
 * the process ends is written then, within a bound. Throws an Error with the file's name when it can't be opened.
 */
export function createLog(config: LogConfig, role: string): ReopenableLog {
  const writer = new LogWriter(config.file, lines => {
    log.warn({ lines }, 'log lines were dropped: nobody took them');
  });
  let isPretty = isShown(config.file);
  const isColored = (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb';
  const limit = new RepeatLimit((level, fields, message) => {
    if (level <= WARN) log[level < WARN ? 'info' : 'warn'](fields, message);
    else log.error(fields, message);
  });
  const log = pino(
    {
      level: config.level,
      base: { pid: process.pid, role },
      hooks: {
        logMethod(args, method, level) {
          const [fields, message] = args as unknown as [Record<string, unknown>, string];
          const isFree = 'more' in fields || !isLimited(level, fields);
          if (isFree || limit.allows(level, fields, message)) method.apply(this, args);
        },
      },
    },
    { write: line => writer.write(isPretty ? prettyLine(line, isColored) : line) },
  );
  process.on('exit', () => {
    limit.endWindow();
    writer.end();
  });
  return {
    log,
    setLevel: level => {
      log.level = level;
    },
    open: file => {
      writer.open(file);
      isPretty = isShown(file);
    },
    unwritten: () => ({ dropped: writer.droppedLines, heldBack: limit.heldBack }),
  };
}

/** Who reads it is a person. */
function isShown(file: string | null): boolean {
  return file === null && isatty(2);
}

/** Whatever goes wrong, and all that servers and clients have a hand in; what an operator does is told each time. */
function isLimited(level: number, fields: object): boolean {
  if (level >= WARN) return level < FATAL;
  return level >= INFO && ('server' in fields || 'pool' in fields);
}
