import {
  chownSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { FileEditError } from '../../config/changes/file-edit.ts';
import type { WantedSetting } from '../../config/changes/live-settings.ts';
import { savedText } from '../../config/changes/save.ts';
import type { Config } from '../../config/config.ts';
import { RefusedError } from '../errors.ts';

/** The file that the daemon's configuration is read from. */
export interface ConfigFile {
  readonly path: string;
  /** What it says now, with the flags of the command line. Throws a ConfigError. */
  load(): Config;
  /** The same beside what else the master has to do, which a large file keeps for seconds. Rejects with a ConfigError. */
  loadInBackground(): Promise<Config>;
  /** The same of a text. Throws a ConfigError. */
  parse(text: string): Config;
}

/**
 * Writes these settings into the file as `running` has them, or leaves the file as it is. Whoever reads it meanwhile has the
 * old text or the new one. Throws a RefusedError.
 */
export function saveSettings(file: ConfigFile, running: Config, wanted: readonly WantedSetting[]): void {
  try {
    // A link goes on to point at the file that it points at.
    const target = realpathSync(file.path);
    replaceFile(
      target,
      savedText(readFileSync(target, 'utf8'), running, wanted, text => file.parse(text)),
    );
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof FileEditError) throw new RefusedError(`not saved: ${message}`);
    if (code !== undefined) throw new RefusedError(`not saved: cannot write ${file.path}: ${code}`);
    throw error;
  }
}

/** By a file beside it that takes its place, with its mode and, where that is allowed, its owner. */
export function replaceFile(target: string, text: string): void {
  const { mode, uid, gid } = statSync(target);
  const temporary = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.tmp`);
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      fchmodSync(descriptor, mode & 0o7777);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    keepOwner(temporary, uid, gid);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function keepOwner(file: string, uid: number, gid: number): void {
  const { uid: ownUid, gid: ownGid } = statSync(file);
  if (uid === ownUid && gid === ownGid) return;
  chownSync(file, uid, gid);
}
