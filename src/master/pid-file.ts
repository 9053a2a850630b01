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
  readSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { uptime } from 'node:os';
import { asHeir, isDenied } from '../system/privileges.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
const MAX_ID_BYTES = 32;

/**
 * The file with this process's id, from the check that it can be written to its end.
 *
 * Where privileges are dropped and the directory is not the user's, a new one has its name from the beginning, and is empty until it is
 * written; it can't be removed then, and is emptied at the end.
 *
 * It stays open: that is how another daemon knows that the process whose id it holds still has it, and is no other that got the
 * same number later. One that was left behind is written in place, as is a device; a new one gets its name when it is
 * written, so that who waits for it finds it whole.
 */
export class PidFile {
  private readonly path: string;
  readonly descriptor: number;
  /** The name of a new one until it is written. */
  private readonly draft: string | null;

  /**
   * `inherited`: a descriptor of it that `predecessor` has passed on, because it can't be opened by its name.
   * Throws an Error that names the file when it can't be written, is a link, or a living daemon has it, other than
   * `predecessor`.
   */
  constructor(path: string, predecessor: number | null = null, inherited: number | null = null) {
    this.path = path;
    if (inherited !== null) {
      this.descriptor = inherited;
      this.draft = null;
      return;
    }
    try {
      const status = lstatSync(path, { throwIfNoEntry: false });
      if (status !== undefined) refuseUnlessFree(path, status, predecessor);
      const opened = asHeir(
        () => open(path, status, `${path}.${process.pid}`),
        () => openAsRoot(path, status),
      );
      this.descriptor = opened.descriptor;
      this.draft = opened.draft;
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** Whether only who has a descriptor of it can write it, from now on. */
  get needsDescriptor(): boolean {
    return process.geteuid?.() !== 0 && fstatSync(this.descriptor).uid !== process.geteuid?.();
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
      const file = fstatSync(descriptor);
      const text = file.isFile() ? textOf(descriptor) : null;
      if (text === '' || Number(text ?? Number.NaN) === process.pid) removeOrEmpty(path, file, descriptor);
    } catch {
      // Its directory is gone.
    }
    closeSync(descriptor);
  }

  private failure(error: unknown): Error {
    return new Error(`cannot write the pid file ${this.path}: ${(error as Error).message}`);
  }
}

interface OpenedFile {
  readonly descriptor: number;
  readonly draft: string | null;
}

/** `newName`: under which a file is made that is not there. */
function open(path: string, status: Stats | undefined, newName: string): OpenedFile {
  if (status !== undefined) return { descriptor: openSync(path, O_RDWR | O_NOFOLLOW), draft: null };
  const descriptor = openSync(newName, O_RDWR | O_NOFOLLOW | O_CREAT | O_EXCL, 0o644);
  return { descriptor, draft: newName === path ? null : newName };
}

/** In a directory where the user may not make it, or of a file that is not the user's. */
function openAsRoot(path: string, status: Stats | undefined): OpenedFile {
  if (status !== undefined && status.nlink > 1) throw new Error('it has another name, too');
  return open(path, status, path);
}

/** Its beginning, wherever others who share the descriptor stand. */
function textOf(descriptor: number): string {
  const bytes = Buffer.alloc(MAX_ID_BYTES);
  return bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, MAX_ID_BYTES, 0));
}

/** Who can't remove it, or see it, at least leaves nobody's id there. */
function removeOrEmpty(path: string, file: Stats, descriptor: number): void {
  try {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there !== undefined && isSame(there, file)) rmSync(path);
  } catch {
    ftruncateSync(descriptor, 0);
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
  } catch (error) {
    // Gone; or it shows what it has open to root only: it is another user's, or was root's before it became this one.
    return isDenied(error) && hadIdAt(pid, file.mtimeMs);
  }
}

/** Of a second. Linux has no other, whatever its timer does. */
const TICKS = 100;
/** Times are rounded. */
const ROUNDING_MS = 1000;

/**
 * Whether the process of that id is alive, and had it at that time already: then no other can have written it to a file that was last
 * written then. Of its `stat` (proc_pid_stat(5)), which everybody may read: the third field is its state, the 22nd when it began.
 */
function hadIdAt(pid: number, atMs: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is a name in brackets, which may have any characters.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return false;
    const bootedAtMs = Date.now() - uptime() * 1000;
    return bootedAtMs + (Number(fields[19]) / TICKS) * 1000 <= atMs + ROUNDING_MS;
  } catch {
    return false;
  }
}

function isSame(a: Stats, b: Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}
