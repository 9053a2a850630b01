import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { EventStream } from '../../../src/admin/event-stream.ts';

class Listener extends EventEmitter {
  written = '';
  writableLength = 0;
  isDestroyed = false;

  writeHead(): void {}
  flushHeaders(): void {}

  write(bytes: Buffer): void {
    this.written += bytes;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }
}

function listen(stream: EventStream): Listener {
  const listener = new Listener();
  stream.accept(listener as unknown as ServerResponse);
  return listener;
}

test('all who listen get what is sent from then on', () => {
  const stream = new EventStream();
  const early = listen(stream);
  stream.send('a', { x: 1 });
  const late = listen(stream);
  stream.send('b', {});
  assert.equal(early.written, 'event: a\ndata: {"x":1}\n\nevent: b\ndata: {}\n\n');
  assert.equal(late.written, 'event: b\ndata: {}\n\n');
});

test('one that does not read is cut off, and others go on', () => {
  const stream = new EventStream();
  const [slow, well] = [listen(stream), listen(stream)];
  slow.writableLength = 65 * 1024;
  stream.send('a', {});
  assert.deepEqual([slow.isDestroyed, slow.written, well.isDestroyed], [true, '', false]);
  well.destroy();
  assert.equal(stream.hasListeners, false);
});

test('there is a most that may listen', () => {
  const stream = new EventStream();
  const listeners = Array.from({ length: 1024 }, () => listen(stream));
  assert.equal(stream.isFull, true);
  listeners[0]!.destroy();
  assert.equal(stream.isFull, false);
});
