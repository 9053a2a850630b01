import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { loadConfigFile } from '../../../src/config/load.ts';
import { temporaryDirectory } from '../../support/child.ts';

const TEXT = `pools:
  my.pool:
    listen: 127.0.0.1:1
    protocol: redis
    servers:
      - 127.0.0.1:2
      - address: 127.0.0.1:3
        weight: 2
`;

test('a setting is found where it stands, one that is left out where it would stand', () => {
  const file = path.join(temporaryDirectory('places'), 'f.yml');
  writeFileSync(file, TEXT);
  const { places } = loadConfigFile(file);
  const at = (settingPath: string) => {
    const place = places.of(settingPath);
    return place === null ? null : `${place.line}:${place.column}`;
  };
  assert.equal(at('pools.my.pool.listen'), '3:13');
  assert.equal(at('pools.my.pool.servers'), '5:5');
  assert.equal(at('pools.my.pool.servers[0]'), '6:9');
  assert.equal(at('pools.my.pool.servers[1].weight'), '8:17');
  assert.equal(at('pools.my.pool.servers[0].weight'), '6:9');
  assert.equal(at('pools.my.pool.hash'), '2:3');
  assert.equal(at('admin'), null);
  assert.equal(at(''), null);
});
