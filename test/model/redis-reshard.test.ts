// The phases of docs/resharding.md for Redis, in every order of events, with a fault anywhere; and that the model finds
// what is wrong with each way to leave out a part of them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explore } from './explorer.ts';
import { RedisReshardModel } from './redis-reshard-model.ts';
import type { RedisMistake, RedisReshardOptions } from './redis-reshard-state.ts';

const RIGHT: Record<string, RedisReshardOptions> = {
  'without a fault, or turned back': { programs: [['write', 'read'], ['delete']], faults: 0, mayAbort: true },
  'with a fault': { programs: [['delete', 'read'], ['write']], faults: 1 },
  'with a fault, where reads ask the new owner first': {
    programs: [['read', 'delete'], ['read']],
    faults: 1,
    readsTargetFirst: true,
  },
  'with a fault, or turned back': { programs: [['delete', 'read'], []], faults: 1, mayAbort: true },
  'in halves, for a key of the first': { programs: [['delete', 'read'], ['write']], faults: 0, half: 'first' },
  'in halves, for a key of the second': { programs: [['delete', 'read'], ['write']], faults: 0, half: 'second' },
  'in halves, for a key of the first, with a fault': { programs: [['delete', 'read'], []], faults: 1, half: 'first' },
  'in halves, for a key of the second, with a fault': { programs: [['delete', 'read'], []], faults: 1, half: 'second' },
  'in halves, for a key of the first, turned back, or a hold refused': {
    ...{ programs: [['write'], []], faults: 0 },
    ...{ half: 'first', mayAbort: true, mayRefuse: true },
  },
  'in halves, for a key of the second, turned back, or a hold refused': {
    ...{ programs: [['write'], []], faults: 0 },
    ...{ half: 'second', mayAbort: true, mayRefuse: true },
  },
  'in parts': { programs: [['delete', 'read'], ['read']], faults: 0, inParts: true },
  'in parts, with a fault': { programs: [['delete', 'read'], []], faults: 1, inParts: true },
  'in parts, with a fault, or turned back': { programs: [['delete'], []], faults: 1, inParts: true, mayAbort: true },
  'in parts, turned back': { programs: [['delete'], []], faults: 0, inParts: true, mayAbort: true },
  'with two faults': { programs: [['delete', 'read'], []], faults: 2 },
};

const WRONG: [RedisMistake, Omit<RedisReshardOptions, 'mistake'>][] = [
  ['no hold', { programs: [['delete'], ['read']], faults: 0 }],
  ['hold acknowledged before the barrier', { programs: [['delete'], ['read']], faults: 0 }],
  ['lost connections not waited for at hold', { programs: [['write'], []], faults: 1 }],
  ['source wins where the target is busy', { programs: [['delete', 'read'], ['read']], faults: 1 }],
  ['no fence after a failed MIGRATE', { programs: [['delete', 'read'], []], faults: 1 }],
  ['only who asked waits after a failed MIGRATE', { programs: [['delete', 'read'], ['read']], faults: 1 }],
  [
    'a source that comes back is taken for one without failures',
    { programs: [['delete', 'read'], ['read']], faults: 1 },
  ],
  ['no fence before new', { programs: [['delete', 'read'], []], faults: 1 }],
  ['no fence before going back', { programs: [['delete', 'read'], []], faults: 1, mayAbort: true }],
  ['commands without an order', { programs: [['write'], []], faults: 0, mayAbort: true }],
  ['written after it was sent', { programs: [['write'], ['read']], faults: 1, mayAbort: true }],
  ['falls back from hold by itself', { programs: [['write', 'read'], ['read']], faults: 0 }],
  ['new while keys are left', { programs: [['write'], ['read']], faults: 0 }],
  ['no hold between the halves', { programs: [['write'], ['read']], faults: 0, half: 'second' }],
  ['no fence before the other half', { programs: [['delete', 'read'], []], faults: 1, half: 'first' }],
  ['workers differ about the half of a key', { programs: [['write'], ['read']], faults: 0, half: 'first' }],
  [
    'back begins with what was gone first',
    { programs: [['write'], ['read']], faults: 0, half: 'first', mayAbort: true },
  ],
  ['commit without a claim', { programs: [['delete', 'read'], ['read']], faults: 0, inParts: true }],
  ['parts read before the claim', { programs: [['delete', 'read'], ['read']], faults: 0, inParts: true }],
  ['marks not looked at', { programs: [['delete', 'read'], ['read']], faults: 0, inParts: true }],
  ['the mover does not look at marks', { programs: [['delete', 'read'], []], faults: 1, inParts: true }],
  ['leftovers on the target', { programs: [['write'], ['read']], faults: 0 }],
];

describe('resharding Redis keeps its promises', () => {
  for (const [name, options] of Object.entries(RIGHT)) {
    test(name, () => {
      const { found, states } = explore(new RedisReshardModel(options));
      assert.equal(found, null);
      assert.ok(states > 1000, `${states} states`);
    });
  }
});

describe('the model of resharding Redis finds', () => {
  for (const [mistake, options] of WRONG) {
    test(mistake, t => {
      const { found } = explore(new RedisReshardModel({ ...options, mistake }));
      assert.ok(found !== null);
      t.diagnostic(`${found.problem}, after ${found.steps.join('; ')}`);
    });
  }
});
