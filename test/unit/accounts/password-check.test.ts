import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PasswordCheck, passwordDigest } from '../../../src/accounts/password-check.ts';

const hex = (password: string) => passwordDigest(Buffer.from(password)).toString('hex');
const check = (...passwords: string[]) => new PasswordCheck(passwords.map(hex));

test('says which password it is', () => {
  const passwords = check('a', 'b', 'c');
  for (const [i, password] of ['a', 'b', 'c'].entries()) {
    assert.equal(passwords.find(passwordDigest(Buffer.from(password))), i);
  }
  assert.equal(passwords.find(passwordDigest(Buffer.from('d'))), -1);
  assert.equal(passwords.find(passwordDigest(Buffer.alloc(0))), -1);
  assert.equal(check().find(passwordDigest(Buffer.from('a'))), -1);
});

test('is about bytes, not text', () => {
  const bytes = Buffer.from([0, 255, 13, 10]);
  const passwords = new PasswordCheck([passwordDigest(bytes).toString('hex')]);
  assert.equal(passwords.find(passwordDigest(bytes)), 0);
  assert.equal(passwords.find(passwordDigest(Buffer.from(bytes.toString('latin1')))), -1);
});

test('is alike when all are the same in the same order', () => {
  assert.ok(check('a', 'b').isAlike(check('a', 'b')));
  for (const other of [check('b', 'a'), check('a'), check('a', 'b', 'c'), check()]) {
    assert.ok(!check('a', 'b').isAlike(other));
  }
  assert.ok(check().isAlike(check()));
});

test('what is no digest is none', () => {
  assert.deepEqual(new PasswordCheck(['', 'zz', hex('a').slice(2), hex('a')]).digestsInHex, [hex('a')]);
});
