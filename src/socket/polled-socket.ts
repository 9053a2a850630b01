import { getSystemErrorName } from 'node:util';
import { soon } from '../loop/rounds.ts';
import type { Block } from '../memory/block.ts';
import { addressOf, sharedBuffer } from '../system/copy.ts';
import { type PollTarget, thePoller } from './poller.ts';
import { type ReadyLine, readyLines } from './ready-lines.ts';
import { localText, peerText, SOCKADDR_BYTES } from './sockaddr.ts';
import {
  EAGAIN,
  EINTR,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  PIECES_MAX,
  type SocketCalls,
  socketCalls,
} from './socket-calls.ts';
import { type SocketReader, type StreamSocket, UNNAMED_PEER } from './stream-socket.ts';

/** When so much was read, others have their turn first, and memory is looked after. */
const READ_AT_ONCE_BYTES = 256 * 1024;
const READABLE = EPOLLIN | EPOLLRDHUP;
const ENDING = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

/** Nobody makes a polled socket where they are missing. */
const calls = socketCalls as SocketCalls;

/** Addresses and lengths of what one writev writes. */
const vector = new BigUint64Array(2 * PIECES_MAX);
const vectorAddress = addressOf(Buffer.from(vector.buffer));

/** A socket on system calls: the descriptor is its own from now on. It has to be non-blocking. */
export class PolledSocket implements StreamSocket, PollTarget {
  isDestroyed = false;
  closeListener: (() => void) | null = null;
  readonly fd: bigint;
  watchedEvents = 0;
  readyEvents = 0;
  line: ReadyLine | null = null;
  private reader: SocketReader | null = null;
  /** What is read into, its address and its length. What comes is dealt with before the next read, of whichever socket. */
  private buffer: Buffer = sharedBuffer;
  private address = addressOf(sharedBuffer);
  private length = BigInt(sharedBuffer.length);
  private isReading = false;
  private hasEnded = false;
  /** What the kernel has not taken of the last write. */
  private unsent: Buffer[] | null = null;
  private errorCode: string | null = null;

  /** Sockaddr of the peer, where `accept` has told it: of a connection that was reset meanwhile nobody does any more. */
  private readonly peerName: Buffer | null;

  constructor(descriptor: number, peerName: Buffer | null = null) {
    this.fd = BigInt(descriptor);
    this.peerName = peerName;
  }

  get descriptor(): number {
    return this.isDestroyed ? -1 : Number(this.fd);
  }

  get peer(): string {
    if (this.peerName !== null) return peerText(this.peerName);
    const name = Buffer.alloc(SOCKADDR_BYTES);
    const isKnown = !this.isDestroyed && calls.peerName(this.fd, name) >= 0;
    return (isKnown ? peerText(name) : '') || UNNAMED_PEER;
  }

  get local(): string {
    const name = Buffer.alloc(SOCKADDR_BYTES);
    return !this.isDestroyed && calls.localName(this.fd, name) >= 0 ? localText(name) : '';
  }

  get unsentBytes(): number {
    let bytes = 0;
    if (this.unsent !== null) for (const piece of this.unsent) bytes += piece.length;
    return bytes;
  }

  /** Gives the descriptor to the caller, who is to close it. Only before `start`. */
  release(): number {
    const { descriptor } = this;
    this.isDestroyed = true;
    return descriptor;
  }

  standIn(line: ReadyLine | null): void {
    if (this.line === line || (this.isDestroyed && line !== null)) return;
    readyLines.move(this.line, line);
    this.line = line;
  }

  start(reader: SocketReader): void {
    this.reader = reader;
    this.resume();
  }

  pause(): void {
    this.isReading = false;
    this.watch();
  }

  resume(): void {
    if (this.isReading || this.hasEnded) return;
    this.isReading = true;
    this.watch();
  }

  write(bytes: Buffer): boolean {
    if (this.isDestroyed) return false;
    return this.written(bytes, 0, calls.send(this.fd, addressOf(bytes), BigInt(bytes.length)), bytes.length);
  }

  writeBlock(block: Block, start: number, end: number): boolean {
    // The descriptor may be another's by now.
    if (this.isDestroyed) return false;
    const size = (end - start) | 0;
    const sent = calls.send(this.fd, BigInt.asUintN(64, block.address + BigInt(start | 0)), BigInt(size));
    return sent === size || this.written(block.bytes, start, sent, size);
  }

  writev(pieces: Buffer[]): boolean {
    return !this.isDestroyed && this.sendAll(pieces);
  }

  end(): void {
    // An error says that the connection is gone; reading finds that out as well.
    if (!this.isDestroyed) calls.shutdown(this.fd);
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.isReading = false;
    this.unsent = null;
    this.standIn(null);
    thePoller().leave(this);
    calls.close(this.fd);
    // When whoever calls is done.
    if (closing.push(this) === 1) soon(tellClosed);
  }

