import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withKnownPools } from '../../../src/config/known-pools.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { atOnce } from '../../../src/system/slices.ts';

const config = (...pools: string[]) => parseConfig(`pools:\n${pools.join('')}`, 'f');
const pool = (name: string, port: number, more = '') =>
  `  ${name}: { listen: 'h:${port}', protocol: redis, hash: murmur, servers: ['s:${port}'${more}] }\n`;

test('pools that are the same are the very ones that were known, in the order of the new file', () => {
  const known = config(pool('a', 1), pool('b', 2), pool('c', 3));
  const read = config(pool('c', 3), pool('b', 2, ", 's:9'"), pool('a', 1), pool('d', 4));
  const next = atOnce(withKnownPools(read, known));
  assert.deepEqual(next, read);
  assert.deepEqual(
    next.pools.map(each => known.pools.includes(each)),
    [true, false, true, false],
  );
  assert.ok(Object.isFrozen(next) && Object.isFrozen(next.pools));
});
