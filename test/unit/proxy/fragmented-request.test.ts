import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FailureReason } from '../../../src/core/failure.ts';
import { type ReplySink, Request } from '../../../src/core/request.ts';
import type { Coalescer } from '../../../src/protocol/protocol.ts';
import { FragmentedRequest, type FragmentParent } from '../../../src/proxy/fragmented-request.ts';

class Parent implements FragmentParent, ReplySink {
  settled: string[] = [];
  heldBytes = 0;

  onReply(): void {
    throw new Error('fragments are no replies to the whole');
  }

  onCoalesced(request: Request): void {
    const pieces: Buffer[] = [];
    request.releaseTo({
      append: (buf, start, end) => pieces.push(Buffer.from(buf.subarray(start, end))),
      appendOwned: bytes => pieces.push(bytes),
    });
    this.settled.push(Buffer.concat(pieces).toString());
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

function fragmented(count: number) {
  const parent = new Parent();
  const request = new Request(parent, 0);
  const whole = new FragmentedRequest(parent, request, joining, Int32Array.of(0, 1, 0), count);
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
  const merged: string[] = [];
  reply(0, 'kept');
  const { source } = request;
  request.sink = null;
  request.dropHeld();
  source?.writeReply({ append: () => {}, appendOwned: bytes => merged.push(bytes.toString()) });
  assert.deepEqual(merged, ['010:,']);
  reply(1, 'late');
  assert.deepEqual(parent.settled, []);
});
