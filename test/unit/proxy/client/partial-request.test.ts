import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartialRequest } from '../../../../src/proxy/client/partial-request.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';

/** What has come. */
function whole(partial: PartialRequest): Buffer {
  return partial.bytes.subarray(0, partial.length);
}

/** The size of the block that has room for `bytes`. */
function powerOfTwo(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(bytes));
}

test('pieces of any size become one request', () => {
  const random = new SeededRandom(3);
  const wanted: Buffer[] = [];
  const partial = new PartialRequest(1 << 20);
  for (let i = 0; i < 500; i++) {
    const piece = random.bytes(random.pick([0, 1, 2, 100, 3000]));
    wanted.push(piece);
    const around = Buffer.concat([Buffer.from('<'), piece, Buffer.from('>')]);
    assert.equal(partial.append(around, 1, around.length - 1), true);
    around.fill('!');
  }
  assert.ok(whole(partial).equals(Buffer.concat(wanted)));
});

test('a request may be as long as the limit and not a byte longer', () => {
  const limit = 5000;
  const exact = new PartialRequest(limit);
  assert.equal(exact.append(Buffer.alloc(4999), 0, 4999), true);
  assert.equal(exact.append(Buffer.alloc(1), 0, 1), true);
  assert.equal(exact.append(Buffer.alloc(1), 0, 1), false);
  assert.equal(exact.length, limit);
  assert.equal(new PartialRequest(limit).append(Buffer.alloc(5001), 0, 5001), false);
});

test('a client reserves at most twice of what it has sent, and never more than the limit', () => {
  const limit = 100_000;
  const partial = new PartialRequest(limit);
  const piece = Buffer.alloc(1000);
  for (let sent = 1000; sent <= limit; sent += 1000) {
    partial.append(piece, 0, 1000);
    const reserved = partial.bytes.length;
    const wanted = Math.min(limit, Math.max(1024, sent * 2));
    assert.ok(reserved <= wanted || reserved === powerOfTwo(wanted), `${reserved} for ${sent}`);
  }
});

test('what a client announces is reserved at once up to 2 MiB, and beyond that only twice of what it has sent', () => {
  const piece = Buffer.alloc(1000);
  const modest = new PartialRequest(1 << 30);
  modest.append(piece, 0, 1000, 99_000);
  const first = modest.bytes;
  assert.equal(first.length, powerOfTwo(100_000));
  for (let sent = 1000; sent < 100_000; sent += 1000) modest.append(piece, 0, 1000, 99_000 - sent);
  assert.equal(modest.bytes, first, 'no byte moved');

  const greedy = new PartialRequest(1 << 30);
  greedy.append(piece, 0, 1000, 500_000_000);
  assert.equal(greedy.bytes.length, 2 << 20);
});

test('what is read to where it belongs need not be copied', () => {
  const wanted = new SeededRandom(5).bytes(100_000);
  const partial = new PartialRequest(1 << 20);
  partial.append(wanted, 0, 30_000, 70_000);
  for (let at = 30_000; at < wanted.length; ) {
    const missing = wanted.length - at;
    const vacancy = partial.vacancy(missing) as Buffer;
    assert.equal(vacancy.length, missing, 'not a byte of what follows');
    const count = Math.min(missing, 9999);
    wanted.copy(vacancy, 0, at, at + count);
    partial.filled(count);
    at += count;
  }
  assert.ok(whole(partial).equals(wanted));
});

test('beyond what is reserved there is no vacancy', () => {
  const partial = new PartialRequest(1 << 30);
  partial.append(Buffer.alloc(1000), 0, 1000, 500_000_000);
  assert.equal(partial.vacancy(500_000_000)?.length, (2 << 20) - 1000);
  partial.filled((2 << 20) - 1000);
  assert.equal(partial.vacancy(1), null);
  assert.equal(partial.append(Buffer.alloc(1), 0, 1, 400_000_000), true, 'a copy makes room again');
  assert.ok((partial.vacancy(400_000_000) as Buffer).length > 1 << 19);
});
