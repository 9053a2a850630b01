import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runRingmaster, writeConfigFile } from '../support/ringmaster.ts';

test('route says the slot of a key where the pool is a cluster', async () => {
  const file = writeConfigFile(
    'pools:\n  orders:\n    listen: 127.0.0.1:0\n    protocol: redis\n    cluster: { seeds: [10.0.0.1:7001] }\n',
  );
  const { stdout } = await runRingmaster(['route', '-c', file, 'foo', '{foo}bar', '--json']);
  const routes = JSON.parse(stdout) as { by: string; slot: number; server: unknown }[];
  assert.deepEqual(
    routes.map(({ by, slot, server }) => [by, slot, server]),
    [
      ['slot', 12_182, null],
      ['slot', 12_182, null],
    ],
  );
});

test('what a cluster decides by itself is refused in the file', async () => {
  const pool = ['listen: 127.0.0.1:0', 'protocol: redis', 'cluster: { seeds: [10.0.0.1:7001] }'];
  for (const line of ['servers: [10.0.0.1:7001]', 'hash: murmur', 'redis_db: 1', 'auto_eject_hosts: true']) {
    const file = writeConfigFile(`pools:\n  orders:\n${[...pool, line].map(each => `    ${each}\n`).join('')}`);
    const { code, stdout, stderr } = await runRingmaster(['check', file]);
    assert.notEqual(code, 0, `${line}: ${stdout}${stderr}`);
    assert.match(stdout + stderr, /cluster/, line);
  }
});
