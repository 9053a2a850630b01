import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { runIdleTasks, runRound } from '../../../src/loop/rounds.ts';
import { Turn } from '../../../src/loop/turn.ts';
import { Block, takeBlock } from '../../../src/memory/block.ts';
import { Outbox, type OutboxOwner } from '../../../src/socket/outbox.ts';
import { ReadyLine, readyLines } from '../../../src/socket/ready-lines.ts';
import { streamSocket } from '../../../src/socket/sockets.ts';
import type { StreamSocket } from '../../../src/socket/stream-socket.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { socketPair } from '../../support/socket-pair.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A socket whose kernel takes everything, or, while `isFull`, nothing. */
class FakeSocket implements StreamSocket {
  standIn(): void {}

  readonly descriptor = -1;
  readonly peer = 'nobody';
  readonly local = '';
  readonly unsentBytes = 0;
  closeListener = null;
  writes: string[] = [];
  isFull = false;
  isDestroyed = false;

  start(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}

  write(bytes: Buffer): boolean {
    return this.writev([bytes]);
  }

  writeBlock(block: Block, start: number, end: number): boolean {
    return this.write(block.bytes.subarray(start, end));
  }

  writev(pieces: Buffer[]): boolean {
    this.writes.push(Buffer.concat(pieces).toString('latin1'));
    return !this.isFull;
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}

class Owner implements OutboxOwner {
  written = 0;
  drained = 0;
  isAllSent = false;

  onWritten(): void {
    this.written++;
  }

  onDrained(): void {
    this.drained++;
  }

