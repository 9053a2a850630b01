import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { memoryLimitBytes } from '../../../src/worker/memory-limit.ts';

const MIB = 2 ** 20;

function limit(top: string, machineBytes?: number): number {
  const pool = 'pools: { p: { listen: "h:1", protocol: redis, servers: ["h:2"] } }';
  return memoryLimitBytes(parseConfig(`${top}\n${pool}\n`, 'f'), machineBytes);
}

test('a size is what it says, and none is no limit', () => {
  assert.equal(limit('max_memory: 100mb', 1), 100 * MIB);
  assert.equal(limit('max_memory: none', 1), 0);
});

test('auto is a part of the memory for each worker, without what the worker needs itself', () => {
  assert.equal(limit('workers: 4', 8192 * MIB), 1280 * MIB);
  assert.equal(limit('workers: 1', 1024 * MIB), 512 * MIB);
  const workers = availableParallelism();
  assert.equal(limit('workers: auto', workers * 4096 * MIB), (3072 - 256) * MIB);
});

test('auto leaves room for a value of some MB even where memory is short', () => {
  assert.equal(limit('workers: 16', 1024 * MIB), 64 * MIB);
});

test('auto knows the memory of this machine', () => {
  assert.ok(limit('workers: 1') >= 64 * MIB && limit('workers: 1') < 2 ** 45);
});
