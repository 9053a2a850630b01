import type { Config } from '../config/config.ts';
import type { ToWorker } from '../ipc/messages.ts';
import type { LogLevel } from '../system/log.ts';
import { createLog, type ReopenableLog, type UnwrittenLines } from '../system/logger.ts';
import { RefusedError } from './errors.ts';
import { AuditLog } from './monitoring/audit-log.ts';

type Logs = Pick<Config, 'log' | 'auditLog'>;

/** The master's log, the audit log, and what its workers are told about theirs. */
export class MasterLog {
  readonly log: ReopenableLog['log'];
  readonly audit: AuditLog;
  private readonly file: ReopenableLog;
  private path: string | null;
  private readonly broadcast: (message: ToWorker) => void;

  /** Throws an Error with the name of a file that can't be opened. */
  constructor({ log, auditLog }: Logs, broadcast: (message: ToWorker) => void) {
    this.file = createLog(log, 'master');
    this.log = this.file.log;
    this.audit = new AuditLog(this.log);
    this.audit.configure(auditLog);
    this.path = log.file;
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
    try {
      this.audit.reopen();
    } catch (error) {
      this.log.error({ reason: (error as Error).message }, 'cannot open the audit log: it goes on as before');
    }
    this.tell(true);
    this.log.info({}, 'log reopened');
  }

  /** Writes to the file of another configuration already. Throws a RefusedError. */
  try({ log: { file }, auditLog }: Logs): void {
    try {
      this.audit.configure(auditLog);
      if (file !== this.path) this.file.open(file);
    } catch (error) {
      throw new RefusedError((error as Error).message);
    }
  }

  /** That configuration is not to be. */
  abandon(next: Logs, before: Logs): void {
    if (next.log.file !== this.path) this.open();
    try {
      this.audit.configure(before.auditLog);
    } catch (error) {
      this.log.error({ reason: (error as Error).message }, 'cannot open the audit log: it goes on as before');
    }
  }

  /** That configuration is in force. A level that it does not change stays as an operator left it. */
  adopt({ log: before }: Logs, { log: now }: Logs): void {
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
