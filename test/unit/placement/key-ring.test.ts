import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashFunction } from '../../../src/hash/hash.ts';
import type { KetamaRing } from '../../../src/placement/ketama.ts';
import { KeyRing, type KeyRingOptions } from '../../../src/placement/key-ring.ts';
import { buildRing } from '../../../src/placement/ring.ts';
import type { RingServer } from '../../../src/placement/ring-server.ts';
import { SeededRandom, seedFrom } from '../../support/seeded-random.ts';

const SERVERS: RingServer[] = Array.from({ length: 5 }, (_, i) => ({ name: `10.0.0.${i}:6379`, weight: 1 }));
const BRACES = [0x7b, 0x7d] as const;

function keyRing(changes: Partial<KeyRingOptions> = {}): KeyRing {
  return new KeyRing({ hash: 'fnv1a_64', hashTag: null, distribution: 'ketama', servers: SERVERS, ...changes });
}

function pick(ring: KeyRing, key: string): number {
  const chunk = Buffer.from(`<${key}>`, 'latin1');
  return ring.pick(chunk, 1, chunk.length - 1);
}

const KEYS = Array.from({ length: 500 }, (_, i) => `key-${i}`);

test('a key goes where the ring has the hash of its bytes', () => {
  const ring = keyRing();
  const expected = buildRing('ketama', SERVERS);
  for (const key of KEYS) {
    const hash = hashFunction('fnv1a_64')(Buffer.from(key), 0, key.length);
    assert.equal(pick(ring, key), expected.pick(hash));
    assert.equal(ring.hashOf(Buffer.from(key), 0, key.length), hash);
  }
});

test('keys with the same tag go where the tag alone would', () => {
  const ring = keyRing({ hashTag: BRACES });
  for (const key of KEYS) {
    assert.equal(pick(ring, `a{${key}}b`), pick(ring, key));
    assert.equal(pick(ring, `{${key}}:{other}`), pick(ring, key));
  }
});

test('without hash_tag braces are bytes like any other', () => {
  assert.ok(KEYS.some(key => pick(keyRing(), `a{${key}}b`) !== pick(keyRing(), key)));
});

test('an empty key hashes to 0, whatever the hash makes of no bytes', () => {
  for (const hashTag of [null, BRACES]) {
    const ring = keyRing({ hash: 'fnv1a_64', hashTag });
    assert.equal(pick(ring, ''), buildRing('ketama', SERVERS).pick(0));
    assert.equal(ring.hashOf(Buffer.alloc(0), 0, 0), 0);
  }
  assert.notEqual(hashFunction('fnv1a_64')(Buffer.alloc(0), 0, 0), 0);
});

test('a pool of one server takes every key without hashing it', () => {
  for (const distribution of ['ketama', 'modula', 'random'] as const) {
    const ring = keyRing({ distribution, servers: SERVERS.slice(0, 1) });
    for (const key of KEYS) assert.equal(pick(ring, key), 0);
    assert.equal(ring.hashOf(Buffer.from('key'), 0, 3), 0);
    ring.setLive([false]);
    assert.equal(pick(ring, 'key'), -1);
    ring.setLive([true]);
    assert.equal(pick(ring, 'key'), 0);
  }
});

test('a pool whose last live server is one of several still hashes', () => {
  const ring = keyRing();
  ring.setLive([false, false, true, false, false]);
  for (const key of KEYS) assert.equal(pick(ring, key), 2);
  assert.notEqual(ring.hashOf(Buffer.from('key'), 0, 3), 0);
});

test('an ejected server loses its keys, most others stay, and all are back when it is', () => {
  const ring = keyRing();
  const before = KEYS.map(key => pick(ring, key));
  ring.setLive([true, true, false, true, true]);
  const during = KEYS.map(key => pick(ring, key));
  assert.ok(!during.includes(2));
  const moved = KEYS.filter((_, i) => before[i] !== 2 && during[i] !== before[i]);
  assert.deepEqual(moved, []);
  ring.setLive([true, true, true, true, true]);
  assert.deepEqual(
    KEYS.map(key => pick(ring, key)),
    before,
  );
});

test('nobody live is -1', () => {
  const ring = keyRing();
  ring.setLive([false, false, false, false, false]);
  assert.equal(pick(ring, 'key'), -1);
});

