import { readFileSync } from 'node:fs';

/** Files and sockets that this process may have open; Infinity: any number. node has raised the soft limit to it. */
export function openFilesLimit(): number {
  try {
    return parseOpenFilesLimit(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** The limit on open files in the text of `/proc/PID/limits`, the hard one; Infinity when there is none. */
export function parseOpenFilesLimit(limits: string): number {
  const match = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(limits);
  return match === null || match[2] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(match[2]);
}
