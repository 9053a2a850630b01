import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { findUnixUser, userText } from '../../../src/system/unix-user.ts';

/** Of passwd(5): name, uid, gid. */
const [NAME, UID, GID] = readFileSync('/etc/passwd', 'utf8')
  .split('\n')
  .find(line => line.startsWith('daemon:'))!
  .split(':')
  .filter((_, i) => [0, 2, 3].includes(i)) as [string, string, string];

test('a user is found by name and by number, with the group that is its own', () => {
  const expected = { name: NAME, uid: Number(UID), gid: Number(GID) };
  assert.deepEqual(findUnixUser(NAME, null), expected);
  assert.deepEqual(findUnixUser(UID, null), expected);
});

test('a group is found by name and by number, and a number without a name will do', () => {
  const root = findUnixUser('root', null).gid;
  assert.equal(findUnixUser(NAME, 'root').gid, root);
  assert.equal(findUnixUser(NAME, '4242424').gid, 4242424);
  assert.deepEqual(findUnixUser('4242424', '4242425'), { name: null, uid: 4242424, gid: 4242425 });
  assert.equal(userText({ name: null, uid: 4242424, gid: 1 }), 'user 4242424');
});

test('who is not there is named', () => {
  assert.throws(() => findUnixUser('no-such-user', null), /^Error: this machine has no user "no-such-user"$/);
  assert.throws(() => findUnixUser('--help', null), /no user "--help"/);
  assert.throws(() => findUnixUser(NAME, 'no-such-group'), /^Error: this machine has no group "no-such-group"$/);
  assert.throws(() => findUnixUser('4242424', null), /no user 4242424, so it needs a group/);
});
