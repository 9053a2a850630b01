// A thread that looks for inputs which run blocks of the source that no input before has run. Its sources load after
// coverage is on, hence the imports below.
import { parentPort, workerData } from 'node:worker_threads';
import { SeededRandom } from '../support/seeded-random.ts';
import { Coverage } from './coverage.ts';

/** What the thread is asked, and answers with. */
export interface Exploration {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
}

export interface Explored {
  readonly corpus: readonly Uint8Array[];
  readonly blocks: number;
}

/** Inputs between two looks at the coverage; those of a batch with news are then run one by one. */
const BATCH = 32;

const coverage = new Coverage();
const { targetNamed } = await import('./targets.ts');
const { nextInput, problemOf } = await import('./fuzz-loop.ts');

const { target: name, seed, inputs } = workerData as Exploration;
const target = targetNamed(name);
const random = new SeededRandom(seed);
const sources = Array.from({ length: 200 }, () => target.generate(random));
const corpus: Buffer[] = [];
// What loading the sources has run is no input's merit.
coverage.admit(coverage.newBlocks(target));
keepThoseWithNews(sources);
for (let done = 0; done < inputs; done += BATCH) {
  const batch = Array.from({ length: BATCH }, () => nextInput(target, random, sources));
  for (const input of batch) problemOf(target, input);
  if (coverage.newBlocks(target).length > 0) sources.unshift(...keepThoseWithNews(batch));
}
parentPort?.postMessage({ corpus, blocks: coverage.blocks } satisfies Explored);

function keepThoseWithNews(inputs: readonly Buffer[]): Buffer[] {
  const kept = inputs.filter(input => {
    problemOf(target, input);
    const blocks = coverage.newBlocks(target);
    coverage.admit(blocks);
    return blocks.length > 0;
  });
  corpus.push(...kept);
  return kept;
}
