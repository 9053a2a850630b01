import cluster from 'node:cluster';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * V8 for a proxy that makes short-lived garbage and shares its cores with other workers: a young generation that a
 * burst does not overflow, and no helper threads (docs/decisions/v8-flags.md). Garbage is collected by hand where memory
 * is short (memory/memory-ceiling.ts). node:ffi is experimental, and says so.
 */
const WORKER_FLAGS = ['--max-semi-space-size=64', '--single-threaded', '--expose-gc', '--no-warnings'];
const COMPILE_CACHE = new URL('../../../node_modules/.cache/ringmaster', import.meta.url);

/** Says what `cluster.fork` starts. */
export function setUpWorkers(): void {
  const entry = new URL(`../../worker/worker-main${extname(import.meta.filename)}`, import.meta.url);
  cluster.setupPrimary({ exec: fileURLToPath(entry), args: [], execArgv: WORKER_FLAGS });
  // Run from the sources, a worker would strip types for 100 ms before it can take another's place.
  if (extname(import.meta.filename) === '.ts') process.env.NODE_COMPILE_CACHE ??= fileURLToPath(COMPILE_CACHE);
}
