import { closeSync, constants, fchownSync, fstatSync, openSync, statSync, write, writeSync } from 'node:fs';
import { addressOf } from './copy.ts';
import { intFunction, native } from './native.ts';
import { actAs, asHeir, isDenied } from './privileges.ts';
import { type UnixUser, userText } from './unix-user.ts';

/*
 * Where the lines of a log go. A reader that stopped, a full disk or a disk that hangs must not stop the process:
 *
 *   pipe, terminal, device   opened anew by its name in /proc, without blocking. The descriptor that we were given is
 *                            shared with others, who would not expect it to stop blocking
 *   pipe of another user     can't be opened anew: written to when poll() says that a page of it is free
 *   socket (systemd's)       send() with MSG_DONTWAIT
 *   file; without node:ffi   libuv's threads wait, one write at a time. Without node:ffi and behind a reader that stopped
 *   also the two above       the process ends only when the pipe is read
 */

/** Takes bytes and does not wait. */
export interface LineSink {
  /** Whether lines that wait should come in one piece. */
  readonly joinsLines: boolean;
  /** Takes `bytes` from `start` on; returns how many it took, 0: none now. Throws when they can't be written. */
  take(bytes: Buffer, start: number): number;
  /** The same when the process ends and nothing is called back any more. */
  takeAtEnd(bytes: Buffer, start: number): number;
  close(): void;
}

/** Called by a sink that joins lines when what it took is written, or lost; it takes more now. */
type OnDone = (lost: Buffer | null) => void;

const STANDARD_ERROR = 2;
/** Linux: a write of so much to a pipe is whole or not at all; POLLOUT promises room for it. */
const PIPE_BUF = 4096;
// Linux: <poll.h>, <sys/socket.h>; the same numbers on all architectures.
const POLLOUT = 4;
const MSG_DONTWAIT = 0x40n;
const MSG_NOSIGNAL = 0x4000n;

/**
 * Opens `file` for appending, and makes it with `mode` where it is not there; null: standard error. A process that is going to be another
 * user opens it as that one, who has to open it again; one that is made is his. Throws an Error with the file's name when it can't be opened.
 */
export function openSink(file: string | null, onDone: OnDone, mode = 0o666): LineSink {
  if (file === null) return sinkOf(STANDARD_ERROR, onDone);
  const descriptor = asHeir(
    () => openToAppend(file, mode),
    heir => {
      makeFor(heir, file, mode);
      try {
        return actAs(heir, () => openToAppend(file, mode));
      } catch (error) {
        throw isDenied(error) ? new Error(`${userText(heir)} may not write to ${file}`) : error;
      }
    },
  );
  const isRegular = fstatSync(descriptor).isFile();
  return isRegular ? new ThreadSink(descriptor, onDone) : new NonBlockingSink(descriptor);
}

function openToAppend(file: string, mode: number): number {
  const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY, O_RDWR } = constants;
  // A FIFO opened for writing alone is refused as long as nobody reads: read-write, lines wait in it for the reader.
  const isFifo = statSync(file, { throwIfNoEntry: false })?.isFIFO() === true;
  return openSync(file, O_APPEND | O_NONBLOCK | (isFifo ? O_RDWR : O_WRONLY | O_CREAT), mode);
}

/** In a directory that is not the user's; a file that is there already stays as it is. */
function makeFor({ uid, gid }: UnixUser, file: string, mode: number): void {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  let descriptor: number;
  try {
    descriptor = openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  }
  fchownSync(descriptor, uid, gid);
  closeSync(descriptor);
}

function sinkOf(descriptor: number, onDone: OnDone): LineSink {
  const status = fstatSync(descriptor);
  if (status.isSocket()) return native === null ? new ThreadSink(descriptor, onDone) : new SocketSink(descriptor);
  if (status.isFile()) return new ThreadSink(descriptor, onDone);
  try {
    const { O_APPEND, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
    return new NonBlockingSink(openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY));
  } catch {
    return native === null ? new ThreadSink(descriptor, onDone) : new PolledSink(descriptor);
  }
}

/** A descriptor of our own that does not block. */
class NonBlockingSink implements LineSink {
  readonly joinsLines = false;
  private readonly descriptor: number;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  take(bytes: Buffer, start: number): number {
    try {
      return writeSync(this.descriptor, bytes, start);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  }

  takeAtEnd(bytes: Buffer, start: number): number {
    return this.take(bytes, start);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** A blocking pipe of others: asked whether it has room. */
class PolledSink implements LineSink {
  readonly joinsLines = false;
  private readonly descriptor: number;
  private readonly pollfd = Buffer.alloc(8);
  private readonly poll = intFunction(native!, 'poll', 3);

  constructor(descriptor: number) {
    this.descriptor = descriptor;
    this.pollfd.writeInt32LE(descriptor, 0);
    this.pollfd.writeInt16LE(POLLOUT, 4);
  }

  take(bytes: Buffer, start: number): number {
    if (this.poll(addressOf(this.pollfd), 1n, 0n) <= 0) return 0;
    return writeSync(this.descriptor, bytes, start, Math.min(PIPE_BUF, bytes.length - start));
  }

  takeAtEnd(bytes: Buffer, start: number): number {
    return this.take(bytes, start);
  }

  close(): void {}
}

class SocketSink implements LineSink {
  readonly joinsLines = false;
  private readonly descriptor: number;
  private readonly send = intFunction(native!, 'send', 4);

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  take(bytes: Buffer, start: number): number {
    const { length } = bytes;
    const address = addressOf(bytes) + BigInt(start);
    // Whatever the error: the line waits, and is dropped when too many do.
    const sent = this.send(BigInt(this.descriptor), address, BigInt(length - start), MSG_DONTWAIT | MSG_NOSIGNAL);
    return Math.max(0, sent);
  }

  takeAtEnd(bytes: Buffer, start: number): number {
    return this.take(bytes, start);
  }

  close(): void {}
}

/** Writes on one of libuv's threads. */
class ThreadSink implements LineSink {
  readonly joinsLines = true;
  private readonly descriptor: number;
  private readonly onDone: OnDone;
  private isWriting = false;
  private isClosed = false;

  constructor(descriptor: number, onDone: OnDone) {
    this.descriptor = descriptor;
    this.onDone = onDone;
  }

  take(bytes: Buffer, start: number): number {
    if (this.isWriting) return 0;
    this.write(bytes, start);
    return bytes.length - start;
  }

  /** What is being written is finished when the process ends. */
  takeAtEnd(bytes: Buffer, start: number): number {
    return writeSync(this.descriptor, bytes, start);
  }

  close(): void {
    this.isClosed = true;
    if (!this.isWriting) this.closeNow();
  }

  private write(bytes: Buffer, start: number): void {
    this.isWriting = true;
    write(this.descriptor, bytes, start, bytes.length - start, null, (error, written) => {
      if (error === null && start + written < bytes.length) {
        this.write(bytes, start + written);
        return;
      }
      this.isWriting = false;
      if (this.isClosed) this.closeNow();
      this.onDone(error === null ? null : bytes.subarray(start));
    });
  }

  private closeNow(): void {
    if (this.descriptor !== STANDARD_ERROR) closeSync(this.descriptor);
  }
}
