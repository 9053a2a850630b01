import type { ToWorker } from '../ipc/messages.ts';
import type { LogConfig, LogLevel } from '../system/log.ts';
import { createLog, type ReopenableLog, type UnwrittenLines } from '../system/logger.ts';
import { RefusedError } from './errors.ts';

/** The master's log, and what its workers are told about theirs. */
export class MasterLog {
  readonly log: ReopenableLog['log'];
  private readonly file: ReopenableLog;
  private path: string | null;
  private readonly broadcast: (message: ToWorker) => void;

  constructor(config: LogConfig, broadcast: (message: ToWorker) => void) {
    this.file = createLog(config, 'master');
    this.log = this.file.log;
    this.path = config.file;
    this.broadcast = broadcast;
  }

  get level(): LogLevel {
    return this.log.level as LogLevel;
  }

  setLevel(level: LogLevel): void {
    this.file.setLevel(level);
    this.tell(false);
  }

  /** Opens the log file anew, here and in the workers. */
  reopen(): void {
    this.open();
    this.tell(true);
    this.log.info({}, 'log reopened');
  }

  /** Writes to the file of another configuration already. Throws a RefusedError. */
  try({ file }: LogConfig): void {
    if (file === this.path) return;
    try {
      this.file.open(file);
    } catch (error) {
      throw new RefusedError((error as Error).message);
    }
  }

  /** That configuration is not to be. */
  abandon({ file }: LogConfig): void {
    if (file !== this.path) this.open();
  }

  /** That configuration is in force. A level that it does not change stays as an operator left it. */
  adopt(before: LogConfig, now: LogConfig): void {
    this.path = now.file;
    if (before.level !== now.level) this.file.setLevel(now.level);
    this.tell(false);
  }

  unwritten(): UnwrittenLines {
    return this.file.unwritten();
  }

  private open(): void {
    try {
      this.file.open(this.path);
    } catch (error) {
      const reason = (error as Error).message;
      this.log.error({ file: this.path, reason }, 'cannot open the log file: the log goes on as before');
    }
  }

  private tell(reopen: boolean): void {
    this.broadcast({ type: 'log', level: this.level, file: this.path, reopen });
  }
}