  onReady(events: number): void {
    if (this.isReading && (events & (READABLE | EPOLLERR | EPOLLHUP)) !== 0) this.receive((events & ENDING) !== 0);
    if (this.unsent !== null && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) !== 0) this.sendRest(this.unsent);
  }

  /** Tells that it is closed. */
  closed(): void {
    this.reader?.onClosed(this.errorCode);
    this.closeListener?.();
    this.closeListener = null;
  }

  /** `isEnding`: behind what there is to read comes the end or an error. */
  private receive(isEnding: boolean): void {
    const reader = this.reader as SocketReader;
    let bytes = 0;
    do {
      const { buffer } = this;
      const result = calls.read(this.fd, this.address, this.length);
      if (result <= 0) {
        this.readNothing(reader, result);
        return;
      }
      bytes += result;
      const next = this.handOver(reader, buffer, result);
      if (next !== buffer) this.readInto(next);
      // A buffer that was not filled holds all there was.
      if ((result < buffer.length && !isEnding) || !this.isReading) return;
      // Where others wait, they have their turn after each read.
    } while (bytes < READ_AT_ONCE_BYTES && (this.line === null || !readyLines.areSeveral));
    thePoller().renew(this);
  }

  private handOver(reader: SocketReader, buffer: Buffer, length: number): Buffer {
    try {
      return reader.onRead(buffer, length) ?? sharedBuffer;
    } catch (error) {
      // What was read is lost, and the next bytes would go into memory that may be another's: nothing can be trusted here.
      this.destroy();
      throw error;
    }
  }

  private readInto(buffer: Buffer): void {
    this.buffer = buffer;
    this.address = addressOf(buffer);
    this.length = BigInt(buffer.length);
  }

  private readNothing(reader: SocketReader, result: number): void {
    if (result === 0) {
      this.hasEnded = true;
      this.isReading = false;
      this.watch();
      reader.onEnd();
    } else if (result === EINTR) thePoller().renew(this);
    else if (result !== EAGAIN) this.fail(result);
  }

  /** `sent`: what became of the write of `length` bytes from `start` on. */
  private written(bytes: Buffer, start: number, sent: number, length: number): boolean {
    if (sent === length) return true;
    if (isFailure(sent)) {
      this.fail(sent);
      return false;
    }
    this.unsent = [bytes.subarray(start + Math.max(sent, 0), start + length)];
    this.watch();
    return false;
  }

  /** The kernel has room again. */
  private sendRest(pieces: Buffer[]): void {
    this.unsent = null;
    if (!this.sendAll(pieces)) return;
    this.watch();
    (this.reader as SocketReader).onTaken();
  }

  /** Sends `pieces`; true when the kernel took them all. Else the rest waits, or the socket is destroyed. */
  private sendAll(pieces: Buffer[]): boolean {
    for (let first = 0; first < pieces.length; ) {
      const count = Math.min(pieces.length - first, PIECES_MAX);
      let offered = 0;
      for (let i = 0; i < count; i++) {
        const piece = pieces[first + i] as Buffer;
        vector[2 * i] = addressOf(piece);
        vector[2 * i + 1] = BigInt(piece.length);
        offered += piece.length;
      }
      const sent = calls.writev(this.fd, vectorAddress, BigInt(count));
      if (isFailure(sent)) {
        this.fail(sent);
        return false;
      }
      if (sent !== offered) {
        this.unsent = rest(pieces, first, Math.max(sent, 0));
        this.watch();
        return false;
      }
      first += count;
    }
    return true;
  }

  private watch(): void {
    if (this.isDestroyed) return;
    const events = (this.isReading ? READABLE : 0) | (this.unsent === null ? 0 : EPOLLOUT);
    const result = thePoller().watch(this, events === 0 ? 0 : events | EPOLLET);
    if (result < 0) this.fail(result);
  }

  private fail(errno: number): void {
    if (this.isDestroyed) return;
    this.errorCode = getSystemErrorName(errno);
    this.destroy();
  }
}

/** The kernel will not take the bytes later either. */
function isFailure(sent: number): boolean {
  return sent < 0 && sent !== EAGAIN && sent !== EINTR;
}

/** Sockets that are closed and have not told it. */
let closing: PolledSocket[] = [];

function tellClosed(): void {
  const sockets = closing;
  closing = [];
  for (const [i, socket] of sockets.entries()) {
    try {
      socket.closed();
    } catch (error) {
      // The others must hear of it all the same.
      closing.push(...sockets.slice(i + 1));
      if (closing.length > 0) soon(tellClosed);
      throw error;
    }
  }
}

/** What is left of `pieces` from `first` on when `sent` bytes of it are gone. */
function rest(pieces: readonly Buffer[], first: number, sent: number): Buffer[] {
  let at = first;
  let gone = sent;
  while (gone >= (pieces[at] as Buffer).length) gone -= (pieces[at++] as Buffer).length;
  return [(pieces[at] as Buffer).subarray(gone), ...pieces.slice(at + 1)];
}
