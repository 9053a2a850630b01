// FUNCTION DUMP as Redis 7.0.15 wrote it, with and without rdbcompression.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { librariesOf } from '../../../../../src/protocol/redis/scripts/function-dump.ts';
import { FunctionLibraries } from '../../../../../src/protocol/redis/scripts/function-libraries.ts';

const COUNTS = `#!lua name=counts
redis.register_function('add', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)`;
const X = "#!lua name=x\nredis.register_function('y', function() return 1 end)";
const LONG = `#!lua name=long\n${'-- the same again and again\n'.repeat(40)}redis.register_function('z', function() return 1 end)`;

const DUMPS: readonly (readonly [libraries: readonly string[], base64: string])[] = [
  [
    [COUNTS],
    '9cNAbUB4HyMhbHVhIG5hbWU9Y291bnRzCnJlZGlzLnJlZ2lzdGVyEF9mdW5jdGlvbignYWRkJywg4AAPEWtleXMsIGFyZ3MpIHJldHVybiAGQDoLY2FsbCgnSU5DUkJZIDBAJwJbMV2AKiAIBSkgZW5kKQoA/1xTZzWkSpg=',
  ],
  [
    [COUNTS, X],
    '9UB4IyFsdWEgbmFtZT1jb3VudHMKcmVkaXMucmVnaXN0ZXJfZnVuY3Rpb24oJ2FkZCcsIGZ1bmN0aW9uKGtleXMsIGFyZ3MpIHJldHVybiByZWRpcy5jYWxsKCdJTkNSQlknLCBrZXlzWzFdLCBhcmdzWzFdKSBlbmQp9UBCIyFsdWEgbmFtZT14CnJlZGlzLnJlZ2lzdGVyX2Z1bmN0aW9uKCd5JywgZnVuY3Rpb24oKSByZXR1cm4gMSBlbmQpCgCcl89QIYIafA==',
  ],
  [
    [LONG],
    '9cNAakSlFyMhbHVhIG5hbWU9bG9uZwotLSB0aGUgcyAQCSBhZ2FpbiBhbmSACeD/G4EN4f8X4v8v4/8r5BYnHHJlZGlzLnJlZ2lzdGVyX2Z1bmN0aW9uKCd6Jywg4AANDikgcmV0dXJuIDEgZW5kKQoA1q9TBzk931Q=',
  ],
];

for (const [libraries, base64] of DUMPS) {
  const dump = Buffer.from(base64, 'base64');

  test(`the libraries of a dump of ${dump.length} bytes`, () => {
    const size = libraries.reduce((sum, code) => sum + code.length, 0);
    assert.deepEqual(librariesOf(dump, size)?.map(String), libraries);
    assert.equal(librariesOf(dump, Math.max(...libraries.map(code => code.length)) - 1), null);
  });

  test(`a dump of ${dump.length} bytes that is cut short or changed anywhere is read or not, and does no harm`, () => {
    for (let end = 11; end < dump.length; end++) {
      for (const text of librariesOf(dump.subarray(0, end), 10_000) ?? []) assert.ok(text.length <= 10_000);
    }
    for (let at = 0; at < dump.length - 10; at++) {
      for (const byte of [0, 0x1f, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xe0, 0xff]) {
        const changed = Buffer.from(dump);
        changed[at] = byte;
        for (const text of librariesOf(changed, 10_000) ?? []) assert.ok(text.length <= 10_000);
      }
    }
  });
}

test('libraries are known one by one, in whichever way they came', () => {
  const libraries = new FunctionLibraries();
  libraries.setLimit(100_000);
  const textsWith = (name: string) => libraries.with(Buffer.from(name)).map(({ request }) => request.toString());
  libraries.restored(Buffer.from(DUMPS[1]![1], 'base64'), true);
  assert.equal(libraries.count, 2);
  // Of the same length as what it replaces, and in its place.
  const other = COUNTS.replace('INCRBY', 'DECRBY');
  libraries.loaded(Buffer.from(other));
  assert.equal(libraries.count, 2);
  assert.deepEqual(
    textsWith('add').map(text => text.includes('DECRBY')),
    [true],
  );
  libraries.deleted('counts');
  assert.deepEqual(textsWith('y').length, 1);
  assert.deepEqual(textsWith('add').length, 1);
  libraries.restored(Buffer.from(DUMPS[2]![1], 'base64'), false);
  assert.deepEqual(
    textsWith('z').map(text => text.includes(LONG)),
    [true],
  );
  assert.equal(libraries.count, 1);
  // What can't be read may have replaced anything.
  libraries.restored(Buffer.from('rubbish that is long enough'), true);
  assert.equal(libraries.count, 0);
  assert.equal(libraries.memoryBytes, 0);
});
