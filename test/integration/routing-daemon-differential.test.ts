// As routing-differential.test.ts, with a running Ringmaster in place of the ring: the same file, one after the other.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { startNameServers } from '../support/name-servers.ts';
import { startNutcracker } from '../support/nutcracker.ts';
import { askPlaces, placeDifferences } from '../support/places.ts';
import { randomKeys, randomPools, twemproxyFile } from '../support/random-pools.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const POOLS = 40;
const KEYS_PER_POOL = 300;
const NAME_SERVERS = { tcp: 60, memcachedPort: 8, unix: 6 };

test('a Ringmaster in the place of nutcracker asks the same server for every key', { timeout: 120_000 }, async t => {
  const seed = seedFrom('ROUTING_SEED');
  t.diagnostic(`ROUTING_SEED=${seed} repeats this run`);
  const names = await startNameServers(seed, NAME_SERVERS);
  t.after(() => names.close());
  const random = new SeededRandom(seed);
  const pools = randomPools(random, POOLS, names.addresses);
  const keys = pools.map(pool => randomKeys(random, KEYS_PER_POOL, pool.hashTag));

  const statsPort = await freePort();
  const directory = temporaryDirectory('routing');
  const sockets = pools.map(pool => path.join(directory, `${pool.name}.sock`));
  const config = twemproxyFile(pools, sockets);
  const nutcracker = await startNutcracker(config);
  t.after(() => nutcracker.kill());
  const theirs: string[][] = [];
  for (const [i, socket] of sockets.entries()) theirs.push(await askPlaces(socket, keys[i]!));
  await nutcracker.stop();

  const ringmaster = await startRingmaster({ config, workers: 2, args: ['-a', '127.0.0.1', '-s', String(statsPort)] });
  t.after(() => ringmaster.kill());
  for (const [i, pool] of pools.entries()) {
    const ours = await askPlaces(sockets[i]!, keys[i]!);
    assert.deepEqual(placeDifferences(keys[i]!, ours, theirs[i]!), [], `${pool.name}, ROUTING_SEED=${seed}\n${config}`);
  }
  await ringmaster.stop();
});
