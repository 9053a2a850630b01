import { statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { AuditConfig } from '../../config/config.ts';
import type { AuditEntry } from '../../figures/audit-entry.ts';
import { type Log, logThrough } from '../../system/log.ts';
import { LogWriter } from '../../system/log-writer.ts';

/** Only its owner reads it. */
const MODE = 0o600;
/** Something that nobody did whom we know. */
const ALSO: ReadonlySet<string> = new Set(['admin request refused', 'ringmaster is ready', 'ringmaster drains']);
/** What JSON lets stand, and a terminal or a reader takes for something else: controls, ends of lines, changes of direction. */
const UNSEEN = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const CLIENT_CUT = 'client cut off by hand';

export interface AuditCounts {
  readonly written: number;
  /** There was no room for them, or they could not be written. */
  readonly dropped: number;
}

/**
 * Who did what, a JSON object a line. Nobody waits for it: lines wait in a bounded queue for the file, and entries in the workers
 * for the master. A file that is full is renamed, and those before it move up.
 */
export class AuditLog {
  private config: AuditConfig | null = null;
  private writer: LogWriter | null = null;
  private bytes = 0;
  private written = 0;
  private droppedElsewhere = 0;
  private isRotating = false;
  private readonly log: Log;

  /** `log`: of the process, for what goes wrong here. */
  constructor(log: Log) {
    this.log = log;
    process.on('exit', () => this.writer?.end());
  }

  /** Goes by these settings from now on. Throws an Error with the file's name when it can't be opened; then nothing has changed. */
  configure(config: AuditConfig | null): void {
    if (config?.file !== this.config?.file || this.writer === null) this.open(config);
    this.config = config;
  }

  /** Opens the file anew by its name. Throws as `configure`. */
  reopen(): void {
    if (this.config !== null) this.open(this.config);
  }

  /** `log`, of which what somebody did is also kept here. */
  from(log: Log): Log {
    return logThrough(log, (level, fields, message) => {
      log[level](fields, message);
      if ('by' in fields || ALSO.has(message) || message === CLIENT_CUT) this.tell(fields, message);
    });
  }

  /** What clients of a worker did. */
  add(entries: readonly AuditEntry[], dropped: number): void {
    this.droppedElsewhere += dropped;
    if (this.writer === null) return;
    for (const { atMs, isRefused, keys, command, reason, ...entry } of entries) {
      const outcome = entry.event === 'command' ? { command, isRefused } : reason === '' ? {} : { reason };
      this.write({ time: new Date(atMs).toISOString(), ...entry, ...outcome, ...(keys !== null && { keys }) });
    }
  }

  counts(): AuditCounts {
    return { written: this.written, dropped: this.droppedElsewhere + (this.writer?.droppedLines ?? 0) };
  }

  private tell(fields: object, message: string): void {
    if (this.writer === null) return;
    const { err: _, ...told } = fields as Record<string, unknown>;
    const isOfKey = told.kind === 'key' || told.kind === 'prefix';
    if (isOfKey && this.config?.keys !== true) delete told.value;
    this.write({ time: new Date().toISOString(), event: 'operator', what: message, ...told });
  }

  private write(entry: object): void {
    const line = `${JSON.stringify(entry).replace(UNSEEN, asEscape)}\n`;
    this.writer?.write(line);
    this.written++;
    this.bytes += Buffer.byteLength(line);
    const { config } = this;
    if (config !== null && this.bytes >= config.maxBytes && !this.isRotating) void this.rotate(config);
  }

  private open(config: AuditConfig | null): void {
    try {
      if (config === null) this.closeWriter();
      // What waits goes to the new file.
      else if (this.writer !== null) this.writer.open(config.file);
      else {
        const onLosing = () => this.log.error({ file: this.config?.file }, 'audit log: lines are being lost');
        this.writer = new LogWriter(config.file, lines => this.lost(lines), { onLosing, mode: MODE });
      }
    } catch (error) {
      throw new Error(`audit_log: ${(error as Error).message}`);
    }
    this.bytes = config === null ? 0 : (statSync(config.file, { throwIfNoEntry: false })?.size ?? 0);
  }

  private closeWriter(): void {
    this.writer?.close();
    this.droppedElsewhere += this.writer?.droppedLines ?? 0;
    this.writer = null;
  }

  /** Lines that come meanwhile go to the file under its new name. */
  private async rotate({ file, files }: AuditConfig): Promise<void> {
    this.isRotating = true;
    try {
      const name = (i: number) => (i === 0 ? file : `${file}.${i}`);
      for (let i = files; i > 0; i--) await rename(name(i - 1), name(i)).catch(ignoreMissing);
      if (files === 0) await rm(file, { force: true });
      if (this.config?.file === file) this.reopen();
    } catch (error) {
      // Another file's worth later it is tried again.
      this.bytes = 0;
      this.log.error({ file, reason: (error as Error).message }, 'audit log not rotated: it goes on in the same file');
    } finally {
      this.isRotating = false;
    }
  }

  private lost(lines: number): void {
    this.log.error({ lines }, 'audit log: lines could not be written');
  }
}

function asEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
