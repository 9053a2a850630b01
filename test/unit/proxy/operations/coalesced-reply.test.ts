import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Block, dropFreeBlocks, freeBlockBytes, takeBlock } from '../../../../src/memory/block.ts';
import type { Coalescer } from '../../../../src/protocol/protocol.ts';
import type { ReplyTransform } from '../../../../src/protocol/reply-transform.ts';
import { CoalescedReply } from '../../../../src/proxy/operations/coalesced-reply.ts';
import type { RequestOrigin } from '../../../../src/proxy/request-origin.ts';
import type { FailureReason } from '../../../../src/request/failure.ts';
import { Request } from '../../../../src/request/request.ts';
import { IdleOrigin } from '../../../support/idle-origin.ts';
import { ReplyCollector } from '../../../support/reply-collector.ts';

class Parent extends IdleOrigin implements RequestOrigin {
  settled: string[] = [];
  heldBytes = 0;

  enqueue(): void {}

  answer(): void {}

  failWith(_request: Request, words: Buffer): void {
    this.settled.push(words.toString());
  }

  onReply(): void {
    throw new Error('fragments are no replies to the whole');
  }

  onCoalesced(request: Request): void {
    const out = new ReplyCollector();
    request.releaseTo(out);
    this.settled.push(out.bytes.toString());
  }

  onFailure(_request: Request, reason: FailureReason): void {
    this.settled.push(reason);
  }

  onPart(request: Request, bytes: number): void {
    request.heldBytes += bytes;
    this.heldBytes += bytes;
  }
}

/** Writes the parts one after the other, with the owners in front. */
const joining: Coalescer = {
  merge: (parts, owners, out) => out.appendOwned(Buffer.from(`${owners.join('')}:${parts.join(',')}`)),
};

function fragmented(count: number, transform: ReplyTransform | null = null) {
  const parent = new Parent();
  const request = new Request(parent, 0);
  const whole = new CoalescedReply(parent, request, joining, Int32Array.of(0, 1, 0), count, transform);
  const fragments = Array.from({ length: count }, (_, part) => {
    const fragment = new Request(whole, 0);
    fragment.part = part;
    return fragment;
  });
  const reply = (part: number, text: string, isLast = true) => {
    const bytes = Buffer.from(text);
    whole.onReply(fragments[part]!, bytes, 0, bytes.length, isLast);
    bytes.fill('!');
  };
  const fail = (part: number, reason: FailureReason) => whole.onFailure(fragments[part]!, reason);
  return { parent, request, reply, fail };
}

test('it settles with the last fragment, whatever the order and however many pieces', () => {
  const { parent, reply } = fragmented(3);
  reply(2, 'c1', false);
  reply(1, 'b');
  reply(0, 'a');
  assert.deepEqual(parent.settled, []);
  reply(2, 'c2', false);
  reply(2, 'c3');
  assert.deepEqual(parent.settled, ['010:a,b,c1c2c3']);
});

test('it tells its parent what it keeps', () => {
  const { parent, request, reply } = fragmented(2);
  reply(0, 'four', false);
  assert.equal(parent.heldBytes, 4);
  reply(1, 'three');
  assert.equal(request.heldBytes, 9);
});

test('a failed fragment fails the whole, but only when nothing of it goes on any more', () => {
  const { parent, reply, fail } = fragmented(3);
  fail(1, 'timed_out');
  reply(0, 'a');
  assert.deepEqual(parent.settled, []);
  fail(2, 'connection_refused');
  assert.deepEqual(parent.settled, ['timed_out'], 'with the first reason');
});

test('what comes after a failure is not kept', () => {
  const { parent, reply, fail } = fragmented(2);
  fail(0, 'timed_out');
  reply(1, 'a lot of bytes', false);
  assert.equal(parent.heldBytes, 0);
  reply(1, 'the end');
  assert.deepEqual(parent.settled, ['timed_out']);
});

test('nothing is kept for a client that left, nor is it told anything', () => {
  const { parent, request, reply, fail } = fragmented(2);
  request.sink = null;
  reply(0, 'a lot of bytes');
  fail(1, 'timed_out');
  assert.equal(parent.heldBytes, 0);
  assert.deepEqual(parent.settled, []);
});

test('what it keeps goes with a client that leaves, though fragments are still waited for', () => {
  const { parent, request, reply } = fragmented(2);
  const out = new ReplyCollector();
  reply(0, 'kept');
  const { source } = request;
  request.sink = null;
  request.dropHeld();
  source?.writeReply(out);
  assert.deepEqual(out.owned.map(String), ['010:,']);
  reply(1, 'late');
  assert.deepEqual(parent.settled, []);
});

const BLOCK_BYTES = 16 * 1024;
/** Large enough that two of them are worth a block. */
const PART_BYTES = 3000;
const part = (letter: string): string => letter.repeat(PART_BYTES);

