import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import type { Command } from 'commander';
import { userPassword } from '../config/tables/user-settings.ts';
import { print } from './print.ts';
import { UsageError } from './usage-error.ts';

/** 256 bits, which nobody guesses: the hashes in the file need not be slow to make. */
const GENERATED_BYTES = 32;
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const BACKSPACES: readonly number[] = [0x08, 0x7f];
const LINE_ENDS: readonly number[] = [0x0a, 0x0d];

/** Adds `hash-password`. */
export function addHashPassword(program: Command): void {
  program
    .command('hash-password')
    .allowExcessArguments(false)
    .description('make of a password what the file has of it, under `users`; it is read from standard input')
    .option('--generate', 'make the password, too, and print both', false)
    .action(async ({ generate }: { generate: boolean }) => {
      if (!generate) return print(`${hashed(await givenPassword())}\n`);
      const password = randomBytes(GENERATED_BYTES).toString('base64url');
      await print(`password: ${password}\nhash: '${hashed(password)}'\n`);
    });
}

function hashed(password: string): string {
  if (password === '') throw new UsageError('no password was given');
  if (password.startsWith('#')) throw new UsageError('a password that begins with # would be taken for a hash');
  return `#${userPassword(password).sha256}`;
}

/** Not as an argument: a command line is there for all to see, in `ps`. */
async function givenPassword(): Promise<string> {
  if (!process.stdin.isTTY) return readFileSync(0, 'utf8').replace(/\r?\n$/, '');
  const password = await typed(process.stdin, 'password: ');
  if (password !== (await typed(process.stdin, 'again: '))) throw new UsageError('these are two different passwords');
  return password;
}

/** A line of a terminal, which does not show it. */
function typed(terminal: ReadStream, prompt: string): Promise<string> {
  // Before it is asked for: who answers at once is not to see it either.
  terminal.setRawMode(true);
  process.stderr.write(prompt);
  const bytes: number[] = [];
  return new Promise((resolve, reject) => {
    const end = (done: () => void) => {
      terminal.off('data', take);
      terminal.setRawMode(false);
      terminal.pause();
      process.stderr.write('\n');
      done();
    };
    const take = (chunk: Buffer) => {
      for (const byte of chunk) {
        if (LINE_ENDS.includes(byte)) return end(() => resolve(Buffer.from(bytes).toString('utf8')));
        if (byte === CTRL_C || byte === CTRL_D) return end(() => reject(new UsageError('interrupted')));
        if (!BACKSPACES.includes(byte)) bytes.push(byte);
        // A character of several bytes goes as a whole.
        else while (((bytes.pop() ?? 0) & 0xc0) === 0x80);
      }
    };
    terminal.on('data', take);
    terminal.resume();
  });
}
