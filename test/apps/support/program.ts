// Programs beside the tests: an app's workers, which are killed, and apps of other languages.
import path from 'node:path';
import type { TestContext } from 'node:test';
import { Child } from '../../support/child.ts';

type Language = keyof typeof INTERPRETERS;

// Debian's by their paths: another one that is first on the PATH does not see Debian's libraries.
const INTERPRETERS = {
  node: process.execPath,
  python: '/usr/bin/python3',
  ruby: '/usr/bin/ruby',
  php: '/usr/bin/php',
} as const;

const APPS = path.join(import.meta.dirname, '..');
const RUN_TIMEOUT_MS = 50_000;

/** Starts an interpreter with these arguments in test/apps/`directory`; killed with the test, with all it has started. */
export function startProgram(
  t: Pick<TestContext, 'after'>,
  language: Language,
  directory: string,
  args: readonly string[],
  variables: NodeJS.ProcessEnv = {},
): Child {
  const cwd = path.join(APPS, directory);
  const child = new Child(INTERPRETERS[language], args, { cwd, env: { ...environment(), ...variables } });
  t.after(async () => {
    killGroup(child.pid);
    await child.exit();
  });
  return child;
}

/** Runs a program that checks by itself until it ends; rejects with its output unless that is with 0. */
export async function runProgram(...start: Parameters<typeof startProgram>): Promise<void> {
  const child = startProgram(...start);
  child.stdin.end();
  // Workers that it has started hold its output open: they end with the test.
  await child.until(() => child.exited !== null, 'its end', RUN_TIMEOUT_MS);
  const { code, signal } = child.exited!;
  if (code !== 0) throw new Error(`${start[3].join(' ')} ended with ${signal ?? code}\n${child.diagnosis()}`);
}

/** Runs an installed command until it ends with 0, having said so. */
export async function runCommand(
  t: Pick<TestContext, 'after'>,
  command: string,
  args: readonly string[],
  says: RegExp,
): Promise<void> {
  const child = new Child(command, args, { cwd: APPS, env: environment() });
  t.after(async () => {
    killGroup(child.pid);
    await child.exit();
  });
  await child.until(() => child.exited !== null, 'its end', RUN_TIMEOUT_MS);
  if (child.exited!.code !== 0 || !says.test(child.stdout()))
    throw new Error(`${command} failed\n${child.diagnosis()}`);
}

// The group is there as long as one process of it is, and nobody else gets its number meanwhile.
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

// A test file runs with the runner's own variables, which would make a Node program believe it is a test too.
function environment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...rest } = process.env;
  return { ...rest, PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' };
}