  onAllSent(): void {
    this.isAllSent = true;
  }
}

function fakeOutbox({ waitsForCompany = false } = {}) {
  const socket = new FakeSocket();
  const owner = new Owner();
  const outbox = new Outbox(socket, new Turn(), owner, waitsForCompany);
  const append = (text: string) => outbox.append(Buffer.from(text, 'latin1'), 0, text.length);
  /** The kernel takes all that waits. */
  const drain = () => {
    socket.isFull = false;
    outbox.taken();
  };
  return { socket, owner, outbox, append, drain };
}

function fail(error: unknown): void {
  throw error;
}

describe('waiting for company', () => {
  test('what is little leaves when no socket is ready, with what later rounds have added', () => {
    const { socket, append } = fakeOutbox({ waitsForCompany: true });
    runRound(() => append('one'), fail);
    runRound(() => append(' two'), fail);
    assert.deepEqual(socket.writes, []);
    runIdleTasks(fail);
    assert.deepEqual(socket.writes, ['one two']);
    runRound(() => append('next'), fail);
    assert.equal(socket.writes.length, 1);
    runIdleTasks(fail);
    assert.deepEqual(socket.writes, ['one two', 'next']);
  });

  test('what has become enough leaves at the end of its round', () => {
    const { socket, append } = fakeOutbox({ waitsForCompany: true });
    const half = 'h'.repeat(2500);
    runRound(() => append(half), fail);
    assert.deepEqual(socket.writes, []);
    runRound(() => {
      append(half);
      append('.');
    }, fail);
    assert.deepEqual(socket.writes, [`${half}${half}.`]);
    runIdleTasks(fail);
    assert.equal(socket.writes.length, 1);
    runRound(() => append(half + half), fail);
    assert.equal(socket.writes.length, 2);
    assert.equal(runIdleTasks(fail), false);
  });

  test('outside rounds nothing waits longer than for the end of the turn', async () => {
    const { socket, append } = fakeOutbox({ waitsForCompany: true });
    append('one');
    append(' two');
    await setImmediate();
    assert.deepEqual(socket.writes, ['one two']);
  });

  test('without leave to wait, it leaves at the end of the round', () => {
    const { socket, append } = fakeOutbox();
    runRound(() => append('one'), fail);
    assert.deepEqual(socket.writes, ['one']);
  });

  test('what waits when the socket is gone reaches nobody', () => {
    const { socket, outbox, append } = fakeOutbox({ waitsForCompany: true });
    runRound(() => append('one'), fail);
    socket.destroy();
    outbox.discard();
    assert.equal(runIdleTasks(fail), true);
    assert.deepEqual(socket.writes, []);
  });

  test('nothing overtakes what the kernel has not taken', () => {
    const { socket, outbox, append, drain } = fakeOutbox({ waitsForCompany: true });
    socket.isFull = true;
    runRound(() => append('one'), fail);
    runIdleTasks(fail);
    runRound(() => append('two'), fail);
    runIdleTasks(fail);
    assert.deepEqual(socket.writes, ['one']);
    assert.equal(outbox.unsentBytes, 6);
    drain();
    assert.deepEqual(socket.writes, ['one', 'two']);
    assert.equal(outbox.unsentBytes, 0);
  });
});

describe('with a fake socket', () => {
  test('all that is appended in a turn leaves in one write at its end', async () => {
    const { socket, outbox, append } = fakeOutbox();
    append('one');
    outbox.appendOwned(Buffer.from(' two'));
    append(' three');
    assert.deepEqual(socket.writes, []);
    assert.equal(outbox.isDue, true);
    assert.equal(outbox.unsentBytes, 13);
    assert.equal(outbox.unwrittenBytes, 13);
    await setImmediate();
    assert.deepEqual(socket.writes, ['one two three']);
    assert.equal(outbox.isDue, false);
    assert.equal(outbox.unsentBytes, 0);
    append('next turn');
    await setImmediate();
    assert.deepEqual(socket.writes, ['one two three', 'next turn']);
  });

  test('large pieces keep their place between small ones', async () => {
    const { socket, outbox, append } = fakeOutbox();
    const large = Buffer.alloc(5000, 'L');
    append('a');
    outbox.append(large, 0, 5000);
    append('b');
    outbox.appendOwned(large);
    outbox.appendOwned(Buffer.alloc(4097, 'M'));
    append('c');
    await setImmediate();
    const text = large.toString();
    assert.deepEqual(socket.writes, [`a${text}b${text}${'M'.repeat(4097)}c`]);
  });

  test('small pieces that overflow a chunk go on in the next', async () => {
    const { socket, append } = fakeOutbox();
    const texts = Array.from({ length: 40 }, (_, i) => String(i % 10).repeat(1000));
    for (const text of texts) append(text);
    await setImmediate();
    assert.deepEqual(socket.writes, [texts.join('')]);
  });

  test('appended bytes are copied: the buffer may be written to again at once', async () => {
    const { socket, outbox } = fakeOutbox();
    const small = Buffer.from('small');
    const large = Buffer.alloc(5000, 'L');
    outbox.append(small, 1, 4);
    outbox.append(large, 0, 5000);
    small.fill('!');
    large.fill('!');
    await setImmediate();
    assert.deepEqual(socket.writes, [`mal${'L'.repeat(5000)}`]);
  });

  test('while the kernel takes nothing, all waits and leaves in one write when it does', async () => {
    const { socket, owner, outbox, append, drain } = fakeOutbox();
    socket.isFull = true;
    append('first');
    await setImmediate();
    for (const text of ['a', 'b', 'c']) {
      append(text);
      await setImmediate();
    }
    assert.deepEqual(socket.writes, ['first']);
    assert.equal(outbox.unsentBytes, 8);
    assert.equal(outbox.unwrittenBytes, 3);
    assert.equal(owner.drained, 0);
    drain();
    assert.deepEqual(socket.writes, ['first', 'abc']);
    assert.equal(outbox.unsentBytes, 0);
    assert.equal(owner.drained, 1);
  });

  test('without a socket nothing leaves before there is one', async () => {
    const socket = new FakeSocket();
    const outbox = new Outbox(null, new Turn(), null);
    outbox.append(Buffer.from('early'), 0, 5);
    await setImmediate();
    assert.equal(outbox.unsentBytes, 5);
    outbox.open(socket);
    assert.deepEqual(socket.writes, ['early']);
    outbox.append(Buffer.from('later'), 0, 5);
    await setImmediate();
    assert.deepEqual(socket.writes, ['early', 'later']);
  });

  test('much leaves at once, and before the end of the turn', async () => {
    const { socket, outbox, append } = fakeOutbox();
    for (let i = 0; i < 64; i++) append('x'.repeat(1024));
    assert.deepEqual(socket.writes, ['x'.repeat(64 * 1024)]);
    assert.equal(outbox.unsentBytes, 0);
    append('rest');
    await setImmediate();
    assert.equal(socket.writes[1], 'rest');
  });

  test('the owner hears when the last byte before close has left: now, at the end of the turn, or later', async () => {
    const idle = fakeOutbox();
    idle.outbox.close();
    assert.equal(idle.owner.isAllSent, true);

    const due = fakeOutbox();
    due.append('bye');
    due.outbox.close();
    assert.equal(due.owner.isAllSent, false);
    await setImmediate();
    assert.deepEqual(due.socket.writes, ['bye']);
    assert.equal(due.owner.isAllSent, true);

    const full = fakeOutbox();
    full.socket.isFull = true;
    full.append('first');
    await setImmediate();
    full.append('bye');
    full.outbox.close();
    await setImmediate();
    assert.equal(full.owner.isAllSent, false);
    full.drain();
    assert.deepEqual(full.socket.writes, ['first', 'bye']);
    assert.equal(full.owner.isAllSent, true);
  });

  test('a block is kept until the kernel has taken its bytes, and no longer', async () => {
    const { socket, outbox, drain } = fakeOutbox();
    const block = takeBlock(64 * 1024);
    outbox.append(block.bytes, 0, 40_000, block);
    assert.equal(block.isUnshared, false);
    await setImmediate();
    assert.equal(block.isUnshared, true, 'taken at once');
    socket.isFull = true;
    outbox.append(block.bytes, 0, 40_000, block);
    await setImmediate();
    assert.equal(block.isUnshared, false);
    drain();
    assert.equal(block.isUnshared, true);
  });

  test('a small piece of a block is copied: nobody keeps a block for it', async () => {
    const { socket, outbox } = fakeOutbox();
    const block = new Block(64 * 1024);
    block.bytes.fill('b');
    outbox.append(block.bytes, 5, 15_000, block);
    assert.equal(block.isUnshared, true);
    block.bytes.fill('!');
    await setImmediate();
    assert.deepEqual(socket.writes, ['b'.repeat(14_995)]);
  });

  test('a destroyed socket is not written to', async () => {
    const { socket, append } = fakeOutbox();
    append('late');
    socket.destroy();
    await setImmediate();
    assert.deepEqual(socket.writes, []);
  });
});

/** An outbox on one end of a TCP connection, and the other end, which reads nothing until `peer.resume()`. */
async function connection(t: TestContext, turn = new Turn()) {
  const { socket, far: peer } = await socketPair(t);
  peer.pause();
  const ours = streamSocket(socket);
  t.after(() => ours.destroy());
  const owner = new Owner();
  const outbox = new Outbox(ours, turn, owner);
  const { promise: closed, resolve } = Promise.withResolvers<string | null>();
  ours.start({ onRead: () => null, onEnd: () => {}, onTaken: () => outbox.taken(), onClosed: resolve });
  return { ours, peer, outbox, owner, closed };
}

/** Appends `text` in turn after turn until the kernel is full. Returns all that was appended. */
async function fill(outbox: Outbox, text: string): Promise<number> {
  const piece = Buffer.from(text, 'latin1');
  let bytes = 0;
  while (outbox.unsentBytes === 0) {
    outbox.append(piece, 0, piece.length);
    bytes += piece.length;
    await setImmediate();
  }
  return bytes;
}

describe('with real sockets', () => {
  test('a kernel that was full announces that it takes more, however little was left over', async t => {
    const { peer, outbox, owner } = await connection(t);
    const bytes = await fill(outbox, 'x'.repeat(1000));
    assert.ok(outbox.unsentBytes <= 1000, `${outbox.unsentBytes} bytes left over`);
    peer.resume();
    await waitFor(() => owner.drained === 1, { what: 'onDrained' });
    assert.equal(outbox.unsentBytes, 0);
    const got = await peer.readUntil(bytes);
    assert.ok(got.equals(Buffer.alloc(bytes, 'x')));
  });

  test('small replies to a peer that does not read cost what they are long, not a chunk each', async t => {
    const { peer, outbox } = await connection(t);
    const filled = await fill(outbox, 'x'.repeat(1000));
    const before = process.memoryUsage().arrayBuffers;
    const reply = Buffer.from('+OK\r\n');
    const count = 10_000;
    for (let i = 0; i < count; i++) {
      outbox.append(reply, 0, reply.length);
      await setImmediate();
    }
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 4 << 20, `${grown} bytes for ${count * reply.length}`);
    peer.resume();
    await peer.readUntil(filled);
    const got = await peer.readUntil(count * reply.length);
    assert.ok(got.equals(Buffer.from('+OK\r\n'.repeat(count))));
  });

  test('chunks are used again only when nobody needs their bytes: slow and fast peers each get their own', async t => {
    const turn = new Turn();
    const random = new SeededRandom(7);
    const peers = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const { ours, peer, outbox } = await connection(t, turn);
        // Every second one reads all the time.
        if (i % 2 === 0) peer.resume();
        return { ours, peer, outbox, sent: [] as Buffer[] };
      }),
    );
    for (let round = 0; round < 400; round++) {
      for (const { outbox, sent } of peers) {
        for (let i = random.between(0, 3); i > 0; i--) {
          const bytes = Buffer.alloc(random.pick([1, 17, 400, 4096, 4097, 20_000]), random.between(0, 255));
          sent.push(bytes);
          if (random.chance(0.5)) outbox.append(bytes, 0, bytes.length);
          else outbox.appendOwned(bytes);
        }
      }
      await setImmediate();
    }
    for (const { ours, peer, outbox, sent } of peers) {
      peer.resume();
      await waitFor(() => outbox.unsentBytes === 0, { what: 'all to be sent' });
      ours.end();
      assert.ok((await peer.readToEnd()).equals(Buffer.concat(sent)));
    }
  });

  test('a peer that resets while much is unsent is no error here', async t => {
    const { peer, outbox, owner, closed } = await connection(t);
    outbox.appendOwned(Buffer.alloc(16 << 20, 'x'));
    await setImmediate();
    assert.ok(outbox.unsentBytes > 0);
    peer.reset();
    assert.match(String(await closed), /ECONNRESET|EPIPE/);
    outbox.append(Buffer.from('late'), 0, 4);
    await setImmediate();
    assert.equal(owner.drained, 0, 'bytes that are lost are not taken by the kernel');
  });
});

