import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  QUIET_ARITHMETIC,
  QUIET_CHANGE,
  QUIET_GET,
  QuietReply,
} from '../../../../../src/protocol/memcached/meta/quiet-reply.ts';
import { transformed } from '../transformed.ts';

const HIDDEN: readonly (readonly [number, string])[] = [
  [QUIET_GET, 'EN\r\n'],
  [QUIET_GET, 'EN kfoo O1\r\n'],
  [QUIET_CHANGE, 'HD\r\n'],
  [QUIET_CHANGE, 'HD c5 O1\r\n'],
  [QUIET_ARITHMETIC, 'HD\r\n'],
  [QUIET_ARITHMETIC, 'VA 2 O1\r\n12\r\n'],
];
const SHOWN: readonly (readonly [number, string])[] = [
  [QUIET_GET, 'HD\r\n'],
  [QUIET_GET, 'VA 4\r\nEN\r\n\r\n'],
  [QUIET_GET, 'SERVER_ERROR EN\r\n'],
  [QUIET_CHANGE, 'NS\r\n'],
  [QUIET_CHANGE, 'NF kfoo\r\n'],
  [QUIET_CHANGE, 'EX\r\n'],
  [QUIET_CHANGE, 'CLIENT_ERROR HD\r\n'],
  [QUIET_ARITHMETIC, 'NF\r\n'],
  [QUIET_ARITHMETIC, 'NS\r\n'],
  [QUIET_ARITHMETIC, 'EX\r\n'],
];

for (const [list, isHidden] of [
  [HIDDEN, true],
  [SHOWN, false],
] as const) {
  for (const [kind, reply] of list) {
    test(`q ${isHidden ? 'hides' : 'shows'} ${JSON.stringify(reply)}, at any split`, () => {
      for (let cut = 0; cut <= reply.length; cut++) {
        for (let second = cut; second <= reply.length; second++) {
          const text = transformed(new QuietReply(kind), Buffer.from(reply, 'latin1'), [cut, second]);
          assert.equal(text, isHidden ? '' : reply, `at ${cut}, ${second}`);
        }
      }
    });
  }
}

test('a failure is told, quiet or not', () => {
  assert.equal(new QuietReply(QUIET_GET).failure('timed_out'), null);
});
