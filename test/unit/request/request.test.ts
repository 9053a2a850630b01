import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Request } from '../../../src/request/request.ts';
import { ReplyCollector } from '../../support/reply-collector.ts';

test('pieces are held as copies: the buffer they came in may be written to again', () => {
  const request = new Request(null, 0);
  const shared = Buffer.from('..one..');
  request.hold(shared, 2, 5);
  shared.write('TWO', 2);
  request.hold(shared, 2, 5);
  shared.fill('!');
  assert.equal(request.heldBytes, 6);
  const out = new ReplyCollector();
  request.releaseTo(out);
  assert.equal(out.text(), 'oneTWO');
});

test('what was released is not there a second time', () => {
  const request = new Request(null, 0);
  for (const piece of ['a', 'b', 'c']) request.hold(Buffer.from(piece), 0, 1);
  const out = new ReplyCollector();
  request.releaseTo(out);
  request.releaseTo(out);
  assert.equal(out.text(), 'abc');
  assert.equal(request.heldBytes, 0);
  request.hold(Buffer.from('d'), 0, 1);
  request.releaseTo(out);
  assert.equal(out.text(), 'abcd');
});

test('takeHeld gives all pieces as one buffer, and an empty one when there are none', () => {
  const request = new Request(null, 0);
  assert.equal(request.takeHeld().length, 0);
  request.hold(Buffer.from('one'), 0, 3);
  assert.equal(request.takeHeld().toString(), 'one');
  for (const piece of ['a', 'bc', 'def']) request.hold(Buffer.from(piece), 0, piece.length);
  assert.equal(request.takeHeld().toString(), 'abcdef');
  assert.equal(request.heldBytes, 0);
  assert.equal(request.takeHeld().length, 0);
});

test('dropHeld forgets every piece', () => {
  const request = new Request(null, 0);
  request.hold(Buffer.from('ab'), 0, 2);
  request.hold(Buffer.from('c'), 0, 1);
  request.dropHeld();
  assert.equal(request.heldBytes, 0);
  const out = new ReplyCollector();
  request.releaseTo(out);
  assert.equal(out.text(), '');
});

test('a source hears that its reply is not wanted', () => {
  const request = new Request(null, 0);
  let drops = 0;
  request.source = { writeReply: () => assert.fail('it writes nothing'), drop: () => drops++ };
  request.dropHeld();
  request.dropHeld();
  assert.equal(drops, 1);
  request.holdOwned(Buffer.from('an error'));
  const out = new ReplyCollector();
  request.releaseTo(out);
  assert.equal(out.text(), 'an error');
});

test('a source writes the reply in place of what is held, once', () => {
  const request = new Request(null, 0);
  request.heldBytes = 100;
  request.source = { writeReply: out => out.appendOwned(Buffer.from('merged')), drop: () => {} };
  const out = new ReplyCollector();
  request.releaseTo(out);
  request.releaseTo(out);
  assert.equal(out.text(), 'merged');
  assert.equal(request.heldBytes, 0);
});
