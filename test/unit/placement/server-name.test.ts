import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ringName, type ServerAddress } from '../../../src/placement/server-name.ts';

const CASES: readonly { address: ServerAddress; alias: string | null; name: string }[] = [
  { address: { host: '10.0.0.1', port: 6379 }, alias: null, name: '10.0.0.1:6379' },
  { address: { host: '10.0.0.1', port: 11211 }, alias: null, name: '10.0.0.1' },
  { address: { host: '10.0.0.1', port: 11211 }, alias: 'cache-a', name: 'cache-a' },
  { address: { host: 'cache.example', port: 6379 }, alias: 'cache-a', name: 'cache-a' },
  { address: { path: '/run/redis.sock' }, alias: null, name: '/run/redis.sock:' },
  { address: { path: '/run/redis.sock' }, alias: 'local', name: 'local' },
];

for (const { address, alias, name } of CASES) {
  test(`ring name: ${JSON.stringify(address)} ${alias ?? 'without alias'} is ${name}`, () => {
    assert.equal(ringName(address, alias), name);
  });
}
