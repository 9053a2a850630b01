import { execFile } from 'node:child_process';

/** It has so long to say its version. */
const ANSWER_WITHIN_MS = 5000;
const OUTPUT_MAX_BYTES = 64 * 1024;
const COMPLAINT_MAX_LENGTH = 300;

/**
 * What Node or the program at `main` complains of when it is only asked for its version: a package that is not installed, say, or syntax
 * that this Node does not know. A successor writes that to the standard error of a daemon, which nobody reads. Null: nothing.
 */
export function complaintOf(main: string): Promise<string | null> {
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [...process.execArgv, main, '--version'],
      { timeout: ANSWER_WITHIN_MS, maxBuffer: OUTPUT_MAX_BYTES },
      (error, _stdout, stderr) => {
        const lines = error === null ? [] : stderr.split('\n').map(line => line.trim());
        const complaint = lines.find(line => /^(?:\w*Error\b|ringmaster:)/.test(line));
        resolve(complaint?.slice(0, COMPLAINT_MAX_LENGTH) ?? null);
      },
    );
  });
}
