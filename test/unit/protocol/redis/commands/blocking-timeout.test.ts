import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockingTimeoutMs, DOES_NOT_WAIT } from '../../../../../src/protocol/redis/commands/blocking-timeout.ts';
import { COMMANDS } from '../../../../../src/protocol/redis/commands/command-table.ts';
import { RequestArgs } from '../../../../../src/protocol/redis/request-args.ts';

function timeoutOf(line: string): number {
  const args = new RequestArgs();
  args.buf = Buffer.from(line);
  let at = 0;
  for (const word of line.split(' ')) {
    args.starts[args.count] = at;
    args.ends[args.count] = at + word.length;
    args.count++;
    at += word.length + 1;
  }
  return blockingTimeoutMs(COMMANDS.find(({ name }) => name === args.text(0).toLowerCase())!, args);
}

for (const [line, ms] of [
  ['BLPOP a b 0', 0],
  ['BLPOP a b 1.5', 1500],
  ['BRPOP a 0.0001', 1],
  ['BRPOP a .5', 500],
  ['BLPOP a 1e2', 100_000],
  ['BLPOP a -1', Number.NaN],
  ['BLPOP a x', Number.NaN],
  ['BLPOP a inf', Number.NaN],
  ['BLPOP a 1e300', Number.NaN],
  ['BLPOP a ', Number.NaN],
  ['BRPOPLPUSH a b 3', 3000],
  ['BLMOVE a b LEFT RIGHT 3', 3000],
  ['BLMOVEM a b LEFT RIGHT 3 COUNT 2', 3000],
  ['BLMPOP 2 1 a LEFT', 2000],
  ['BZMPOP 2 1 a MIN', 2000],
  ['BZPOPMIN a b 7', 7000],
  ['WAIT 1 250', 250],
  ['WAIT 1 2.5', Number.NaN],
  ['WAITAOF 1 1 250', 250],
  ['XREAD BLOCK 250 STREAMS a 0', 250],
  ['XREAD COUNT 1 BLOCK 0 STREAMS a 0', 0],
  ['XREAD BLOCK 1 BLOCK 2 STREAMS a 0', 2],
  ['XREAD BLOCK -1 STREAMS a 0', Number.NaN],
  ['XREAD COUNT block STREAMS block 0', DOES_NOT_WAIT],
  ['XREAD STREAMS block 5', DOES_NOT_WAIT],
  ['XREADGROUP GROUP block c CLAIM 5 BLOCK 6 STREAMS a >', 6],
  ['XREADGROUP GROUP g block STREAMS a >', DOES_NOT_WAIT],
  ['GET a', DOES_NOT_WAIT],
] as const) {
  test(`${line} waits ${ms}`, () => assert.equal(timeoutOf(line), ms));
}
