import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Outbox } from '../../../src/core/outbox.ts';
import { Turn } from '../../../src/core/turn.ts';
import { RawClient } from '../../support/raw-client.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A socket whose kernel takes everything, or, while `isFull`, nothing. */
class FakeSocket {
  writes: string[] = [];
  isFull = false;
  destroyed = false;
  isEnded = false;
  writableLength = 0;
  private waiting: (() => void)[] = [];
  private corked: string[] | null = null;

  write(bytes: Buffer, callback?: () => void): boolean {
    assert.equal(this.isEnded, false, 'a write after the end');
    if (bytes.length > 0) (this.corked ?? this.writes).push(bytes.toString('latin1'));
    if (this.isFull) this.writableLength += bytes.length;
    if (callback !== undefined) this.waiting.push(callback);
    return true;
  }

  cork(): void {
    this.corked = [];
  }

  uncork(): void {
    this.writes.push((this.corked as string[]).join(''));
    this.corked = null;
  }

  end(): void {
    this.isEnded = true;
  }

  /** The kernel takes all that waits. */
  drain(): void {
    this.isFull = false;
    this.writableLength = 0;
    const waiting = this.waiting;
    this.waiting = [];
    for (const callback of waiting) callback();
  }
}

function fakeOutbox(isBlocked = false) {
  const socket = new FakeSocket();
  let drained = 0;
  const outbox = new Outbox(socket as unknown as Socket, new Turn(), isBlocked, { onDrained: () => drained++ });
  const append = (text: string) => outbox.append(Buffer.from(text, 'latin1'), 0, text.length);
  return { socket, outbox, append, drained: () => drained };
}

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
    const { socket, outbox, append, drained } = fakeOutbox();
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
    assert.equal(drained(), 0);
    socket.drain();
    assert.deepEqual(socket.writes, ['first', 'abc']);
    assert.equal(outbox.unsentBytes, 0);
    assert.equal(drained(), 1);
  });

  test('nothing leaves an outbox that begins blocked before unblock', async () => {
    const { socket, outbox, append } = fakeOutbox(true);
    append('early');
    await setImmediate();
    assert.deepEqual(socket.writes, []);
    outbox.unblock();
    assert.deepEqual(socket.writes, ['early']);
    append('later');
    await setImmediate();
    assert.deepEqual(socket.writes, ['early', 'later']);
  });

  test('close ends the socket after the last byte: now, at the end of the turn, or when the kernel takes it', async () => {
    const idle = fakeOutbox();
    idle.outbox.close();
    assert.equal(idle.socket.isEnded, true);

    const due = fakeOutbox();
    due.append('bye');
    due.outbox.close();
    assert.equal(due.socket.isEnded, false);
    await setImmediate();
    assert.deepEqual(due.socket.writes, ['bye']);
    assert.equal(due.socket.isEnded, true);

    const full = fakeOutbox();
    full.socket.isFull = true;
    full.append('first');
    await setImmediate();
    full.append('bye');
    full.outbox.close();
    await setImmediate();
    assert.equal(full.socket.isEnded, false);
    full.socket.drain();
    assert.deepEqual(full.socket.writes, ['first', 'bye']);
    assert.equal(full.socket.isEnded, true);
  });

  test('a destroyed socket is not written to', async () => {
    const { socket, append } = fakeOutbox();
    append('late');
    socket.destroyed = true;
    await setImmediate();
    assert.deepEqual(socket.writes, []);
  });
});

/** Two ends of a TCP connection: ours, and a peer that reads nothing until `peer.resume()`. */
async function connection(t: TestContext): Promise<{ ours: Socket; peer: RawClient }> {
  const server = createServer({ pauseOnConnect: true, noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const peer = new RawClient(connect((server.address() as AddressInfo).port, '127.0.0.1'));
  const [ours] = (await accepted) as [Socket];
  server.close();
  peer.pause();
  t.after(() => {
    ours.destroy();
    peer.destroy();
  });
  return { ours, peer };
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
    const { ours, peer } = await connection(t);
    let drained = 0;
    const outbox = new Outbox(ours, new Turn(), false, { onDrained: () => drained++ });
    const bytes = await fill(outbox, 'x'.repeat(1000));
    assert.ok(outbox.unsentBytes <= 1000, `${outbox.unsentBytes} bytes left over`);
    peer.resume();
    await waitFor(() => drained === 1, { what: 'onDrained' });
    assert.equal(outbox.unsentBytes, 0);
    const got = await peer.readUntil(bytes);
    assert.ok(got.equals(Buffer.alloc(bytes, 'x')));
  });

  test('small replies to a peer that does not read cost what they are long, not a chunk each', async t => {
    const { ours, peer } = await connection(t);
    const outbox = new Outbox(ours, new Turn(), false, null);
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
        const { ours, peer } = await connection(t);
        // Every second one reads all the time.
        if (i % 2 === 0) peer.resume();
        return { peer, outbox: new Outbox(ours, turn, false, null), sent: [] as Buffer[] };
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
    for (const { peer, outbox } of peers) {
      outbox.close();
      peer.resume();
    }
    for (const { peer, sent } of peers) assert.ok((await peer.readToEnd()).equals(Buffer.concat(sent)));
  });

  test('a peer that resets while much is unsent is no error here', async t => {
    const { ours, peer } = await connection(t);
    const closed = once(ours, 'close').catch(error => error);
    let drained = 0;
    const outbox = new Outbox(ours, new Turn(), false, { onDrained: () => drained++ });
    ours.on('error', () => {});
    outbox.appendOwned(Buffer.alloc(16 << 20, 'x'));
    await setImmediate();
    assert.ok(outbox.unsentBytes > 0);
    peer.reset();
    await closed;
    outbox.append(Buffer.from('late'), 0, 4);
    await setImmediate();
    assert.equal(drained, 0, 'bytes that are lost are not taken by the kernel');
  });
});
