// npm run fuzz [-- --seconds N] [--seed N] [--target NAME]… [--explore N]
// Inputs by grammar and mutation for every parser and for the config loader: for each target, first a thread looks for
// inputs that run new blocks of the source (V8's coverage), then changes of those are checked at full speed.
// npm run fuzz -- --live [--seconds N] [--seed N]
// Random bytes to real servers, directly and through Ringmaster; see test/fuzz/live-fuzz.ts.
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Exploration, Explored } from '../test/fuzz/explorer.ts';
import { type Failure, fuzz } from '../test/fuzz/fuzz-loop.ts';
import type { FuzzTarget } from '../test/fuzz/fuzz-target.ts';
import { runLiveFuzz } from '../test/fuzz/live-fuzz.ts';
import { asTest, writeTest } from '../test/fuzz/report.ts';
import { TARGETS, targetNamed } from '../test/fuzz/targets.ts';
import { newSeed, SeededRandom, seedFrom } from '../test/support/seeded-random.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string' },
    target: { type: 'string', multiple: true },
    explore: { type: 'string', default: '8000' },
    live: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? seedFrom('FUZZ_SEED', newSeed()) : Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed)) {
  console.error('npm run fuzz: --seconds is a number above 0, --seed an integer');
  process.exit(1);
}
console.log(`FUZZ_SEED=${seed} repeats this run`);
process.exitCode = values.live ? await runLiveFuzz({ seconds, seed }) : await fuzzParsers();

async function fuzzParsers(): Promise<number> {
  const targets = values.target?.map(targetNamed) ?? TARGETS;
  const failures: Failure[] = [];
  let total = 0;
  let totalMs = 0;
  for (const target of targets) {
    const { corpus, blocks } = await explore(target);
    const startedAtMs = performance.now();
    const limits = { inputs: Number.POSITIVE_INFINITY, untilMs: startedAtMs + seconds * 1000 };
    const outcome = fuzz(target, new SeededRandom(seed), limits, corpus);
    const tookMs = performance.now() - startedAtMs;
    total += outcome.inputs;
    totalMs += tookMs;
    const rate = Math.round((outcome.inputs / tookMs) * 1000);
    const verdict = outcome.failure === null ? 'ok' : 'FAILED';
    console.log(
      `${target.name.padEnd(32)} ${String(outcome.inputs).padStart(9)} inputs ${String(rate).padStart(7)}/s ` +
        `${String(corpus.length).padStart(4)} in the corpus, ${blocks} blocks  ${verdict}`,
    );
    if (outcome.failure !== null) failures.push(outcome.failure);
  }
  console.log(`${total} inputs, ${Math.round((total / totalMs) * 1000)}/s, ${failures.length} failures`);
  for (const failure of failures) {
    console.log(`\n${failure.target}: ${failure.message}\nFor test/unit/fuzz-found.test.ts, in ${writeTest(failure)}:`);
    console.log(asTest(failure));
  }
  return failures.length === 0 ? 0 : 1;
}

/** Inputs that ran blocks which no others had run. */
async function explore(target: FuzzTarget): Promise<{ corpus: Buffer[]; blocks: number }> {
  const inputs = Number(values.explore);
  if (!(inputs > 0)) return { corpus: [], blocks: 0 };
  const workerData: Exploration = { target: target.name, seed, inputs };
  const thread = new Worker(new URL('../test/fuzz/explorer.ts', import.meta.url), { workerData });
  const [explored] = (await once(thread, 'message')) as [Explored];
  await thread.terminate();
  return { corpus: explored.corpus.map(bytes => Buffer.from(bytes)), blocks: explored.blocks };
}
