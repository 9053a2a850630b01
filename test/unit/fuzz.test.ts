// A short run of `npm run fuzz`, with the same inputs every time unless FUZZ_SEED says otherwise.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from '../fuzz/fuzz-loop.ts';
import { Fault, type FuzzTarget } from '../fuzz/fuzz-target.ts';
import { asTest } from '../fuzz/report.ts';
import { TARGETS } from '../fuzz/targets.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const seed = Number(process.env.FUZZ_SEED ?? 4);
const INPUTS = 3000;
/** Ends a run on a machine that is busy. */
const MOST_MS = 700;

for (const target of TARGETS) {
  test(`fuzz: ${target.name}`, () => {
    const limits = { inputs: INPUTS, untilMs: performance.now() + MOST_MS };
    const { failure } = fuzz(target, new SeededRandom(seed), limits);
    const found = failure === null ? '' : `FUZZ_SEED=${seed}\n${failure.message}\n${asTest(failure)}`;
    assert.equal(found, '');
  });
}

test('the fuzzer finds a fault, makes the input small and writes it down', () => {
  const target: FuzzTarget = {
    name: "it's",
    sources: [],
    tokens: [Buffer.from('token')],
    generate: random => Buffer.from('x'.repeat(random.between(0, 50))),
    check(input) {
      const text = input.toString('latin1');
      if (/en.*\xff/s.test(text)) throw new Fault('wrong\nin detail');
    },
  };
  const { failure } = fuzz(target, new SeededRandom(1), { inputs: 1_000_000, untilMs: performance.now() + 20_000 });
  assert.deepEqual(failure?.input, Buffer.from('en\xff', 'latin1'));
  assert.equal(asTest(failure!), "  // Fault: wrong\n  ['it\\'s', 'en\\xff'],\n");
});

test('the same seed makes the same inputs', () => {
  const seen: string[][] = [];
  for (const run of [0, 1]) {
    const inputs: string[] = [];
    seen[run] = inputs;
    const target = { ...TARGETS[0]!, check: (input: Buffer) => void inputs.push(input.toString('latin1')) };
    fuzz(target, new SeededRandom(9), { inputs: 500, untilMs: Number.POSITIVE_INFINITY });
  }
  assert.equal(seen[0]!.length, 500);
  assert.deepEqual(seen[0], seen[1]);
});
