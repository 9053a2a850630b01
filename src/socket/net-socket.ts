import type { Socket } from 'node:net';
import type { Block } from '../memory/block.ts';
import { thePoller } from './poller.ts';
import { type LineTarget, type ReadyLine, readyLines } from './ready-lines.ts';
import { socketCalls } from './socket-calls.ts';
import { type SocketReader, type StreamSocket, UNNAMED_PEER } from './stream-socket.ts';

const NO_BYTES = Buffer.alloc(0);

const READABLE = 1;

/**
 * A socket on node:net: slower than PolledSocket, and there on every system. Every read comes in a buffer of its own; where
 * clients of several tenants are, it waits here for its turn, and nothing more is read meanwhile.
 * The socket must allow half-open connections.
 */
export class NetSocket implements StreamSocket, LineTarget {
  readyEvents = 0;
  closeListener: (() => void) | null = null;
  /** Of node. */
  readonly socket: Socket;
  protected reader: SocketReader | null = null;
  private errorCode: string | null = null;
  private line: ReadyLine | null = null;
  /** What has come and waits for its turn. */
  private readonly waiting: Buffer[] = [];
  private isReading = false;
  private readonly onWritten = (error?: Error | null): void => {
    if (!error && !this.isDestroyed) this.reader?.onTaken();
  };

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = errnoOf(error);
    });
    socket.on('close', () => {
      this.standIn(null);
      this.reader?.onClosed(this.errorCode);
      this.closeListener?.();
      this.closeListener = null;
    });
  }

  get isDestroyed(): boolean {
    return this.socket.destroyed;
  }

  get descriptor(): number {
    const { _handle: handle } = this.socket as unknown as { _handle?: { fd?: number } | null };
    return handle?.fd ?? -1;
  }

  get peer(): string {
    const { remoteAddress, remotePort } = this.socket;
    return remoteAddress === undefined ? UNNAMED_PEER : endText(remoteAddress, remotePort);
  }

  get local(): string {
    const { localAddress, localPort } = this.socket;
    return localAddress === undefined ? '' : endText(localAddress, localPort);
  }

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  standIn(line: ReadyLine | null): void {
    if (this.line === line || (this.isDestroyed && line !== null)) return;
    readyLines.move(this.line, line);
    this.line = line;
  }

  start(reader: SocketReader): void {
    this.reader = reader;
    this.socket.on('data', (chunk: Buffer) => {
      if (this.waiting.length === 0 && (this.line === null || !readyLines.areSeveral)) {
        this.handOver(chunk);
        return;
      }
      this.waiting.push(chunk);
      this.socket.pause();
      this.lineUp();
    });
    this.socket.on('end', () => {
      if (!this.isDestroyed) reader.onEnd();
    });
    this.resume();
  }

  pause(): void {
    this.isReading = false;
    this.socket.pause();
  }

  resume(): void {
    this.isReading = true;
    if (this.waiting.length > 0) this.lineUp();
    else this.socket.resume();
  }

  /** Its turn has come. */
  onReady(): void {
    // Who has paused says when it reads on.
    if (!this.isReading || this.isDestroyed) return;
    const chunk = this.waiting.shift();
    if (chunk !== undefined) this.handOver(chunk);
    if (this.isReading && !this.isDestroyed) this.resume();
  }

  write(bytes: Buffer): boolean {
    this.socket.write(bytes);
    return this.isTaken();
  }

  writeBlock(block: Block, start: number, end: number): boolean {
    return this.write(block.bytes.subarray(start, end));
  }

  writev(pieces: Buffer[]): boolean {
    const { socket } = this;
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.uncork();
    return this.isTaken();
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.standIn(null);
    this.waiting.length = 0;
    this.socket.destroy();
  }

  private handOver(chunk: Buffer): void {
    try {
      this.reader?.onRead(chunk, chunk.length);
    } catch (error) {
      // What was read is lost.
      this.destroy();
      throw error;
    }
  }

  private lineUp(): void {
    if (this.line === null) {
      // It stands in none any more.
      setImmediate(() => this.onReady());
      return;
    }
    readyLines.add(this.line, this, READABLE);
    if (socketCalls === null) readyLines.serveSoon();
    else thePoller().runSoon();
  }

  private isTaken(): boolean {
    if (this.socket.writableLength === 0) return true;
    // 'drain' comes only when more was left over than the stream's own buffer takes; this is called back in any case.
    this.socket.write(NO_BYTES, this.onWritten);
    return false;
  }
}

/** Errors of OpenSSL have names of their own, by the hundred. */
function errnoOf({ code = 'EIO' }: NodeJS.ErrnoException): string {
  return code.startsWith('ERR_SSL_') ? 'EPROTO' : code;
}

function endText(address: string, port: number | undefined): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
