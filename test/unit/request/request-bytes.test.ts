import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeBlock } from '../../../src/memory/block.ts';
import { RequestBytes } from '../../../src/request/request-bytes.ts';
import { ReplyCollector } from '../../support/reply-collector.ts';

const sent = (bytes: RequestBytes) => {
  const out = new ReplyCollector();
  bytes.appendTo(out);
  return out.text();
};

test('it leaves without what is cut out of it, wherever that is', () => {
  const bytes = new RequestBytes();
  const buf = Buffer.from('##set a 0 0 1 noreply\r\nx\r\n##');
  for (let from = 2; from <= buf.length - 2; from++) {
    for (let to = from; to <= buf.length - 2; to++) {
      bytes.set(buf, 2, buf.length - 2, null);
      bytes.cut(from, to);
      const want = buf.toString('latin1', 2, from) + buf.toString('latin1', to, buf.length - 2);
      assert.equal(sent(bytes), want);
      assert.equal(bytes.sizeBytes, want.length);
      const kept = bytes.keep();
      assert.equal(sent(kept), want);
      assert.equal(kept.sizeBytes, want.length);
      kept.release();
    }
  }
});

test('what was cut out of one is not cut out of the next', () => {
  const bytes = new RequestBytes();
  bytes.set(Buffer.from('abc'), 0, 3, null).cut(1, 2);
  bytes.set(Buffer.from('abc'), 0, 3, null);
  assert.equal(sent(bytes), 'abc');
});

for (const size of [1, 4096, 4097, 100_000, 3 << 20]) {
  test(`kept, ${size} bytes survive what they lay in, and can be sent again`, () => {
    const buf = Buffer.alloc(size, 'k');
    const kept = new RequestBytes().set(buf, 0, size, null).keep();
    buf.fill('!');
    for (let times = 0; times < 2; times++) assert.equal(sent(kept), 'k'.repeat(size));
    assert.ok(kept.heldBytes >= size);
    kept.release();
    assert.equal(kept.sizeBytes, 0);
  });
}

test('kept, a request that fills its block shares it, and a small one in a large block does not', () => {
  const block = takeBlock(64 * 1024);
  const large = new RequestBytes().set(block.bytes, 0, 60_000, block).keep();
  assert.equal(large.block, block);
  assert.equal(block.isUnshared, false);
  large.release();
  assert.equal(block.isUnshared, true);
  const small = new RequestBytes().set(block.bytes, 10, 20, block).keep();
  assert.equal(block.isUnshared, true);
  assert.equal(small.sizeBytes, 10);
  small.release();
  block.release();
});
