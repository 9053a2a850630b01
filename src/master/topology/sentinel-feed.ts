import { connect, type Socket } from 'node:net';
import { type SentinelTarget, sentinelTraits } from '../../admin/ask-sentinel.ts';
import type { SentinelEvent } from '../../protocol/traits.ts';
import { startServerTls } from '../../system/server-tls.ts';

export interface SentinelFeedHost {
  onEvent(event: SentinelEvent): void;
  /** It is heard again after a while in which it was not: what it said meanwhile nobody knows. */
  onBack(): void;
}

export interface FeedOptions extends SentinelTarget {
  /** Nothing was heard for so long after it was asked to say something: it is not there. */
  readonly timeoutMs: number;
}

/** An event has a line. */
const UNREAD_MAX_BYTES = 64 * 1024;
/** It is asked to say something so often. */
const PING_MS = 1000;
/** From one attempt to the next; doubled each time, up to the most, and up to a half longer. */
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 10_000;
const NOTHING = Buffer.alloc(0);

/** Listens to one Sentinel: one connection, made anew when it is lost. */
export class SentinelFeed {
  private readonly options: FeedOptions;
  private readonly host: SentinelFeedHost;
  private socket: Socket | null = null;
  private unread: Buffer = NOTHING;
  private timer: NodeJS.Timeout | null = null;
  private failures = 0;
  private wasLost = false;
  private isHeard = false;
  private isStopped = false;

  constructor(options: FeedOptions, host: SentinelFeedHost) {
    this.options = options;
    this.host = host;
    this.open();
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.socket?.destroy();
  }

  private open(): void {
    const { protocol, at, credentials, tls, timeoutMs } = this.options;
    const traits = sentinelTraits(protocol);
    const plain = connect({ ...at, noDelay: true }).unref();
    const socket = tls === null ? plain : startServerTls(plain, at, tls);
    this.socket = socket;
    this.unread = NOTHING;
    this.isHeard = false;
    // Of an answer that has come while this process was busy, sockets are read before setImmediate's turn.
    this.after(timeoutMs, () => setImmediate(() => this.check(socket)));
    socket.once(tls === null ? 'connect' : 'secureConnect', () => socket.write(traits.subscription(credentials)));
    socket.on('data', (chunk: Buffer) => this.read(socket, chunk));
    socket.on('error', () => {});
    if (tls !== null) plain.on('error', () => socket.destroy());
    socket.once('close', () => this.closed(socket));
  }

  private read(socket: Socket, chunk: Buffer): void {
    this.isHeard = true;
    const heard = Buffer.concat([this.unread, chunk]);
    const read = sentinelTraits(this.options.protocol).readEvents(heard);
    if (read === null || heard.length - read.length > UNREAD_MAX_BYTES) {
      socket.destroy();
      return;
    }
    this.unread = heard.subarray(read.length);
    this.failures = 0;
    if (this.wasLost) {
      this.wasLost = false;
      this.host.onBack();
    }
    for (const event of read.events) this.host.onEvent(event);
  }

  private check(socket: Socket): void {
    if (socket !== this.socket || this.isStopped) return;
    if (!this.isHeard) {
      socket.destroy();
      return;
    }
    this.after(PING_MS, () => {
      this.isHeard = false;
      socket.write(sentinelTraits(this.options.protocol).ping);
      this.after(this.options.timeoutMs, () => setImmediate(() => this.check(socket)));
    });
  }

  private closed(socket: Socket): void {
    if (socket !== this.socket || this.isStopped) return;
    this.socket = null;
    this.wasLost = true;
    const pauseMs = Math.min(RETRY_MIN_MS * 2 ** Math.min(this.failures++, 10), RETRY_MAX_MS);
    this.after(pauseMs * (1 + Math.random() / 2), () => this.open());
  }

  private after(ms: number, then: () => void): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(then, ms).unref();
  }
}
