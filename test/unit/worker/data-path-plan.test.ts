import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { DataPathPlanner } from '../../../src/worker/data-path-plan.ts';

const POOLS = 10;

/** Pools whose rings take several milliseconds each to build. */
function largeConfig() {
  let text = 'pools:\n';
  for (let pool = 0; pool < POOLS; pool++) {
    text += `  p${pool}:\n    listen: 127.0.0.1:${1000 + pool}\n    protocol: redis\n    servers:\n`;
    for (let server = 0; server < 200; server++) text += `      - 10.0.${pool}.${server}:6379\n`;
  }
  return parseConfig(text, 'test.yml');
}

test('rings are built one by one, and the event loop turns between them', async () => {
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const config = largeConfig();
  const plan = await new DataPathPlanner(null).finish(config);
  isDone = true;
  assert.equal(plan.pools.size, POOLS);
  assert.ok(turns >= POOLS / 2, `${turns} turns`);
});

test('pools that are served as they are need nothing; parts make one configuration', async () => {
  const config = largeConfig();
  const planner = new DataPathPlanner({ servesAsIs: ({ name }) => name !== 'p3', placementOf: () => null });
  await planner.add(config.pools.slice(0, 4));
  const plan = await planner.finish({ ...config, pools: config.pools.slice(4) });
  assert.deepEqual([...plan.pools.keys()], ['p3']);
  assert.deepEqual(plan.config, config);
});
