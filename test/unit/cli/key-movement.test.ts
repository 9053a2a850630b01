import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyMovements } from '../../../src/cli/key-movement.ts';
import { keyRingOf, serverShares } from '../../../src/cli/pool-ring.ts';
import type { PoolConfig } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { SeededRandom, seedFrom } from '../../support/seeded-random.ts';

const seed = seedFrom('CLI_SEED');
const random = new SeededRandom(seed);

function pool(servers: readonly string[], more = ''): PoolConfig {
  const list = servers.map(server => `    - ${server}\n`).join('');
  return parseConfig(`p:\n  listen: h:1\n  servers:\n${list}${more.replace(/^(?=.)/gm, '  ')}\n`, 'f').pools[0]!;
}

const addressOf = (server: PoolConfig['servers'][number]) => JSON.stringify(server.address);

/** The share of `n` random hashes whose server has another address, asked of the rings themselves. */
function sampledMove(from: PoolConfig, to: PoolConfig, n: number): number {
  const [before, after] = [keyRingOf(from), keyRingOf(to)];
  let moved = 0;
  for (let i = 0; i < n; i++) {
    const hash = random.between(0, 2 ** 32 - 1);
    const [a, b] = [from.servers[before.ring.pick(hash)]!, to.servers[after.ring.pick(hash)]!];
    if (addressOf(a) !== addressOf(b)) moved++;
  }
  return moved / n;
}

/** The share of `n` random keys that move, with hash and tag and all. */
function movedKeys(from: PoolConfig, to: PoolConfig, n: number, key: (i: number) => string): number {
  const [before, after] = [keyRingOf(from), keyRingOf(to)];
  let moved = 0;
  for (let i = 0; i < n; i++) {
    const bytes = Buffer.from(key(i));
    const a = from.servers[before.pick(bytes, 0, bytes.length)]!;
    const b = to.servers[after.pick(bytes, 0, bytes.length)]!;
    if (addressOf(a) !== addressOf(b)) moved++;
  }
  return moved / n;
}

/** Five standard deviations of a share measured on n samples. */
const tolerance = (share: number, n: number) => 5 * Math.sqrt((share * (1 - share)) / n) + 1e-6;

function randomServers(): string[] {
  const count = random.between(2, 12);
  const heaviest = random.pick([1, 3, 200]);
  return Array.from(
    { length: count },
    (_, i) => `h${i}:1:${random.between(1, heaviest)} n${random.between(0, 1)}x${i}`,
  );
}

test(`the exact share is what random hashes show, for both rings and between them (CLI_SEED=${seed})`, () => {
  const n = 20_000;
  for (let round = 0; round < 40; round++) {
    const from = pool(randomServers(), `distribution: ${random.pick(['ketama', 'modula'])}`);
    const to = pool(randomServers(), `distribution: ${random.pick(['ketama', 'modula'])}`);
    const [movement, ...others] = keyMovements(from, to);
    assert.deepEqual(others, []);
    assert.equal(movement!.basis, 'exact');
    const measured = sampledMove(from, to, n);
    assert.ok(
      Math.abs(measured - movement!.moved!) <= tolerance(movement!.moved!, n),
      `${movement!.moved} computed, ${measured} measured`,
    );
    const counted = movement!.flows.reduce((sum, flow) => sum + flow.hashValues!, 0);
    assert.equal(counted / 2 ** 32, movement!.moved);
  }
});

test('a fifth server takes what becomes its own, and nothing else moves', () => {
  const four = ['a:1:1', 'b:1:1', 'c:1:1', 'd:1:1'];
  const [from, to] = [pool(four), pool([...four, 'e:1:1'])];
  const movement = keyMovements(from, to)[0]!;
  assert.ok(
    movement.flows.every(flow => flow.to === 4),
    'keys go only to the new server',
  );
  assert.equal(movement.moved, serverShares(to)[4]);
});

test('the same rings move nothing, in whichever order the servers stand', () => {
  for (const distribution of ['ketama', 'modula']) {
    const from = pool(['a:1:1', 'b:1:2', 'c:1:3'], `distribution: ${distribution}`);
    const to = pool(['c:1:3', 'a:1:1', 'b:1:2'], `distribution: ${distribution}`);
    assert.deepEqual(keyMovements(from, to), [{ keys: 'all', basis: 'exact', moved: 0, flows: [] }]);
  }
});

