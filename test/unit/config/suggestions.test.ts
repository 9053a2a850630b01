import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closestName } from '../../../src/config/suggestions.ts';

const NAMES = ['listen', 'hash', 'hash_tag', 'timeout', 'server_connections'];

const CASES: readonly [string, string | null][] = [
  ['lsten', 'listen'],
  ['hashtag', 'hash_tag'],
  ['hash-tag', 'hash_tag'],
  ['Timeout', 'timeout'],
  ['serverConnections', 'server_connections'],
  ['timeouts', 'timeout'],
  ['completely_else', null],
  ['ab', null],
  ['', null],
];
for (const [wrong, meant] of CASES) {
  test(`"${wrong}" ${meant === null ? 'is like nothing' : `may mean ${meant}`}`, () => {
    assert.equal(closestName(wrong, NAMES), meant);
  });
}
