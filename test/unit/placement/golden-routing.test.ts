import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { HashName } from '../../../src/hash/hash.ts';
import { KeyRing } from '../../../src/placement/key-ring.ts';
import type { Distribution } from '../../../src/placement/ring.ts';
import type { RingServer } from '../../../src/placement/ring-server.ts';
import { ringName } from '../../../src/placement/server-name.ts';

interface Vectors {
  keys: Record<string, string[]>;
  cases: {
    name: string;
    hash: HashName;
    distribution: Distribution;
    hash_tag?: string;
    servers: string[];
    keySet: string;
    picks: number[];
  }[];
}

const VECTORS: Vectors = JSON.parse(
  readFileSync(new URL('../../golden/routing-vectors.json', import.meta.url), 'utf8'),
);

for (const { name, hash, distribution, hash_tag, servers, keySet, picks } of VECTORS.cases) {
  test(`golden routing: ${name}`, () => {
    const tagBytes = hash_tag === undefined ? null : Buffer.from(hash_tag);
    const hashTag = tagBytes === null ? null : ([tagBytes[0]!, tagBytes[1]!] as const);
    const ring = new KeyRing({ hash, hashTag, distribution, servers: servers.map(ringServer) });
    const keys = VECTORS.keys[keySet]!.map(key => Buffer.from(key, 'base64'));
    assert.deepEqual(
      keys.map(key => ring.pick(key, 0, key.length)),
      picks,
    );
  });
}

test('golden routing: all 6,690 answers were there to be checked', () => {
  assert.equal(
    VECTORS.cases.reduce((sum, { picks }) => sum + picks.length, 0),
    6690,
  );
});

function ringServer(line: string): RingServer {
  const [, host, port, weight, alias] = /^(.+):(\d+):(\d+)(?: (.+))?$/.exec(line)!;
  return { name: ringName({ host: host!, port: Number(port) }, alias ?? null), weight: Number(weight) };
}