test('a list of the wrong length changes nothing but throws', () => {
  const ring = keyRing();
  const { ring: before } = ring;
  assert.throws(() => ring.setLive([true]), RangeError);
  assert.equal(ring.ring, before);
});

test('whatever was live before, the ring is the one that is built of what is live, bit for bit', () => {
  const seed = seedFrom('RING_SEED');
  const random = new SeededRandom(seed);
  for (const count of [1, 2, 7, 24, 25, 47, 101]) {
    for (const weighted of [false, true]) {
      const servers = Array.from({ length: count }, (_, i) => ({
        name: `10.0.${i % 3}.${i}:6379`,
        weight: weighted ? random.between(1, 50) : 1,
      }));
      const ring = keyRing({ servers });
      for (let i = 0; i < 12; i++) {
        const live = servers.map(() => random.chance(i % 2 === 0 ? 0.9 : 0.3));
        ring.setLive(live);
        const expected = buildRing('ketama', servers, live) as KetamaRing;
        const got = ring.ring as KetamaRing;
        assert.deepEqual(got.listPoints(), expected.listPoints(), `seed ${seed}`);
        for (let n = 0; n < 200; n++) {
          const hash = random.between(0, 2 ** 32 - 1);
          assert.equal(got.pick(hash), expected.pick(hash), `seed ${seed}, hash ${hash}`);
        }
      }
      ring.setLive(servers.map(() => true));
      assert.deepEqual(
        (ring.ring as KetamaRing).listPoints(),
        (buildRing('ketama', servers) as KetamaRing).listPoints(),
      );
    }
  }
});

test('a ring of the same options is not computed again; of others it is', () => {
  const ring = keyRing({ hashTag: BRACES });
  const options = { hash: 'fnv1a_64', hashTag: BRACES, distribution: 'ketama', servers: [...SERVERS] } as const;
  assert.equal(new KeyRing(options, ring).ring, ring.ring);
  ring.setLive(SERVERS.map((_, i) => i > 0));
  const again = new KeyRing(options, ring);
  assert.deepEqual(
    (again.ring as KetamaRing).listPoints(),
    (buildRing('ketama', SERVERS) as KetamaRing).listPoints(),
    'all are live at first',
  );
  again.setLive(SERVERS.map(() => false));
  assert.notEqual(pick(ring, 'key'), -1, 'what is live is its own');
  for (const other of [
    { hash: 'md5' },
    { hashTag: null },
    { distribution: 'modula' },
    { servers: SERVERS.slice(1) },
    { servers: SERVERS.map(server => ({ ...server, weight: server.weight + 1 })) },
  ] as const) {
    assert.equal(ring.isOf({ ...options, ...other }), false);
  }
});

test("memory of a ring goes back when the last that has it lets go, and is no other ring's before", () => {
  const ring = keyRing();
  const want = KEYS.map(key => pick(ring, key));
  const options = { hash: 'fnv1a_64', hashTag: null, distribution: 'ketama', servers: SERVERS } as const;
  const heir = new KeyRing(options, ring);
  ring.release();
  ring.release();
  assert.equal(pick(ring, 'key'), -1, 'who asks all the same gets nothing');
  assert.equal(ring.isOf(options), false, 'nothing of it is taken over');
  ring.setLive(SERVERS.map(() => true));
  assert.equal(pick(ring, 'key'), -1);
  // Others of as many servers would take the memory, if it were free.
  const others = Array.from({ length: 8 }, (_, i) =>
    keyRing({ servers: SERVERS.map(({ weight }, j) => ({ name: `10.1.${i}.${j}:6379`, weight })) }),
  );
  assert.deepEqual(
    KEYS.map(key => pick(heir, key)),
    want,
  );
  for (const live of [SERVERS.map((_, i) => i !== 2), SERVERS.map(() => true)]) heir.setLive(live);
  assert.deepEqual(
    KEYS.map(key => pick(heir, key)),
    want,
  );
  for (const other of others) other.release();
  heir.release();
  const anew = keyRing();
  assert.deepEqual(
    KEYS.map(key => pick(anew, key)),
    want,
    'memory that others have used',
  );
});
