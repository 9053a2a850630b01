import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyRing } from '../../src/placement/key-ring.ts';
import type { ServerAddress } from '../../src/placement/server-name.ts';
import { freePorts } from '../support/free-port.ts';
import { placeOf, startNameServers } from '../support/name-servers.ts';
import { startNutcracker } from '../support/nutcracker.ts';
import { askPlaces, placeDifferences } from '../support/places.ts';
import { type RandomPool, randomKeys, randomPools, twemproxyFile } from '../support/random-pools.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const POOLS = 60;
const EJECTING_POOLS = 20;
const KEYS_PER_POOL = 400;
const NAME_SERVERS = { tcp: 60, memcachedPort: 8, unix: 6 };
/** Light enough that every server has points: one that no key reaches is never found dead. */
const EJECTING_HEAVIEST = 3;
const PROBES = 20_000;

test('no key of any random pool goes elsewhere than with nutcracker', { timeout: 120_000 }, async t => {
  const seed = seedFrom('ROUTING_SEED');
  t.diagnostic(`ROUTING_SEED=${seed} repeats this run`);
  const names = await startNameServers(seed, NAME_SERVERS);
  t.after(() => names.close());
  const random = new SeededRandom(seed);
  const pools = randomPools(random, POOLS, names.addresses);
  const keys = pools.map(pool => randomKeys(random, KEYS_PER_POOL, pool.hashTag));

  const ports = await freePorts(POOLS);
  const file = twemproxyFile(pools, listenOn(ports));
  const nutcracker = await startNutcracker(file);
  t.after(() => nutcracker.kill());

  for (const [i, pool] of pools.entries()) {
    const theirs = await askPlaces(ports[i]!, keys[i]!);
    const ours = askRing(pool, keyRing(pool), keys[i]!);
    assert.deepEqual(placeDifferences(keys[i]!, ours, theirs), [], `${pool.name}, ROUTING_SEED=${seed}\n${file}`);
  }
});

test('no key goes elsewhere once dead servers are ejected', { timeout: 120_000 }, async t => {
  const seed = seedFrom('ROUTING_SEED');
  t.diagnostic(`ROUTING_SEED=${seed} repeats this run`);
  const names = await startNameServers(seed, NAME_SERVERS);
  t.after(() => names.close());
  const random = new SeededRandom(seed);
  // Nothing listens on port 1, so that these refuse every connection.
  const dead: ServerAddress[] = Array.from({ length: 20 }, (_, i) => ({ host: `127.77.${i * 9}.1`, port: 1 }));
  const pools = randomPools(random, EJECTING_POOLS, [...names.addresses, ...dead], EJECTING_HEAVIEST);
  const keys = pools.map(pool => randomKeys(random, KEYS_PER_POOL, pool.hashTag));

  const ports = await freePorts(EJECTING_POOLS);
  const ejecting = ['auto_eject_hosts: true', 'server_failure_limit: 1', 'server_retry_timeout: 3600000'];
  const file = twemproxyFile(pools, listenOn(ports), ejecting);
  const nutcracker = await startNutcracker(file);
  t.after(() => nutcracker.kill());

  let compared = 0;
  for (const [i, pool] of pools.entries()) {
    const ring = keyRing(pool);
    const live = pool.servers.map(() => true);
    for (;;) {
      const probes = keyForEachServer(ring, pool.servers.length, random);
      const found = [...probes.keys()].filter(server => dead.includes(pool.servers[server]!.address));
      if (found.length === 0) break;
      await askPlaces(ports[i]!, [...probes.values()]);
      for (const server of found) live[server] = false;
      ring.setLive(live);
    }
    // With nobody left there is nothing to compare: twemproxy goes on asking the dead, we answer at once.
    if (!live.includes(true)) continue;
    compared++;
    const theirs = await askPlaces(ports[i]!, keys[i]!);
    const ours = askRing(pool, ring, keys[i]!);
    assert.deepEqual(placeDifferences(keys[i]!, ours, theirs), [], `${pool.name}, ROUTING_SEED=${seed}\n${file}`);
  }
  assert.ok(compared > EJECTING_POOLS / 2, `only ${compared} pools had a live server left`);
});

function listenOn(ports: readonly number[]): string[] {
  return ports.map(port => `127.0.0.1:${port}`);
}

function keyRing(pool: RandomPool): KeyRing {
  const tag = pool.hashTag === null ? null : Buffer.from(pool.hashTag);
  return new KeyRing({ ...pool, hashTag: tag === null ? null : [tag[0]!, tag[1]!] });
}

/** The place each key goes to by our ring. Tag bytes stand around the key, as other keys do in a read chunk. */
function askRing(pool: RandomPool, ring: KeyRing, keys: readonly Buffer[]): string[] {
  const around = Buffer.from(pool.hashTag ?? '{}');
  return keys.map(key => {
    const chunk = Buffer.concat([around, key, around]);
    return placeOf(pool.servers[ring.pick(chunk, around.length, around.length + key.length)]!.address);
  });
}

/** A key for each server that has any, as far as many tries tell. */
function keyForEachServer(ring: KeyRing, servers: number, random: SeededRandom): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let i = 0; i < PROBES && found.size < servers; i++) {
    const key = Buffer.from(`probe:${random.between(0, 1e9)}`);
    const server = ring.pick(key, 0, key.length);
    if (server >= 0) found.set(server, key);
  }
  return found;
}