test('a server that moves but keeps its name takes exactly its own share with it', () => {
  const from = pool(['a:1:1 one', 'b:1:1 two', 'c:1:1 three']);
  const to = pool(['a:1:1 one', 'x:1:1 two', 'c:1:1 three']);
  const movement = keyMovements(from, to)[0]!;
  assert.deepEqual(
    movement.flows.map(flow => [flow.from, flow.to, flow.share]),
    [[1, 1, serverShares(from)[1]]],
  );
});

test('two names of one address are one place', () => {
  const from = pool(['a:1:1 one', 'a:1:1 two']);
  assert.equal(keyMovements(from, pool(['a:1:1 three', 'a:1:1 four', 'a:1:2 five']))[0]!.moved, 0);
});

test('another hash: the expected share is that of real keys', () => {
  const from = pool(['a:1:1', 'b:1:1', 'c:1:2'], 'hash: fnv1a_64');
  const to = pool(['a:1:1', 'b:1:1', 'c:1:2'], 'hash: murmur\ndistribution: modula');
  const [movement, ...others] = keyMovements(from, to);
  assert.deepEqual(others, []);
  assert.equal(movement!.basis, 'independent');
  assert.equal(movement!.flows[0]!.hashValues, null);
  const shares = serverShares(from);
  const stays = shares[0]! * 0.25 + shares[1]! * 0.25 + shares[2]! * 0.5;
  assert.ok(Math.abs(movement!.moved! - (1 - stays)) < 1e-9);
  const measured = movedKeys(from, to, 20_000, i => `key:${i}`);
  assert.ok(Math.abs(measured - movement!.moved!) <= tolerance(stays, 20_000), `${measured} measured`);
});

test('another hash does not matter to a pool of one server', () => {
  const movement = keyMovements(pool(['a:1:1'], 'hash: md5'), pool(['a:1:1', 'b:1:1'], 'hash: murmur'))[0]!;
  assert.equal(movement.basis, 'exact');
  assert.equal(movement.moved, serverShares(pool(['a:1:1', 'b:1:1']))[1]);
});

test('another hash_tag is told apart: keys of which the same bytes are hashed, and the others', () => {
  const servers = ['a:1:1', 'b:1:1', 'c:1:1'];
  const [from, to] = [pool(servers), pool(servers, 'hash_tag: "{}"')];
  const [same, other, ...more] = keyMovements(from, to);
  assert.deepEqual(more, []);
  assert.deepEqual([same!.keys, same!.basis, same!.moved], ['same-bytes', 'exact', 0]);
  assert.deepEqual([other!.keys, other!.basis], ['other-bytes', 'independent']);
  assert.equal(
    movedKeys(from, to, 2000, i => `plain:${i}`),
    0,
  );
  const measured = movedKeys(from, to, 20_000, i => `tagged:{${i}}`);
  assert.ok(Math.abs(measured - other!.moved!) <= tolerance(other!.moved!, 20_000), `${measured} measured`);
});

test('crc32 to crc32a is exact, for the one is a part of the other', () => {
  for (const distribution of ['ketama', 'modula']) {
    const from = pool(['a:1:1', 'b:1:1', 'c:1:1'], `hash: crc32\ndistribution: ${distribution}`);
    const to = pool(['a:1:1', 'b:1:1', 'c:1:1'], `hash: crc32a\ndistribution: ${distribution}`);
    const movement = keyMovements(from, to)[0]!;
    assert.equal(movement.basis, 'exact');
    const measured = movedKeys(from, to, 20_000, i => `key:${i}`);
    assert.ok(Math.abs(measured - movement.moved!) <= tolerance(movement.moved!, 20_000), `${measured} measured`);
  }
});

test('crc32 is weighed by its 32,768 values: modula by three is not quite even', () => {
  const shares = serverShares(pool(['a:1:1', 'b:1:1', 'c:1:1'], 'hash: crc32\ndistribution: modula'));
  assert.deepEqual(shares, [10_923 / 32_768, 10_923 / 32_768, 10_922 / 32_768]);
});

test('a random pool has nothing to say about single keys', () => {
  const movement = keyMovements(pool(['a:1:1', 'b:1:1']), pool(['a:1:1', 'b:1:1'], 'distribution: random'));
  assert.deepEqual(movement, [{ keys: 'all', basis: 'random', moved: null, flows: [] }]);
  assert.deepEqual(serverShares(pool(['a:1:1', 'b:1:9'], 'distribution: random')), [0.5, 0.5]);
});
