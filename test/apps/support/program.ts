// Programs beside the tests: an app's workers, which are killed, and apps of other languages.
import path from 'node:path';
import type { TestContext } from 'node:test';
import { Child, run } from '../../support/child.ts';

export type Language = keyof typeof INTERPRETERS;

// Debian's by their paths: another one that is first on the PATH does not see Debian's libraries.
const INTERPRETERS = {
  node: process.execPath,
  python: '/usr/bin/python3',
  ruby: '/usr/bin/ruby',
  php: '/usr/bin/php',
} as const;

const APPS = path.join(import.meta.dirname, '..');

/** Starts an interpreter with these arguments in test/apps/`directory`; killed with the test, if it has not ended. */
export function startProgram(
  t: Pick<TestContext, 'after'>,
  language: Language,
  directory: string,
  args: readonly string[],
): Child {
  const child = new Child(INTERPRETERS[language], args, { cwd: path.join(APPS, directory), env: environment() });
  t.after(() => child.kill());
  return child;
}

/** Runs a program to its end and returns the JSON that it printed. Rejects with its output when it exits with an error. */
export async function runProgram(language: Language, directory: string, args: readonly string[]): Promise<unknown> {
  const result = await run(INTERPRETERS[language], args, { cwd: path.join(APPS, directory), env: environment() });
  if (result.code !== 0)
    throw new Error(`${args.join(' ')} ended with ${result.code}\n${result.stdout}\n${result.stderr}`);
  return JSON.parse(result.stdout) as unknown;
}

// A test file runs with the runner's own variables, which would make a Node program believe it is a test too.
function environment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...rest } = process.env;
  return { ...rest, PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' };
}
