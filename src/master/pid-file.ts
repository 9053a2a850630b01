import { lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Writes this process's id. Who waits for the file to appear finds it whole: a new one gets its name when it is written.
 * One that exists (of a process that was killed, a link, a device) is written in place. Throws an Error that names the
 * file.
 */
export function writePidFile(path: string): void {
  try {
    const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
    const written = isThere ? path : `${path}.${process.pid}`;
    writeFileSync(written, `${process.pid}\n`);
    if (!isThere) renameSync(written, path);
  } catch (error) {
    throw new Error(`cannot write the pid file ${path}: ${(error as Error).message}`);
  }
}

/** Removes the file if it is still this process's. */
export function removePidFile(path: string): void {
  try {
    if (Number(readFileSync(path, 'utf8')) === process.pid) rmSync(path);
  } catch {
    // Somebody removed it already.
  }
}
