import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestBacklog } from '../../../../src/proxy/client/request-backlog.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';

test('what was appended comes out in its order, whatever the sizes and however much is taken at a time', () => {
  const random = new SeededRandom(7);
  for (let round = 0; round < 200; round++) {
    const backlog = new RequestBacklog();
    const source = Buffer.alloc(300_000);
    for (let i = 0; i < source.length; i++) source[i] = random.between(0, 255);
    let appended = 0;
    const taken: Buffer[] = [];
    while (appended < source.length || backlog.bytes > 0) {
      if (appended < source.length && random.between(0, 2) > 0) {
        const piece = Buffer.from(source.subarray(appended, appended + random.pick([1, 100, 5000, 65_536, 70_000])));
        backlog.append(piece, 0, piece.length);
        appended += piece.length;
        piece.fill(0);
      } else {
        const chunk = backlog.take();
        if (chunk === null) continue;
        const used = random.between(0, chunk.length);
        taken.push(Buffer.from(chunk.subarray(0, used)));
        backlog.putBack(chunk.subarray(used));
      }
      assert.ok(backlog.heldBytes >= backlog.bytes);
    }
    assert.ok(Buffer.concat(taken).equals(source));
    assert.equal(backlog.heldBytes, 0);
    assert.equal(backlog.take(), null);
  }
});

test('bytes that come one by one cost little more than they are', () => {
  const backlog = new RequestBacklog();
  for (let i = 0; i < 100_000; i++) backlog.append(Buffer.from('x'), 0, 1);
  assert.equal(backlog.bytes, 100_000);
  assert.ok(backlog.heldBytes < 300_000, `${backlog.heldBytes} bytes`);
  backlog.clear();
  assert.equal(backlog.bytes, 0);
  assert.equal(backlog.heldBytes, 0);
});

test('a request that has to wait comes before what came behind it, as often as it has to', () => {
  const backlog = new RequestBacklog();
  backlog.append(Buffer.from('wait;next;'), 0, 10);
  const chunk = backlog.take() as Buffer;
  backlog.putFirst(Buffer.from('wait;'));
  backlog.putBack(chunk.subarray(5));
  backlog.append(Buffer.from('last;'), 0, 5);
  for (let i = 0; i < 3; i++) {
    assert.equal(backlog.hasFirst, true);
    const first = backlog.take() as Buffer;
    assert.equal(first.toString(), 'wait;');
    assert.equal(backlog.hasFirst, false);
    assert.equal(backlog.bytes, 10);
    backlog.putBack(first);
  }
  assert.deepEqual(
    Array.from({ length: 4 }, () => backlog.take()?.toString() ?? null),
    ['wait;', 'next;', 'last;', null],
  );
  assert.equal(backlog.bytes, 0);
  assert.equal(backlog.heldBytes, 0);
});

test('what is cleared is wiped, a request that had to wait with it', () => {
  const backlog = new RequestBacklog();
  const request = Buffer.from('AUTH secret\r\n');
  backlog.putFirst(request);
  backlog.clear();
  assert.deepEqual(request, Buffer.alloc(request.length));
  assert.equal(backlog.hasFirst, false);
});
