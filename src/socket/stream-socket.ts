import type { Block } from '../memory/block.ts';
import type { ReadyLine } from './ready-lines.ts';

/** `StreamSocket.peer` of a socket that has no address. */
export const UNNAMED_PEER = 'a unix socket';

/** Who reads from a socket, and hears what becomes of it. */
export interface SocketReader {
  /**
   * `buf[0, length)` has come; it is valid only during the call unless `buf` is what the last call returned. Returns
   * where the next bytes are to go: a buffer that is left alone until they are there, or null for one that all sockets
   * share. A wish: the bytes may come in another buffer all the same.
   */
  onRead(buf: Buffer, length: number): Buffer | null;
  /** The peer sends no more. */
  onEnd(): void;
  /** The kernel has taken what a write had to leave over. */
  onTaken(): void;
  /** It is closed, by `destroy` or by an error: its code, such as ECONNRESET. Never called from inside another call. */
  onClosed(errorCode: string | null): void;
}

/**
 * A connected socket of the data path, TCP or unix. It closes only by `destroy` or an error, not when both sides have
 * ended.
 */
export interface StreamSocket {
  readonly isDestroyed: boolean;
  /** The file descriptor, or -1. */
  readonly descriptor: number;
  /** Who is at the other end, for logs: `10.1.2.3:4711`. */
  readonly peer: string;
  /** Our end of it, `10.1.2.3:22121` or the path of a unix socket; empty when that is not known. */
  readonly local: string;
  /** What the kernel has not taken of the last write. Not for the hot path. */
  readonly unsentBytes: number;
  /** Called once, after `SocketReader.onClosed`; also when nobody reads. */
  closeListener: (() => void) | null;
  /** Waits with the sockets of `line` for its turn to be read; null: it does not wait. Where nothing is polled nobody does. */
  standIn(line: ReadyLine | null): void;
  /** Begins to read. */
  start(reader: SocketReader): void;
  pause(): void;
  resume(): void;
  /**
   * Writes `bytes`. True: the kernel took them all. Else nothing may be written, and `bytes` must be left alone, before
   * `SocketReader.onTaken`; after an error that is never, and `isDestroyed` is set.
   */
  write(bytes: Buffer): boolean;
  /** As `write`, for `block.bytes[start, end)`. */
  writeBlock(block: Block, start: number, end: number): boolean;
  /** As `write`, for several pieces, in one system call where possible. The array is the socket's from now on. */
  writev(pieces: Buffer[]): boolean;
  /** Sends our FIN. Nothing may be written afterwards; to be called only when all is taken. */
  end(): void;
  destroy(): void;
}
