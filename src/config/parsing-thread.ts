import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config, PoolConfig } from './config.ts';
import { deepFreeze } from './deep-freeze.ts';
import { ConfigError } from './errors.ts';
import { wholeFileError } from './load.ts';
import { type FromParser, NEXT, type ParsingJob } from './parsing-messages.ts';
import type { TakenSecret } from './secrets.ts';

const ENTRY = new URL(`parsing-thread-main${extname(import.meta.filename)}`, import.meta.url);
/** The largest file takes ten seconds on a core of its own. */
const READ_WITHIN_MS = 60_000;

export interface ParsedConfig {
  readonly config: Config;
  readonly secrets: readonly TakenSecret[];
}

/**
 * Checks the text of a configuration as `parseConfig` does, in a thread of its own.
 *
 *   text ─▶ thread: parse, check ─▶ read │ problems
 *            read ─▶ next ─▶ pools ─▶ next ─▶ pools ─▶ … ─▶ done
 *
 * Rejects with a ConfigError, also when it is not done within a minute.
 */
export function parseInBackground(text: string, fileName: string): Promise<ParsedConfig> {
  const job: ParsingJob = { text, fileName };
  const thread = new Worker(ENTRY, { workerData: job, execArgv: ['--no-warnings'] });
  // Whoever stops meanwhile need not wait for it.
  thread.unref();
  const { promise, resolve, reject } = Promise.withResolvers<ParsedConfig>();
  const timer = setTimeout(
    () => reject(wholeFileError(fileName, `not read within ${READ_WITHIN_MS / 1000} seconds`)),
    READ_WITHIN_MS,
  ).unref();
  let read: ParsedConfig | null = null;
  const pools: PoolConfig[] = [];
  thread.on('message', (message: FromParser) => {
    if (message.type === 'problems') reject(new ConfigError(message.problems));
    else if (message.type === 'done') resolve(whole(read as ParsedConfig, pools));
    else {
      if (message.type === 'read') read = message;
      else pools.push(...deepFreeze(message.pools));
      // Others are served before the next part.
      setImmediate(() => thread.postMessage(NEXT));
    }
  });
  thread.on('error', reject);
  thread.on('exit', code => reject(new Error(`the thread that reads ${fileName} ended with exit code ${code}`)));
  return promise.finally(() => {
    clearTimeout(timer);
    void thread.terminate();
  });
}

function whole({ config, secrets }: ParsedConfig, pools: readonly PoolConfig[]): ParsedConfig {
  return { config: deepFreeze({ ...config, pools }), secrets };
}
