import { type LineSink, openSink } from './line-sink.ts';

/** What waits for a log that takes nothing now (a full pipe, a disk that hangs) before lines are dropped. */
export const MAX_UNWRITTEN_BYTES: number = 1 << 20;
/** A sink that took nothing is tried again after so long. */
const RETRY_MS = 20;
/** Lines that still wait when the process ends get so long. */
const END_WITHIN_MS = 500;
const END_PAUSE_MS = 5;
const NEWLINE = 10;

/**
 * Writes lines without ever waiting for who reads them.
 *
 *   write ─▶ sink takes it
 *      └───▶ queue, up to MAX_UNWRITTEN_BYTES ─▶ sink, when it takes again
 *               └───▶ dropped and counted; `onRecovered` says how many once the queue is empty again
 */
export class LogWriter {
  /** Ever. */
  droppedLines = 0;
  private sink: LineSink;
  private queue: Buffer[] = [];
  private queuedBytes = 0;
  /** How much of the first line in the queue is written. */
  private written = 0;
  private droppedSince = 0;
  /** The last write failed: no use in telling what was lost. */
  private isFailing = false;
  private retryTimer: NodeJS.Timeout | null = null;
  private readonly onRecovered: (lines: number) => void;
  private readonly onLosing: () => void;
  private readonly mode: number | undefined;

  /**
   * null: standard error. `onLosing`: the first line is lost since all could be written. `mode`: of a file that is made. Throws an Error
   * with the file's name when it can't be opened.
   */
  constructor(
    file: string | null,
    onRecovered: (lines: number) => void,
    { onLosing = () => {}, mode }: { readonly onLosing?: () => void; readonly mode?: number } = {},
  ) {
    this.onRecovered = onRecovered;
    this.onLosing = onLosing;
    this.mode = mode;
    this.sink = openSink(file, lost => this.onDone(lost), mode);
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.queuedBytes + bytes.length > MAX_UNWRITTEN_BYTES) {
      this.drop();
      return;
    }
    this.queue.push(bytes);
    this.queuedBytes += bytes.length;
    if (this.retryTimer === null) this.pump();
  }

  /** Goes on in another file, or the same one opened anew. Throws as the constructor does; then nothing has changed. */
  open(file: string | null): void {
    const next = openSink(file, lost => this.onDone(lost), this.mode);
    this.end(0);
    this.loseBegunLine();
    this.sink.close();
    this.sink = next;
    this.pump();
  }

  /** Writes what waits as far as it is taken now, and lets go of the file; the rest is dropped, and counted. */
  close(): void {
    this.end(0);
    for (const line of this.queue) this.lose(line.subarray(line === this.queue[0] ? this.written : 0));
    this.queue = [];
    this.queuedBytes = 0;
    this.written = 0;
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
    this.sink.close();
  }

  /** Writes what waits, for `withinMs` at most. */
  end(withinMs = END_WITHIN_MS): void {
    const untilMs = performance.now() + withinMs;
    for (;;) {
      this.writeQueue((bytes, start) => this.sink.takeAtEnd(bytes, start));
      if (this.queue.length === 0 || performance.now() >= untilMs) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, END_PAUSE_MS);
    }
  }

  private pump(): void {
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
    this.writeQueue((bytes, start) => this.sink.take(bytes, start));
    if (this.queue.length > 0) {
      this.retryTimer = setTimeout(() => this.pump(), RETRY_MS);
      this.retryTimer.unref();
    } else if (this.droppedSince > 0 && !this.isFailing) {
      const lines = this.droppedSince;
      this.droppedSince = 0;
      this.onRecovered(lines);
    }
  }

  /** Until the queue is empty or the sink takes no more. */
  private writeQueue(take: (bytes: Buffer, start: number) => number): void {
    if (this.sink.joinsLines && this.queue.length > 1) {
      this.queue = [Buffer.concat(this.queue).subarray(this.written)];
      this.queuedBytes -= this.written;
      this.written = 0;
    }
    let done = 0;
    while (done < this.queue.length) {
      const bytes = this.queue[done]!;
      try {
        const taken = take(bytes, this.written);
        if (taken === 0) break;
        this.written += taken;
        if (!this.sink.joinsLines) this.isFailing = false;
      } catch {
        this.lose(bytes.subarray(this.written));
        this.written = bytes.length;
      }
      if (this.written < bytes.length) continue;
      this.queuedBytes -= bytes.length;
      this.written = 0;
      done++;
    }
    if (done > 0) this.queue = this.queue.slice(done);
  }

  /** Half of it would be the first line of another file. */
  private loseBegunLine(): void {
    const [first] = this.queue;
    if (first === undefined || this.written === 0) return;
    const rest = first.subarray(first.indexOf(NEWLINE, this.written) + 1);
    this.queuedBytes -= first.length - rest.length;
    this.written = 0;
    if (rest.length > 0) this.queue[0] = rest;
    else this.queue.shift();
    this.drop();
  }

  private onDone(lost: Buffer | null): void {
    if (lost === null) this.isFailing = false;
    else this.lose(lost);
    this.pump();
  }

  private lose(bytes: Buffer): void {
    this.isFailing = true;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) this.drop();
  }

  private drop(): void {
    this.droppedLines++;
    if (this.droppedSince++ === 0) this.onLosing();
  }
}
