import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;

/**
 * The file with this process's id, from the check that it can be written to its end.
 *
 * It stays open: that is how another daemon knows that the process whose id it holds still has it, and is no other that got the
 * same number later. One that was left behind is written in place, as is a device; a new one gets its name when it is
 * written, so that who waits for it finds it whole.
 */
export class PidFile {
  private readonly path: string;
  private readonly descriptor: number;
  /** The name of a new one until it is written. */
  private readonly draft: string | null;

  /**
   * Throws an Error that names the file when it can't be written, is a link, or a living daemon has it, other than
   * `predecessor`.
   */
  constructor(path: string, predecessor: number | null = null) {
    this.path = path;
    try {
      const status = lstatSync(path, { throwIfNoEntry: false });
      if (status !== undefined) refuseUnlessFree(path, status, predecessor);
      this.draft = status === undefined ? `${path}.${process.pid}` : null;
      const flags = this.draft === null ? 0 : O_CREAT | O_EXCL;
      this.descriptor = openSync(this.draft ?? path, O_RDWR | O_NOFOLLOW | flags, 0o644);
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** Writes this process's id. Throws an Error that names the file. */
  write(): void {
    const { path, descriptor, draft } = this;
    try {
      if (fstatSync(descriptor).isFile()) ftruncateSync(descriptor, 0);
      writeSync(descriptor, `${process.pid}\n`, 0);
      if (draft === null) return;
      // A link and not a new name: it does not take the place of what another process has put there meanwhile.
      linkSync(draft, path);
      rmSync(draft);
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** Removes the file, if it is still this process's. */
  release(): void {
    const { path, descriptor, draft } = this;
    try {
      if (draft !== null) rmSync(draft, { force: true });
      const there = lstatSync(path, { throwIfNoEntry: false });
      const isOurs = there?.isFile() === true && isSame(there, fstatSync(descriptor));
      if (isOurs && Number(readFileSync(path, 'utf8')) === process.pid) rmSync(path);
    } catch {
      // Its directory is gone, or no longer ours to change.
    }
    closeSync(descriptor);
  }

  private failure(error: unknown): Error {
    return new Error(`cannot write the pid file ${this.path}: ${(error as Error).message}`);
  }
}

function refuseUnlessFree(path: string, status: Stats, predecessor: number | null): void {
  if (status.isSymbolicLink()) throw new Error('it is a symbolic link');
  if (status.isCharacterDevice()) return;
  if (!status.isFile()) throw new Error('it is no file');
  const holder = Number(/^\s*(\d{1,10})\s*$/.exec(readFileSync(path, 'latin1'))?.[1] ?? 0);
  if (holder === predecessor) return;
  if (holder > 0 && holder !== process.pid && hasOpen(holder, status)) {
    throw new Error(`process ${holder} has it, which is running`);
  }
}

/** Whether a living process has the file open. */
function hasOpen(pid: number, file: Stats): boolean {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).some(descriptor => {
      const open = statSync(`${directory}/${descriptor}`, { throwIfNoEntry: false });
      return open !== undefined && isSame(open, file);
    });
  } catch {
    // It is gone, or another user's, who could not have written a file that is ours to write.
    return false;
  }
}

function isSame(a: Stats, b: Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}
