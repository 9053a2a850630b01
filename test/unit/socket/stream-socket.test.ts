// Both implementations keep the same promises; every test runs with each.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { NetSocket } from '../../../src/socket/net-socket.ts';
import { PolledSocket } from '../../../src/socket/polled-socket.ts';
import { ReadyLine, readyLines } from '../../../src/socket/ready-lines.ts';
import { socketCalls } from '../../../src/socket/socket-calls.ts';
import { streamSocket } from '../../../src/socket/sockets.ts';
import type { SocketReader, StreamSocket } from '../../../src/socket/stream-socket.ts';
import type { RawClient } from '../../support/raw-client.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { socketPair } from '../../support/socket-pair.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Keeps what it hears. */
class Reader implements SocketReader {
  readonly events: string[] = [];
  readonly pieces: Buffer[] = [];
  /** Where the next bytes are to go. */
  next: () => Buffer | null = () => null;
  /** The buffer of the last read. */
  last: Buffer | null = null;
  onBytes: () => void = () => {};

  onRead(buf: Buffer, length: number): Buffer | null {
    this.last = buf;
    this.pieces.push(Buffer.from(buf.subarray(0, length)));
    this.onBytes();
    return this.next();
  }

  onEnd(): void {
    this.events.push('end');
  }

  onTaken(): void {
    this.events.push('taken');
  }

