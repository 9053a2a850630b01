// The files of unix sockets that this process serves.
import { lstatSync, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';

/** How long an existing unix socket may take to show that somebody serves it. */
const UNIX_CHECK_MS = 500;

/** Tells a file from another at the same path. */
export interface FileId {
  readonly dev: number;
  readonly ino: number;
}

export function fileIdOf(path: string): FileId {
  const { dev, ino } = lstatSync(path);
  return { dev, ino };
}

/** Whether the file at `path` is that one, or is gone: closing its socket then removes nobody else's. */
export function isOurs(path: string, file: FileId): boolean {
  const there = lstatSync(path, { throwIfNoEntry: false });
  return there === undefined || (there.dev === file.dev && there.ino === file.ino);
}

/**
 * Removes the file of a socket that is closed. libuv does so by itself with a handle that it has bound; of one from another
 * process it does not know.
 */
export function removeIfLeft(path: string, file: FileId): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.dev === file.dev && there.ino === file.ino) unlinkSync(path);
}

/** Whether somebody may serve the unix socket: only where nobody listens is it refused. */
export function isServed(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ path, timeout: UNIX_CHECK_MS });
    const done = (isServed: boolean) => {
      socket.destroy();
      resolve(isServed);
    };
    socket.on('connect', () => done(true));
    socket.on('timeout', () => done(true));
    // EAGAIN: its queue is full.
    socket.on('error', ({ code }: NodeJS.ErrnoException) => done(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

/** Removes the file of a unix socket; another kind of file is not ours to remove. */
export function removeIfSocket(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(path);
}
