import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ConfigError } from '../../src/config/errors.ts';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import { temporaryDirectory } from '../support/child.ts';
import { startNutcracker, testNutcrackerConfig } from '../support/nutcracker.ts';
import { assertInGuide } from '../support/switching-guide.ts';
import { DIFFERENCES, TWEMPROXY_FILES } from '../support/twemproxy-config-files.ts';

const directory = temporaryDirectory('config');

for (const { name, content, difference } of TWEMPROXY_FILES) {
  test(`twemproxy's file, ${difference ? `other verdict (${difference})` : 'same verdict'}: ${name}`, async () => {
    const { code, signal } = await testNutcrackerConfig(content);
    assert.equal(signal, null, 'nutcracker ended by itself');
    const { accepts, detail } = weAccept(content);
    if (difference === undefined) assert.equal(accepts, code === 0, detail);
    else assert.notEqual(accepts, code === 0, `no difference any more: ${difference}; ${detail}`);
  });
}

test('every deliberate difference occurs in a file and is documented', () => {
  const used = new Set(TWEMPROXY_FILES.map(({ difference }) => difference));
  for (const [key, reason] of Object.entries(DIFFERENCES)) {
    assert.ok(used.has(key as keyof typeof DIFFERENCES), `no file shows ${key}`);
    assertInGuide('The configuration file', reason);
  }
});

test('pools and servers carry the names that twemproxy gives them', async () => {
  const socket = (name: string) => path.join(directory, `${name}.sock`);
  const text = `
first:
  listen: ${socket('first')}
  redis: true
  servers:
    - 127.0.0.1:6379:1
    - 127.0.0.1:06380:1
    - 127.0.0.1:11211:1
    - 127.0.0.2:011211:1
    - localhost:6379:10
    - "::1:6379:1"
    - 127.0.0.1:6381:1 alias
    - 127.0.0.1:6382:1 colon:6382:1
    - 127.0.0.1:6383:1 café
    - /tmp/a.sock:1
    - /tmp/b.sock:1 socket
    - '/tmp/c d.sock:1 spaced'
'my pool':
  listen: ${socket('second')} 0600
  hash: md5
  servers:
    - 127.0.0.1:6379:1
`;
  const nutcracker = await startNutcracker(text);
  try {
    const theirs = namesInStats(await nutcracker.stats());
    const ours = parseConfig(text, 'nutcracker.yml').pools.map(pool => [
      pool.name,
      pool.servers.map(s => s.name).sort(),
    ]);
    assert.deepEqual(Object.fromEntries(ours), theirs);
  } finally {
    await nutcracker.stop();
  }
});

/** Pools, and in them servers, are the objects among the statistics. */
function namesInStats(stats: Record<string, unknown>): Record<string, string[]> {
  const pools = Object.entries(stats).filter(([, pool]) => typeof pool === 'object');
  return Object.fromEntries(
    pools.map(([name, pool]) => {
      const servers = Object.entries(pool as object).filter(([, server]) => typeof server === 'object');
      return [name, servers.map(([server]) => server).sort()];
    }),
  );
}

function weAccept(content: string | Uint8Array): { accepts: boolean; detail: string } {
  const file = path.join(directory, 'nutcracker.yml');
  writeFileSync(file, content);
  try {
    const config = loadConfig(file);
    assert.equal(config.form, 'twemproxy');
    return { accepts: true, detail: JSON.stringify(config.pools) };
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return { accepts: false, detail: error.message };
  }
}
