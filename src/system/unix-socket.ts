// The files of unix sockets that this process serves.
import { existsSync, lchownSync, lstatSync, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { asHeir, isDenied } from './privileges.ts';
import { type BoundHandle, createServerHandle } from './server-handle.ts';

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
 * Binds a unix socket at `path`, with that mode from the first moment on (null: the umask's), in the place of a socket that nobody
 * serves any more. It belongs to the user that this process is going to be. Throws an Error with a `code`.
 */
export function bindUnixSocket(path: string, mode: number | null): BoundHandle {
  return asHeir(
    () => bindNow(path, mode),
    ({ uid, gid }) => {
      const handle = bindNow(path, mode);
      lchownSync(path, uid, gid);
      return handle;
    },
  );
}

function bindNow(path: string, mode: number | null): BoundHandle {
  // What a process that was killed left behind.
  removeIfSocket(path);
  const before = mode === null ? null : process.umask(0o777 & ~mode);
  try {
    const handle = createServerHandle(path, -1, -1);
    if (typeof handle !== 'number') return handle;
    // libuv calls a directory that is not there a lack of permission.
    const code = existsSync(dirname(path)) ? getSystemErrorName(handle) : 'ENOENT';
    throw Object.assign(new Error(`${code}: bind ${path}`), { code });
  } finally {
    if (before !== null) process.umask(before);
  }
}

/**
 * Removes the file of a socket that is closed. libuv does so by itself with a handle that it has bound; of one from another
 * process it does not know. Where the directory is not ours to change it stays, and who binds there next removes it.
 */
export function removeIfLeft(path: string, file: FileId): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.dev !== file.dev || there.ino !== file.ino) return;
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isDenied(error)) throw error;
  }
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
    // What it has been told already comes first, also where this process was stopped meanwhile.
    socket.on('timeout', () => setImmediate(done, true));
    // EAGAIN: its queue is full.
    socket.on('error', ({ code }: NodeJS.ErrnoException) => done(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

/** Removes the file of a unix socket; another kind of file is not ours to remove. */
function removeIfSocket(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(path);
}
