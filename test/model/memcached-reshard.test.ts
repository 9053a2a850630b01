// The steps of docs/resharding.md for a key of memcached, in every order of events, with faults anywhere; and that the
// model finds what is wrong with each way to leave out a part of them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explore } from './explorer.ts';
import {
  type MemcachedMistake,
  MemcachedReshardModel,
  type MemcachedReshardOptions,
} from './memcached-reshard-model.ts';

/** The old server can't list its keys. */
const END = { hasMover: false, hasEnd: true };

const RIGHT: Record<string, MemcachedReshardOptions> = {
  'a delete and readers': { programs: [['delete', 'read'], ['read']], faults: 0 },
  'a write and a delete, with a fault': { programs: [['write', 'read'], ['delete']], faults: 1 },
  'two writes, with a fault': { programs: [['write'], ['write', 'read']], faults: 1 },
  'a delete and a reader, with two faults': { programs: [['delete', 'read'], []], faults: 2 },
  'a delete and readers, until a time is over': { programs: [['delete', 'read'], ['read']], faults: 1, ...END },
  'two writes and a delete, until a time is over': {
    programs: [
      ['write', 'delete'],
      ['write', 'read'],
    ],
    faults: 0,
    ...END,
  },
};

const MISTAKES: readonly MemcachedMistake[] = [
  'no claim',
  'deletes pass by a claim',
  'writes go to the new server first',
  'copies that are late do not expire',
  'a claim is taken over before its copy has expired',
  'the copy is kept without its CAS',
];

describe('resharding memcached does not lie', () => {
  for (const [name, options] of Object.entries(RIGHT)) {
    test(name, () => {
      const { found, states } = explore(new MemcachedReshardModel(options));
      assert.equal(found, null);
      assert.ok(states > 1000, `${states} states`);
    });
  }
});

const END_MISTAKES: readonly MemcachedMistake[] = [
  'the new ring is in force while keys may be copied',
  'the new ring is in force while copies may be on their way',
];

describe('the model of resharding memcached finds', () => {
  for (const mistake of END_MISTAKES) {
    test(mistake, t => {
      const programs = [['delete', 'read'], ['read']] as const;
      const { found } = explore(new MemcachedReshardModel({ programs, faults: 1, mistake, ...END }));
      assert.ok(found !== null);
      t.diagnostic(`${found.problem}, after ${found.steps.join('; ')}`);
    });
  }
  for (const mistake of MISTAKES) {
    test(mistake, t => {
      const programs = [['delete', 'read'], ['read']] as const;
      const { found } = explore(new MemcachedReshardModel({ programs, faults: 0, mistake }));
      assert.ok(found !== null);
      t.diagnostic(`${found.problem}, after ${found.steps.join('; ')}`);
    });
  }
});