test('the owner hears of every write, also of one that the kernel takes only in part', async () => {
  const { socket, owner, append, drain } = fakeOutbox();
  append('one');
  assert.equal(owner.written, 0);
  await setImmediate();
  assert.equal(owner.written, 1);
  socket.isFull = true;
  append('two');
  await setImmediate();
  assert.equal(owner.written, 2);
  append('three');
  await setImmediate();
  assert.equal(owner.written, 2, 'it waits for the kernel');
  drain();
  assert.equal(owner.written, 3);
});

test('who belongs to a tenant with much to ask is written to after the others of the turn', () => {
  const [many, one] = [new ReadyLine(), new ReadyLine()];
  const order: string[] = [];
  const fail = (error: unknown) => assert.fail(String(error));
  const boxOf = (name: string, line: ReadyLine, turn: Turn) => {
    const socket = new FakeSocket();
    const box = new Outbox(socket, turn, { onWritten: () => void order.push(name), onDrained() {}, onAllSent() {} });
    box.line = line;
    return box;
  };
  const waits = { readyEvents: 0, onReady() {} };
  runRound(() => {
    const turn = new Turn();
    const boxes = [boxOf('many 1', many, turn), boxOf('one', one, turn), boxOf('many 2', many, turn)];
    readyLines.add(many, waits, 1);
    for (const box of boxes) box.append(Buffer.from('x'), 0, 1);
  }, fail);
  assert.deepEqual(order, ['one', 'many 1', 'many 2']);
  readyLines.serve(fail);
  assert.equal(readyLines.isAny, false);
});