test('parts in one piece share a block, which is free again once they are merged', () => {
  dropFreeBlocks();
  const { parent, reply } = fragmented(3);
  reply(2, part('c'));
  reply(0, part('a'));
  assert.equal(freeBlockBytes(), 0);
  reply(1, part('b'));
  assert.deepEqual(parent.settled, [`010:${part('a')},${part('b')},${part('c')}`]);
  assert.equal(freeBlockBytes(), BLOCK_BYTES);
});

test('a part that the block has no room for, or that comes in pieces, is kept outside', () => {
  dropFreeBlocks();
  const { parent, reply } = fragmented(3);
  reply(0, part('a'));
  reply(1, part('b').repeat(5));
  reply(2, 'c', false);
  reply(2, part('c'));
  assert.deepEqual(parent.settled, [`010:${part('a')},${part('b').repeat(5)},c${part('c')}`]);
  assert.equal(freeBlockBytes(), BLOCK_BYTES);
});

test('small parts are not worth a block', () => {
  dropFreeBlocks();
  const { reply } = fragmented(2);
  reply(0, 'a');
  reply(1, part('b'));
  assert.equal(freeBlockBytes(), 0);
});

test('the block of a client that leaves, or of a request that fails, is free at once', () => {
  dropFreeBlocks();
  const left = fragmented(2);
  left.reply(0, part('a'));
  left.request.sink = null;
  left.request.dropHeld();
  assert.equal(freeBlockBytes(), BLOCK_BYTES);
  left.reply(1, part('b'));
  assert.equal(freeBlockBytes(), BLOCK_BYTES, 'and not taken again');

  const failed = fragmented(2);
  failed.reply(0, part('a'));
  failed.fail(1, 'timed_out');
  failed.request.dropHeld();
  assert.equal(freeBlockBytes(), BLOCK_BYTES);
});

test('a part that goes out as it is takes its block along', () => {
  dropFreeBlocks();
  const passingOn: Coalescer = { merge: (parts, _owners, out) => parts.forEach(bytes => void out.appendOwned(bytes)) };
  const request = new Request(null, 0);
  const parent = new Parent();
  request.sink = parent;
  const whole = new CoalescedReply(parent, request, passingOn, Int32Array.of(0, 1), 2, null);
  const sent: { text: string; block: Block | null }[] = [];
  parent.onCoalesced = () =>
    request.releaseTo({
      append: (buf, start, end, block = null) => {
        block?.retain();
        sent.push({ text: buf.toString('latin1', start, end), block });
      },
      appendOwned: bytes => sent.push({ text: bytes.toString('latin1'), block: null }),
      appendRuns: () => assert.fail('no runs'),
    });
  const texts = [part('a'), part('b').repeat(5)];
  texts.forEach((text, index) => {
    const fragment = new Request(whole, 0);
    fragment.part = index;
    whole.onReply(fragment, Buffer.from(text), 0, text.length, true);
  });
  assert.deepEqual(
    sent.map(({ text }) => text),
    texts,
  );
  assert.deepEqual([sent[0]?.block === null, sent[1]?.block], [false, null]);
  assert.equal(freeBlockBytes(), 0, 'still referred to');
  sent[0]?.block?.release();
  assert.equal(freeBlockBytes(), BLOCK_BYTES);
  assert.equal(takeBlock(1), sent[0]?.block);
});

const framing: ReplyTransform = {
  piece(buf, start, end, isLast, out) {
    assert.ok(isLast, 'a merged reply comes whole');
    out.append(Buffer.from('<'), 0, 1);
    out.append(buf, start, end);
    out.append(Buffer.from('>'), 0, 1);
  },
  failure: reason => (reason === 'timed_out' ? Buffer.from('late') : null),
};

test('the merged reply goes through the transform, whether its parts lay in a block or not', () => {
  const small = fragmented(2, framing);
  small.reply(1, 'b');
  small.reply(0, 'a');
  assert.deepEqual(small.parent.settled, ['<010:a,b>']);
  dropFreeBlocks();
  const large = fragmented(2, framing);
  large.reply(1, part('b'));
  large.reply(0, part('a'));
  assert.deepEqual(large.parent.settled, [`<010:${part('a')},${part('b')}>`]);
  assert.equal(freeBlockBytes(), BLOCK_BYTES);
});

test('a failure has the words of the transform, or else the usual ones', () => {
  const worded = fragmented(1, framing);
  worded.fail(0, 'timed_out');
  assert.deepEqual(worded.parent.settled, ['late']);
  const usual = fragmented(1, framing);
  usual.fail(0, 'overloaded');
  assert.deepEqual(usual.parent.settled, ['overloaded']);
});
