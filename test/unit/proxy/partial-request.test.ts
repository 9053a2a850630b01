import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PartialRequest } from '../../../src/proxy/partial-request.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

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
  assert.ok(partial.take().equals(Buffer.concat(wanted)));
});

test('a request may be as long as the limit and not a byte longer', () => {
  const limit = 5000;
  const exact = new PartialRequest(limit);
  assert.equal(exact.append(Buffer.alloc(4999), 0, 4999), true);
  assert.equal(exact.append(Buffer.alloc(1), 0, 1), true);
  assert.equal(exact.append(Buffer.alloc(1), 0, 1), false);
  assert.equal(exact.take().length, limit);
  assert.equal(new PartialRequest(limit).append(Buffer.alloc(5001), 0, 5001), false);
});

test('a client reserves at most twice of what it has sent, and never more than the limit', () => {
  const limit = 100_000;
  const partial = new PartialRequest(limit);
  const piece = Buffer.alloc(1000);
  for (let sent = 1000; sent <= limit; sent += 1000) {
    partial.append(piece, 0, 1000);
    const reserved = partial.take().buffer.byteLength;
    assert.ok(reserved <= Math.min(limit, Math.max(1024, sent * 2)), `${reserved} for ${sent}`);
  }
});

test('what a client announces is reserved at once up to 1 MiB, and beyond that only twice of what it has sent', () => {
  const piece = Buffer.alloc(1000);
  const modest = new PartialRequest(1 << 30);
  modest.append(piece, 0, 1000, 99_000);
  const first = modest.take().buffer;
  assert.equal(first.byteLength, 100_000);
  for (let sent = 1000; sent < 100_000; sent += 1000) modest.append(piece, 0, 1000, 99_000 - sent);
  assert.equal(modest.take().buffer, first, 'no byte moved');

  const greedy = new PartialRequest(1 << 30);
  greedy.append(piece, 0, 1000, 500_000_000);
  assert.equal(greedy.take().buffer.byteLength, 1 << 20);
});
