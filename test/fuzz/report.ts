import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Failure } from './fuzz-loop.ts';

/** The failure as an entry of the list in test/unit/fuzz-found.test.ts, to be pasted there. */
export function asTest({ target, input, message }: Failure): string {
  const firstLine = message.split('\n')[0]!;
  return `  // ${firstLine.slice(0, 110)}\n  [${inSingleQuotes(target)}, ${inSingleQuotes(input.toString('latin1'))}],\n`;
}

/** Writes the entry to a new file; returns its path. */
export function writeTest(failure: Failure): string {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'ringmaster-fuzz-')), 'found.txt');
  writeFileSync(file, asTest(failure));
  return file;
}

function inSingleQuotes(text: string): string {
  const escaped = text.replace(/[\\'\p{Cc}]|[^\x20-\x7e]/gu, char => ESCAPES[char] ?? hex(char));
  return `'${escaped}'`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', "'": "\\'", '\r': '\\r', '\n': '\\n', '\t': '\\t' };

function hex(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
