import { NetSocket } from './net-socket.ts';

const JOINED_MAX_BYTES = 64 * 1024;

/** A socket on node:tls, its handshake done. What is written waits for OpenSSL, so nothing is taken at once. */
export class TlsSocket extends NetSocket {
  private writes = 0;
  /** An earlier write may be reported when a later one is under way: the last one counts. */
  private readonly onWriteDone = (error?: Error | null): void => {
    this.writes--;
    if (!error && this.writes === 0 && !this.isDestroyed) this.reader?.onTaken();
  };

  override write(bytes: Buffer): boolean {
    this.writes++;
    this.socket.write(bytes, this.onWriteDone);
    return false;
  }

  /** Small ones in one piece: a record and a system call for each would cost more than the copy. */
  override writev(pieces: Buffer[]): boolean {
    let size = 0;
    for (const piece of pieces) size += piece.length;
    if (size <= JOINED_MAX_BYTES) return this.write(Buffer.concat(pieces, size));
    for (const piece of pieces) this.write(piece);
    return false;
  }
}
