import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { ACCESS_READ, type Placement } from '../../../src/placement/placement.ts';
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
  const planner = new DataPathPlanner(null);
  await planner.add(config.pools);
  const plan = planner.finish({ ...config, pools: [] });
  isDone = true;
  assert.equal(plan.pools.size, POOLS);
  assert.ok(turns >= POOLS / 2, `${turns} turns`);
});

test('pools that are only named are served as they are, and need nothing; parts make one configuration', async () => {
  const config = largeConfig();
  const served = new Map(config.pools.map(pool => [pool.name, pool]));
  const planner = new DataPathPlanner({ configOf: name => served.get(name) ?? null, placementOf: () => null });
  await planner.add(['p0', 'p1', 'p2', config.pools[3]!]);
  await planner.add(config.pools.slice(4).map(({ name }) => name));
  const plan = planner.finish({ ...config, pools: [] });
  assert.deepEqual([...plan.pools.keys()], ['p3']);
  assert.deepEqual(plan.config, config);
});

test('a name that is not served is refused', async () => {
  const planner = new DataPathPlanner({ configOf: () => null, placementOf: () => null });
  await assert.rejects(planner.add(['p0']), /^Error: pool p0 was to stay as it is, and is not served$/);
});

test('a plan that is abandoned lets go of its rings, and of none that is served', async () => {
  const config = largeConfig();
  const first = new DataPathPlanner(null);
  await first.add(config.pools);
  const { pools } = first.finish(config);
  const served = (name: string) => pools.get(name)!.placement;
  const key = Buffer.from('key');
  const ownerBy = (placement: Placement) => placement.pick(key, 0, key.length, ACCESS_READ);
  const before = config.pools.map(({ name }) => ownerBy(served(name)));

  const planner = new DataPathPlanner({
    configOf: name => config.pools.find(pool => pool.name === name) ?? null,
    placementOf: served,
  });
  // The same rings, and others.
  await planner.add(config.pools.map((pool, i) => (i % 2 === 0 ? pool : { ...pool, hash: 'md5' as const })));
  const next = planner.finish(config);
  await planner.abandon();
  for (const { placement } of next.pools.values()) assert.equal(ownerBy(placement), -1);
  await planner.add(config.pools);
  assert.equal(planner.finish(config).pools.size, POOLS, 'nothing more is built');
  assert.deepEqual(
    config.pools.map(({ name }) => ownerBy(served(name))),
    before,
  );
});
