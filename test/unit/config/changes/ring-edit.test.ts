import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FileEditError } from '../../../../src/config/changes/file-edit.ts';
import { withRingInFile } from '../../../../src/config/changes/ring-edit.ts';
import { parseConfig } from '../../../../src/config/load.ts';
import { ringOf } from '../../../../src/config/tables/ring-settings.ts';

const FILE = `# Ours.
pools:
  red: # the first
    listen: 127.0.0.1:1
    protocol: redis
    hash: murmur # chosen
    servers:
      - h:1:1 a # the old one
      - { address: "h:2", name: b, weight: 2 }
  blue: { listen: "127.0.0.1:2", protocol: memcached, servers: [h:1] }
`;
const parse = (text: string) => parseConfig(text, 'f');
const poolOf = (text: string, name = 'red') => parse(text).pools.find(pool => pool.name === name)!;

describe('another ring in a file', () => {
  const other = ringOf(
    poolOf(
      'pools: { red: { listen: "h:1", protocol: redis, hash: md5, hash_tag: "{}", servers: ["h:2:2 b", "/s:1 c", h:3] } }',
    ),
  );

  test('is what it says then, and the rest stays', () => {
    const text = withRingInFile(FILE, 'red', other, parse);
    assert.deepEqual(ringOf(poolOf(text)), other);
    assert.deepEqual(poolOf(text, 'blue'), poolOf(FILE, 'blue'));
    assert.match(text, /^# Ours\.\npools:\n {2}red: # the first\n/);
    assert.match(text, / {4}hash: md5 # chosen\n/);
  });

  test('and back again', () => {
    const text = withRingInFile(withRingInFile(FILE, 'red', other, parse), 'red', ringOf(poolOf(FILE)), parse);
    assert.deepEqual(parse(text), parse(FILE));
  });

  test("in twemproxy's form too", () => {
    const file = 'red:\n  listen: 127.0.0.1:1\n  redis: true\n  hash: fnv1a_64\n  servers:\n   - h:1:1\n   - h:2:1 b\n';
    const text = withRingInFile(file, 'red', other, parse);
    assert.deepEqual(ringOf(poolOf(text)), other);
  });

  test('with replicas and zones', () => {
    const servers = '{ address: h:1, name: a b, availability_zone: z, replicas: [h:2 y, h:3] }, h:4';
    const ring = ringOf(poolOf(`pools: { red: { listen: "h:1", protocol: redis, hash: md5, servers: [${servers}] } }`));
    assert.deepEqual(ringOf(poolOf(withRingInFile(FILE, 'red', ring, parse))), ring);
  });

  test('is refused where the file has no such pool, or shares values', () => {
    assert.throws(() => withRingInFile(FILE, 'green', other, parse), FileEditError);
    assert.throws(() => withRingInFile(FILE.replaceAll('\n', '\r\n'), 'red', other, parse), FileEditError);
  });
});
