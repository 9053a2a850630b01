import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { KeyOwners } from '../../../src/mover/key-owners.ts';
import { probeKey } from '../../../src/mover/probe-key.ts';

const pool = (servers: string, more = 'hash: murmur') =>
  parseConfig(`pools: { red: { listen: "h:1", protocol: redis, ${more}, servers: [${servers}] } }`, 'f').pools[0]!;
const keys = Array.from({ length: 2000 }, (_, i) => Buffer.from(`key:${i}`));

test('keys move to the server that comes, and to no other', () => {
  const owners = new KeyOwners(pool('"h:1:1 a", "h:2:1 b"'), pool('"h:1:1 a", "h:2:1 b", "h:3:1 c"'));
  assert.deepEqual(
    owners.servers.map(({ text, isFrom, isTo }) => [text, isFrom, isTo]),
    [
      ['h:1', true, true],
      ['h:2', true, true],
      ['h:3', false, true],
    ],
  );
  const moving = keys.filter(key => owners.from(key) !== owners.to(key));
  assert.ok(moving.length > 400 && moving.length < 900, `${moving.length} of 2000`);
  assert.ok(moving.every(key => owners.to(key) === 2));
});

test('a server that only changes its name stays the same one', () => {
  const owners = new KeyOwners(pool('"h:1:1 a"'), pool('"h:1:1 z"'));
  assert.equal(owners.servers.length, 1);
  assert.ok(keys.every(key => owners.from(key) === owners.to(key)));
});

test('hash tags and hashes are those of each side', () => {
  const owners = new KeyOwners(pool('h:1, h:2'), pool('h:1, h:2', 'hash: md5, hash_tag: "{}"'));
  const tagged = [Buffer.from('{user}:a'), Buffer.from('{user}:b'), Buffer.from('{user}:c')];
  assert.equal(new Set(tagged.map(key => owners.to(key))).size, 1);
  assert.ok(keys.some(key => owners.from(key) !== owners.to(key)));
});

test('a key that its server has not is left over there, unless it is one that a proxy tries the server with', () => {
  const owners = new KeyOwners(pool('"h:1:1 a", "h:2:1 b"'), pool('"h:1:1 a", "h:2:1 b", "h:3:1 c"'));
  const [key] = keys as [Buffer];
  assert.deepEqual(
    [0, 1, 2].map(server => owners.isOrphan(key, server)),
    [0, 1, 2].map(server => server !== owners.from(key)),
  );
  const probe = probeKey();
  assert.ok([0, 1, 2].every(server => !owners.isOrphan(Buffer.from(probe), server)));
  for (const other of [probe.slice(0, -1), `${probe}0`, probe.replace('probe:', 'probe-'), `x${probe.slice(1)}`]) {
    assert.equal(owners.isOrphan(Buffer.from(other), 2), true, other);
  }
});
