import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { ConnectionBook, KEPT } from '../../../src/admin/connection-book.ts';

class FakeSocket extends EventEmitter {
  isDestroyed = false;
  readonly remoteAddress: string;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }
}

function subject(limit: number, perAddress: number) {
  const book = new ConnectionBook(limit, perAddress);
  const sockets: FakeSocket[] = [];
  const enter = (address: string, rank = 0) => {
    const socket = new FakeSocket(address);
    sockets.push(socket);
    book.enter(socket as unknown as Socket, rank);
  };
  const rank = (index: number, value: number) => book.rank(sockets[index] as unknown as Socket, value);
  const left = () => sockets.flatMap(({ isDestroyed }, i) => (isDestroyed ? [] : [i]));
  return { sockets, enter, rank, left };
}

test('too many of one address: its oldest goes, whatever others do', () => {
  const { enter, left } = subject(10, 2);
  for (const address of ['b', 'a', 'a', 'a']) enter(address);
  assert.deepEqual(left(), [0, 2, 3]);
});

test('too many in all: the lowest rank goes, of several the oldest', () => {
  const { enter, rank, left } = subject(3, 3);
  for (const address of ['a', 'b', 'c']) enter(address, 1);
  rank(1, 0);
  enter('d', 1);
  assert.deepEqual(left(), [0, 2, 3]);
  enter('e', 1);
  assert.deepEqual(left(), [2, 3, 4]);
});

test('where all are to be kept the new one goes, and a place that was left can be had', () => {
  const { sockets, enter, rank, left } = subject(2, 2);
  enter('a');
  enter('b');
  rank(0, KEPT);
  rank(1, KEPT);
  enter('c');
  assert.deepEqual(left(), [0, 1]);
  sockets[0]?.destroy();
  enter('d');
  assert.deepEqual(left(), [1, 3]);
});
