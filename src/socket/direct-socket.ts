import { getSystemErrorName } from 'node:util';
import { type HandleBinding, handleBinding, type StreamHandle, type WriteRequest } from './handle-binding.ts';
import { type SocketReader, type StreamSocket, UNNAMED_PEER } from './stream-socket.ts';

const READ_BUFFER_BYTES = 64 * 1024;
/** All sockets read into it that were not given a buffer of their own: a read is dealt with before the next begins. */
const sharedBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

/** libuv's UV_EOF. */
const END_OF_FILE = -4095;
/** Nobody makes a direct socket where it is missing. */
const binding = handleBinding as HandleBinding;

/** A socket on node's handle, without the streams of net.Socket. The handle is its own from now on. */
export class DirectSocket implements StreamSocket {
  isDestroyed = false;
  closeListener: (() => void) | null = null;
  private readonly handle: StreamHandle;
  private reader: SocketReader | null = null;
  /** What the handle reads into: it knows the address only, so this keeps the buffer alive. */
  private buffer: Buffer = sharedBuffer;
  private isReading = false;
  private hasEnded = false;
  private errorCode: string | null = null;

  constructor(handle: StreamHandle) {
    this.handle = handle;
  }

  get descriptor(): number {
    return this.handle.fd;
  }

  get peer(): string {
    const name: { address?: string; port?: number } = {};
    const error = this.isDestroyed ? -1 : this.handle.getpeername?.(name);
    return error === 0 ? `${name.address}:${name.port}` : UNNAMED_PEER;
  }

  start(reader: SocketReader): void {
    this.reader = reader;
    this.handle.onread = () => this.received(binding.state[binding.readResult] as number);
    this.handle.useUserBuffer(sharedBuffer);
    this.resume();
  }

  pause(): void {
    if (!this.isReading) return;
    this.isReading = false;
    if (!this.isDestroyed) this.handle.readStop();
  }

  resume(): void {
    if (this.isReading || this.hasEnded || this.isDestroyed) return;
    this.isReading = true;
    const error = this.handle.readStart();
    if (error < 0) this.fail(error);
  }

  write(bytes: Buffer): boolean {
    const result = this.handle.writeBuffer(null, bytes);
    return result === 0 || this.isTaken(result, bytes);
  }

  writev(pieces: Buffer[]): boolean {
    const result = this.handle.writev(null, pieces, true);
    return result === 0 || this.isTaken(result, pieces);
  }

  end(): void {
    if (this.isDestroyed) return;
    const request = new binding.ShutdownRequest();
    request.oncomplete = () => {};
    // An error says that the connection is gone; reading finds that out as well.
    this.handle.shutdown(request);
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.handle.close();
    // When whoever calls is done.
    void Promise.resolve().then(() => this.closed());
  }

  /** `result`: bytes read, or a negative errno. Returns where the next bytes go; undefined: where the last ones did. */
  private received(result: number): Buffer | undefined {
    const reader = this.reader as SocketReader;
    if (result > 0) {
      if (this.isDestroyed) return undefined;
      const next = this.handOver(reader, result) ?? sharedBuffer;
      if (next === this.buffer) return undefined;
      this.buffer = next;
      return next;
    }
    if (result === END_OF_FILE) {
      this.isReading = false;
      this.hasEnded = true;
      if (!this.isDestroyed) reader.onEnd();
    } else if (result < 0) this.fail(result);
    return undefined;
  }

  /** A write that had to wait is done, or never will be. */
  writeEnded(status: number): void {
    if (status < 0) this.fail(status);
    else if (!this.isDestroyed) this.reader?.onTaken();
  }

  private handOver(reader: SocketReader, length: number): Buffer | null {
    try {
      return reader.onRead(this.buffer, length);
    } catch (error) {
      // What was read is lost, and the next bytes would go into memory that may be another's: nothing can be trusted here.
      this.destroy();
      throw error;
    }
  }

  private closed(): void {
    this.reader?.onClosed(this.errorCode);
    this.closeListener?.();
    this.closeListener = null;
  }

  private isTaken(result: number | WriteRequest, data: Buffer | Buffer[]): boolean {
    if (typeof result === 'number') {
      this.fail(result);
      return false;
    }
    const error = binding.state[binding.writeError] as number;
    if (error !== 0) {
      this.fail(error);
      return false;
    }
    result.owner = this;
    result.data = data;
    result.oncomplete = onWriteEnded;
    const { writeStatus } = result;
    if (writeStatus === null) return false;
    result.writeStatus = null;
    if (writeStatus < 0) this.fail(writeStatus);
    return writeStatus >= 0;
  }

  private fail(errno: number): void {
    if (this.isDestroyed) return;
    this.errorCode = getSystemErrorName(errno);
    this.destroy();
  }
}

function onWriteEnded(this: WriteRequest, status: number): void {
  (this.owner as DirectSocket).writeEnded(status);
}
