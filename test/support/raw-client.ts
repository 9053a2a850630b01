import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeCommand, parseReply, type RespValue, replyEnd } from './resp-reader.ts';
import { within } from './wait-for.ts';

export interface RawClientOptions {
  /** Let Nagle's algorithm hold small writes back; off by default. */
  readonly isNagleOn?: boolean;
  /** Upper bound of every read, after which it rejects with what has arrived. */
  readonly timeoutMs?: number;
}

/** Where the wanted bytes end: that many bytes, after this text, or what a function says (-1: not there yet). */
export type ReadEnd = number | string | ((arrived: Buffer) => number);

/** A client that knows nothing but bytes. Reads consume what they return and are made one at a time. */
export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection is gone in both directions, whoever closed it; never rejects. */
  readonly closed: Promise<void>;
  /** The socket's error, a reset for example. */
  error: Error | null = null;
  private readonly timeoutMs: number;
  private arrived = Buffer.allocUnsafe(1 << 16);
  private start = 0;
  private stop = 0;
  private isEnded = false;
  private wake: (() => void) | null = null;

  /** Connects to a port of 127.0.0.1 or to a unix socket's path. */
  static async connect(target: number | string, options: RawClientOptions = {}): Promise<RawClient> {
    const socket = typeof target === 'number' ? connect(target, '127.0.0.1') : connect(target);
    await within(once(socket, 'connect'), { what: `a connection to ${target}` });
    return new RawClient(socket, options);
  }

  /** Takes over a connected socket. */
  constructor(socket: Socket, options: RawClientOptions = {}) {
    this.socket = socket;
    this.timeoutMs = options.timeoutMs ?? 30_000;
    socket.setNoDelay(!options.isNagleOn);
    socket.on('data', (chunk: Buffer) => this.append(chunk));
    socket.on('end', () => this.finish());
    socket.on('error', error => {
      this.error = error;
      this.finish();
    });
    this.closed = new Promise(resolve => {
      socket.on('close', () => {
        this.finish();
        resolve();
      });
    });
  }

  /** Writes bytes; strings are taken as latin1, a byte a character. */
  send(bytes: Buffer | string): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Consumes up to `end`. Rejects when the other side closes or `timeoutMs` pass before that. */
  async readUntil(end: ReadEnd): Promise<Buffer> {
    const deadline = performance.now() + this.timeoutMs;
    for (;;) {
      const length = this.lengthUntil(end);
      if (length >= 0) return this.take(length);
      if (this.isEnded) throw new Error(`the connection ended inside a reply; it had sent ${this.preview()}`);
      const news = Promise.withResolvers<void>();
      this.wake = news.resolve;
      const timeoutMs = Math.max(1, Math.ceil(deadline - performance.now()));
      await within(news.promise, { what: 'more bytes', timeoutMs }).catch(() => {
        throw new Error(`no more bytes after ${this.timeoutMs} ms; unread: ${this.preview()}`);
      });
    }
  }

  /** One RESP reply, as bytes. */
  readReply(): Promise<Buffer> {
    return this.readUntil(arrived => replyEnd(arrived));
  }

  /** The next `count` RESP replies, as bytes. */
  async readReplies(count: number): Promise<Buffer[]> {
    const replies: Buffer[] = [];
    while (replies.length < count) replies.push(await this.readReply());
    return replies;
  }

  /** One line with its CRLF. */
  readLine(): Promise<Buffer> {
    return this.readUntil('\r\n');
  }

  /** All that still comes until the other side ends or resets the connection. */
  readToEnd(): Promise<Buffer> {
    return this.readUntil(arrived => (this.isEnded ? arrived.length : -1));
  }

  /** Sends one Redis command and decodes its reply. */
  async command(...args: (string | number | Buffer)[]): Promise<RespValue> {
    this.send(encodeCommand(...args));
    return parseReply(await this.readReply());
  }

  /** Bytes that have arrived and were not consumed. */
  unread(): Buffer {
    return Buffer.from(this.arrived.subarray(this.start, this.stop));
  }

  /** Stops reading from the socket, as a slow client does; `resume` goes on. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Sends FIN: the half-close of a client that still wants its replies. */
  end(): void {
    this.socket.end();
  }

  /** Closes with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Closes at once. */
  destroy(): void {
    this.socket.destroy();
  }

  private lengthUntil(end: ReadEnd): number {
    const view = this.arrived.subarray(this.start, this.stop);
    if (typeof end === 'number') return view.length >= end ? end : -1;
    if (typeof end === 'function') return end(view);
    const at = view.indexOf(end, 0, 'latin1');
    return at < 0 ? -1 : at + Buffer.byteLength(end, 'latin1');
  }

  private take(length: number): Buffer {
    const taken = Buffer.from(this.arrived.subarray(this.start, this.start + length));
    this.start += length;
    return taken;
  }

  private append(chunk: Buffer): void {
    if (this.stop + chunk.length > this.arrived.length) {
      const unread = this.arrived.subarray(this.start, this.stop);
      const needed = unread.length + chunk.length;
      const target = needed * 2 > this.arrived.length ? Buffer.allocUnsafe(needed * 2) : this.arrived;
      unread.copy(target);
      this.arrived = target;
      this.start = 0;
      this.stop = unread.length;
    }
    chunk.copy(this.arrived, this.stop);
    this.stop += chunk.length;
    this.rouse();
  }

  private finish(): void {
    this.isEnded = true;
    this.rouse();
  }

  private rouse(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }

  private preview(): string {
    const unread = this.arrived.subarray(this.start, this.stop);
    return `${unread.length} bytes ${JSON.stringify(unread.toString('latin1', 0, 300))}`;
  }
}
