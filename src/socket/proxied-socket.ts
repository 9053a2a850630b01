import { soon } from '../loop/rounds.ts';
import type { Block } from '../memory/block.ts';
import { PROXY_HEADER_MAX_BYTES, readProxyHeader } from './proxy-header.ts';
import type { ReadyLine } from './ready-lines.ts';
import type { SocketReader, StreamSocket } from './stream-socket.ts';

const NOTHING = Buffer.alloc(0);

/** Who waits for the header. */
export interface HeaderListener {
  /** `socket` is the client's from now on, nothing of it was read. */
  onHeader(socket: ProxiedSocket): void;
  /** It was closed, or is to be: what came is no header. */
  onNoHeader(socket: ProxiedSocket, why: string): void;
}

/**
 * A client's connection through a balancer, which says first who the client is. What comes after the header waits until
 * somebody reads.
 *
 *   header ──▶ waits, paused ──▶ start: what came with the header, then what comes
 */
export class ProxiedSocket implements StreamSocket, SocketReader {
  private readonly socket: StreamSocket;
  /** Null: the header is there. */
  private listener: HeaderListener | null;
  private reader: SocketReader | null = null;
  private header = NOTHING;
  private rest = NOTHING;
  private peerText: string | null = null;
  private localText: string | null = null;
  private isPaused = true;
  private hasEnded = false;

  /** Begins to read from `socket`. */
  constructor(socket: StreamSocket, listener: HeaderListener) {
    this.socket = socket;
    this.listener = listener;
    socket.start(this);
  }

  get isDestroyed(): boolean {
    return this.socket.isDestroyed;
  }

  get descriptor(): number {
    return this.socket.descriptor;
  }

  /** The client, as the balancer names it. */
  get peer(): string {
    return this.peerText ?? this.socket.peer;
  }

  get local(): string {
    return this.localText ?? this.socket.local;
  }

  get unsentBytes(): number {
    return this.socket.unsentBytes;
  }

  get closeListener(): (() => void) | null {
    return this.socket.closeListener;
  }

  set closeListener(listener: (() => void) | null) {
    this.socket.closeListener = listener;
  }

  standIn(line: ReadyLine | null): void {
    this.socket.standIn(line);
  }

  start(reader: SocketReader): void {
    this.reader = reader;
    this.isPaused = false;
    // Not inside the call of whoever is just being made.
    soon(() => this.handOver());
  }

  pause(): void {
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    this.isPaused = false;
    // Those who wait for it were not started yet, or have paused in the middle.
    if (this.reader === null) return;
    if (this.rest.length > 0 || this.hasEnded) soon(() => this.handOver());
    else this.socket.resume();
  }

  write(bytes: Buffer): boolean {
    return this.socket.write(bytes);
  }

  writeBlock(block: Block, start: number, end: number): boolean {
    return this.socket.writeBlock(block, start, end);
  }

  writev(pieces: Buffer[]): boolean {
    return this.socket.writev(pieces);
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  onRead(buf: Buffer, length: number): Buffer | null {
    if (this.listener === null) {
      if (this.reader !== null) return this.reader.onRead(buf, length);
      this.rest = Buffer.concat([this.rest, buf.subarray(0, length)]);
      return null;
    }
    this.header = Buffer.concat([this.header, buf.subarray(0, length)]);
    this.look(this.listener);
    return null;
  }

  onEnd(): void {
    if (this.listener !== null) this.refuse(this.listener, 'it ended before its PROXY header did');
    else if (this.reader === null || this.rest.length > 0) this.hasEnded = true;
    else this.reader.onEnd();
  }

  onTaken(): void {
    this.reader?.onTaken();
  }

  onClosed(errorCode: string | null): void {
    const { listener } = this;
    this.listener = null;
    listener?.onNoHeader(this, 'it was closed before its PROXY header had come');
    this.reader?.onClosed(errorCode);
  }

  private look(listener: HeaderListener): void {
    const { header } = this;
    try {
      const found = readProxyHeader(header, header.length);
      if (found === null) {
        if (header.length >= PROXY_HEADER_MAX_BYTES) this.refuse(listener, 'its PROXY header does not end');
        return;
      }
      this.peerText = found.peer;
      this.localText = found.local;
      this.rest = header.subarray(found.bytes);
    } catch (error) {
      this.refuse(listener, (error as Error).message);
      return;
    }
    this.header = NOTHING;
    this.listener = null;
    this.socket.pause();
    listener.onHeader(this);
  }

  private refuse(listener: HeaderListener, why: string): void {
    this.listener = null;
    listener.onNoHeader(this, why);
    this.socket.destroy();
  }

  /** What came with the header, unless its reader has paused meanwhile; then it is read on. */
  private handOver(): void {
    const { reader, rest } = this;
    if (this.isPaused || reader === null || this.isDestroyed) return;
    this.rest = NOTHING;
    if (rest.length > 0) reader.onRead(rest, rest.length);
    if (this.isPaused || this.isDestroyed) return;
    if (this.hasEnded) {
      this.hasEnded = false;
      reader.onEnd();
    } else this.socket.resume();
  }
}