  onClosed(errorCode: string | null): void {
    this.events.push(`closed ${errorCode}`);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  text(): string {
    return this.bytes.toString('latin1');
  }

  heard(event: string): Promise<unknown> {
    return waitFor(() => this.events.includes(event), { what: event });
  }

  got(bytes: number): Promise<unknown> {
    return waitFor(() => this.bytes.length >= bytes, { what: `${bytes} bytes` });
  }
}

interface Pair {
  readonly ours: StreamSocket;
  readonly far: RawClient;
  readonly reader: Reader;
}

const FILL_BYTES = 64 * 1024;

/** Writes until the kernel takes no more; all that was written. */
async function fill(socket: StreamSocket): Promise<Buffer> {
  const random = new SeededRandom(11);
  const written: Buffer[] = [];
  for (;;) {
    const piece = random.bytes(FILL_BYTES);
    written.push(piece);
    if (!socket.write(piece)) return Buffer.concat(written);
    await setImmediate();
  }
}

test('this system has what polled sockets need', () => assert.notEqual(socketCalls, null));

for (const [kind, isPolled, isInLine] of [
  ['a polled socket', true, false],
  ['a socket of node:net', false, false],
  ['a polled socket that waits for its turn', true, true],
  ['a socket of node:net that waits for its turn', false, true],
] as const) {
  describe(kind, () => {
    async function pair(t: TestContext, at: { readonly path?: string } = {}): Promise<Pair> {
      const { socket, far } = await socketPair(t, { ...at, allowHalfOpen: true });
      const ours = streamSocket(socket, isPolled);
      assert.ok(isPolled ? ours instanceof PolledSocket : ours instanceof NetSocket);
      const reader = new Reader();
      if (isInLine) {
        // Somebody else's is there, too.
        const other = new ReadyLine();
        readyLines.move(null, other);
        t.after(() => readyLines.move(other, null));
        ours.standIn(new ReadyLine());
        assert.ok(readyLines.areSeveral);
      }
      ours.start(reader);
      t.after(() => ours.destroy());
      return { ours, far, reader };
    }

    test('reads and writes, alone and in pieces', async t => {
      const { ours, far, reader } = await pair(t);
      far.send('hello');
      await reader.got(5);
      assert.equal(reader.text(), 'hello');
      assert.equal(ours.write(Buffer.from('one ')), true);
      assert.equal(ours.writev([Buffer.from('two '), Buffer.from('three')]), true);
      assert.equal((await far.readUntil(13)).toString(), 'one two three');
      assert.match(ours.peer, /^127\.0\.0\.1:\d+$/);
      assert.ok(ours.descriptor > 0);
    });

    test('reads over a unix socket', async t => {
      const file = path.join(tmpdir(), `ringmaster-stream-${process.pid}-${isPolled}.sock`);
      t.after(() => rmSync(file, { force: true }));
      const { ours, far, reader } = await pair(t, { path: file });
      far.send('hello');
      await reader.got(5);
      ours.write(Buffer.from('bye'));
      assert.equal((await far.readUntil(3)).toString(), 'bye');
      assert.equal(ours.peer, 'a unix socket');
    });

    test('what was read is whole and in order, wherever it was asked to go', async t => {
      const { far, reader } = await pair(t);
      const random = new SeededRandom(3);
      const sent = random.bytes(3_000_000);
      // Sometimes the shared buffer, sometimes one of the reader's own; never the same one twice in a row.
      reader.next = () => (random.chance(0.3) ? null : Buffer.alloc(random.pick([1, 100, 20_000, 300_000])));
      far.send(sent);
      await reader.got(sent.length);
      assert.ok(reader.bytes.equals(sent));
    });

    test('a buffer that was asked for is filled from its beginning, and left alone afterwards', async t => {
      const { far, reader } = await pair(t);
      const own = Buffer.alloc(1000, '.');
      reader.next = () => own;
      far.send('a');
      await reader.got(1);
      reader.next = () => null;
      far.send('bcd');
      await reader.got(4);
      if (isPolled) {
        assert.equal(reader.last, own);
        assert.equal(own.toString('latin1', 0, 5), 'bcd..');
      }
      far.send('efg');
      await reader.got(7);
      assert.notEqual(reader.last, own);
      assert.equal(reader.text(), 'abcdefg');
      if (isPolled) assert.equal(own.toString('latin1', 0, 5), 'bcd..');
    });

    test('reads nothing while it is paused, the end neither', async t => {
      const { ours, far, reader } = await pair(t);
      far.send('a');
      await reader.got(1);
      ours.pause();
      far.send('b');
      far.end();
      for (let i = 0; i < 20; i++) await setImmediate();
      assert.equal(reader.text(), 'a');
      assert.deepEqual(reader.events, []);
      ours.resume();
      await reader.heard('end');
      assert.equal(reader.text(), 'ab');
    });

    test('may be paused from inside a read', async t => {
      const { ours, far, reader } = await pair(t);
      const sent = new SeededRandom(5).bytes(2_000_000);
      reader.onBytes = () => {
        ours.pause();
        void setImmediate().then(() => ours.resume());
      };
      far.send(sent);
      await reader.got(sent.length);
      assert.ok(reader.bytes.equals(sent));
    });

    test('a write that the kernel does not take at once is taken later, and told once', async t => {
      const { ours, far, reader } = await pair(t);
      far.pause();
      const written = await fill(ours);
      assert.deepEqual(reader.events, []);
      far.resume();
      await reader.heard('taken');
      assert.ok((await far.readUntil(written.length)).equals(written));
      assert.deepEqual(reader.events, ['taken']);
      assert.equal(ours.write(Buffer.from('more')), true);
    });

    test('a peer that ends its side is still written to; then we close', async t => {
      const { ours, far, reader } = await pair(t);
      far.send('last');
      far.end();
      await reader.heard('end');
      assert.equal(reader.text(), 'last');
      assert.equal(ours.isDestroyed, false);
      ours.write(Buffer.from('answer'));
      ours.destroy();
      assert.equal((await far.readToEnd()).toString(), 'answer');
      await reader.heard('closed null');
      assert.deepEqual(reader.events, ['end', 'closed null']);
    });

    test('our end reaches the peer, and what it says afterwards reaches us', async t => {
      const { ours, far, reader } = await pair(t);
      ours.write(Buffer.from('bye'));
      ours.end();
      assert.equal((await far.readToEnd()).toString(), 'bye');
      far.send('goodbye');
      await reader.got(7);
      assert.equal(ours.isDestroyed, false);
      far.end();
      await reader.heard('end');
    });

    test('a reset is told with its code, and to the close listener', async t => {
      const { ours, far, reader } = await pair(t);
      let isLeft = false;
      ours.closeListener = () => {
        isLeft = true;
      };
      far.reset();
      await reader.heard('closed ECONNRESET');
      assert.equal(ours.isDestroyed, true);
      await waitFor(() => isLeft, { what: 'the close listener' });
    });

    test('a reset while much waits to be written is told once, and nothing is said to be taken', async t => {
      const { ours, far, reader } = await pair(t);
      far.pause();
      await fill(ours);
      far.reset();
      await waitFor(() => reader.events.length > 0, { what: 'the reset' });
      await setImmediate();
      assert.equal(reader.events.length, 1);
      assert.match(reader.events[0]!, /^closed (ECONNRESET|EPIPE)$/);
    });

    test('nothing is heard after it was destroyed but that it is closed, and that not before destroy returns', async t => {
      const { ours, far, reader } = await pair(t);
      far.send('one');
      await reader.got(3);
      far.send('two');
      ours.destroy();
      ours.destroy();
      assert.deepEqual(reader.events, []);
      await reader.heard('closed null');
      await setImmediate();
      assert.equal(reader.text(), 'one');
      assert.deepEqual(reader.events, ['closed null']);
    });

    test('may be destroyed from inside a read', async t => {
      const { ours, far, reader } = await pair(t);
      reader.onBytes = () => ours.destroy();
      far.send(Buffer.alloc(1_000_000, 'x'));
      await reader.heard('closed null');
      assert.equal(reader.pieces.length, 1);
    });
  });
}
