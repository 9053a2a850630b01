import { type ChildProcess, spawn } from 'node:child_process';
import { z } from 'zod';

/** Tells the process in the background that it is one. */
const MARK = 'RINGMASTER_DAEMON';

const outcome = z.union([z.strictObject({ isReady: z.literal(true) }), z.strictObject({ failure: z.string() })]);

/** Whether this process was started by `startDaemon`. */
export const isDaemon: boolean = process.env[MARK] === '1' && process.send !== undefined;
// What the daemon starts is not itself one.
delete process.env[MARK];

/**
 * Starts this program again in a session of its own, without a terminal, and waits for what becomes of it. Returns
 * null when every listener accepts, else a sentence on why it did not start.
 */
export function startDaemon(): Promise<string | null> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { ...process.env, [MARK]: '1' },
  });
  // Until the daemon is ready it is still this command; who ends the one means the other.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill('SIGTERM'));
  return outcomeOf(child);
}

function outcomeOf(child: ChildProcess): Promise<string | null> {
  return new Promise(resolve => {
    child.on('error', error => resolve(`cannot start in the background: ${error.message}`));
    child.on('exit', (code, signal) => resolve(`it ended while it started (${signal ?? `exit code ${code}`})`));
    child.on('message', raw => {
      const message = outcome.parse(raw);
      child.removeAllListeners('exit');
      if ('isReady' in message) {
        child.disconnect();
        child.unref();
        resolve(null);
      } else {
        resolve(message.failure);
      }
    });
  });
}

/** In the daemon: lets the process that started it know, once. */
export function reportOutcome(failure: string | null): Promise<void> {
  const message: z.infer<typeof outcome> = failure === null ? { isReady: true } : { failure };
  if (!process.connected) return Promise.resolve();
  return new Promise(resolve => {
    process.send?.(message, undefined, {}, () => {
      if (process.connected) process.disconnect?.();
      resolve();
    });
  });
}
