import { readFileSync, rmSync, writeFileSync } from 'node:fs';

/** Writes this process's id. Throws an Error that names the file. */
export function writePidFile(path: string): void {
  try {
    writeFileSync(path, `${process.pid}\n`);
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
