// What is particular to sockets on system calls. What all kinds promise is in stream-socket.test.ts.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { expectedPeers } from '../../../src/loop/expected-peers.ts';
import { isCompanyExpected, whenIdle } from '../../../src/loop/rounds.ts';
import { Turn } from '../../../src/loop/turn.ts';
import { PolledSocket } from '../../../src/socket/polled-socket.ts';
import { streamSocket } from '../../../src/socket/sockets.ts';
import type { SocketReader } from '../../../src/socket/stream-socket.ts';
import type { RawClient } from '../../support/raw-client.ts';
import { socketPair } from '../../support/socket-pair.ts';
import { waitFor } from '../../support/wait-for.ts';

class Reader implements SocketReader {
  readonly events: string[] = [];
  onBytes: (text: string) => void = () => {};
  nextBuffer: Buffer | null = null;

  onRead(buf: Buffer, length: number): Buffer | null {
    const text = buf.toString('latin1', 0, length);
    this.events.push(text);
    this.onBytes(text);
    return this.nextBuffer;
  }

  onEnd(): void {
    this.events.push('<end>');
  }

  onTaken(): void {
    this.events.push('<taken>');
  }

  onClosed(errorCode: string | null): void {
    this.events.push(`<closed ${errorCode}>`);
  }

  heard(event: string): Promise<unknown> {
    return waitFor(() => this.events.includes(event), { what: event });
  }
}

interface Polled {
  readonly socket: PolledSocket;
  readonly far: RawClient;
  readonly reader: Reader;
}

async function polled(t: TestContext): Promise<Polled> {
  const { socket, far } = await socketPair(t, { allowHalfOpen: true });
  const ours = streamSocket(socket, true);
  assert.ok(ours instanceof PolledSocket);
  t.after(() => ours.destroy());
  const reader = new Reader();
  ours.start(reader);
  return { socket: ours, far, reader };
}

/** What is thrown while `act` runs and nobody catches. */
async function uncaught(act: () => Promise<void>): Promise<Error[]> {
  const errors: Error[] = [];
  process.setUncaughtExceptionCaptureCallback(error => errors.push(error as Error));
  try {
    await act();
    await setImmediate();
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
  return errors;
}

test('a reader that throws loses its connection; the error is an uncaught one, and the other sockets go on', async t => {
  const [bad, good] = await Promise.all([polled(t), polled(t)]);
  bad.reader.onBytes = () => {
    throw new Error('a bug of ours');
  };
  const errors = await uncaught(async () => {
    bad.far.send('x');
    good.far.send('y');
    await bad.reader.heard('<closed null>');
    await good.reader.heard('y');
  });
  assert.deepEqual(
    errors.map(error => error.message),
    ['a bug of ours'],
  );
  assert.deepEqual(bad.reader.events, ['x', '<closed null>']);
  good.far.send('z');
  await good.reader.heard('z');
});

test('who throws when it hears that it is closed does not keep it from the others', async t => {
  const sockets = await Promise.all([polled(t), polled(t), polled(t)]);
  sockets[0]!.socket.closeListener = () => {
    throw new Error('another bug');
  };
  const errors = await uncaught(async () => {
    for (const { socket } of sockets) socket.destroy();
    for (const { reader } of sockets) await reader.heard('<closed null>');
  });
  assert.equal(errors.length, 1);
});

test('the end is heard when it comes with the last bytes', async t => {
  for (let i = 0; i < 50; i++) {
    const { socket, far, reader } = await polled(t);
    socket.pause();
    far.socket.end('last');
    await waitFor(() => far.socket.writableFinished, { what: 'the FIN to be sent' });
    socket.resume();
    await reader.heard('<end>');
    assert.deepEqual(reader.events, ['last', '<end>']);
    socket.destroy();
  }
});

test('what is left when a socket has been read often enough for one turn is read in the next', async t => {
  const { far, reader } = await polled(t);
  reader.nextBuffer = Buffer.alloc(1);
  far.send('a');
  await reader.heard('a');
  far.send('b'.repeat(500));
  await waitFor(() => reader.events.join('').length === 501, { what: 'all bytes' });
});

test('a socket that has the descriptor of one that was closed in the same turn hears nothing of it', async t => {
  const [one, other, third] = await Promise.all([polled(t), polled(t), polled(t)]);
  const descriptors = [one, other].map(({ socket }) => socket.descriptor);
  const successors: Polled[] = [];
  const replace = (closed: Polled) => () => {
    if (successors.length > 0) return;
    closed.socket.destroy();
    void polled(t).then(successor => successors.push(successor));
  };
  one.reader.onBytes = replace(other);
  other.reader.onBytes = replace(one);
  one.far.send('1');
  other.far.send('2');
  await waitFor(() => successors.length > 0, { what: 'the successor' });
  third.far.send('3');
  await third.reader.heard('3');
  assert.ok(descriptors.includes(successors[0]!.socket.descriptor));
  assert.deepEqual(successors[0]!.reader.events, []);
  successors[0]!.far.send('4');
  await successors[0]!.reader.heard('4');
});

test('a write after it was destroyed reaches nobody', async t => {
  const { socket } = await polled(t);
  const { descriptor } = socket;
  socket.destroy();
  const next = await polled(t);
  assert.equal(next.socket.descriptor, descriptor);
  assert.equal(socket.write(Buffer.from('for nobody')), false);
  assert.equal(socket.writev([Buffer.from('for'), Buffer.from('nobody')]), false);
  socket.end();
  socket.destroy();
  assert.equal(next.socket.write(Buffer.from('for me')), true);
  assert.equal((await next.far.readUntil(6)).toString(), 'for me');
});

test('more pieces than one system call takes are written in order', async t => {
  const { socket, far, reader } = await polled(t);
  const pieces = Array.from({ length: 5000 }, (_, i) => Buffer.from(`${i},`.padEnd(700, '.')));
  const all = Buffer.concat(pieces);
  far.pause();
  const isTaken = socket.writev(pieces);
  far.resume();
  assert.ok((await far.readUntil(all.length)).equals(all));
  if (!isTaken) await reader.heard('<taken>');
});

test('the work of a turn is done at its end, before anything else of the event loop', async t => {
  const { far, reader } = await polled(t);
  const turn = new Turn();
  const order: string[] = [];
  reader.onBytes = () => {
    order.push('read');
    turn.defer({ endTurn: () => order.push('end of the turn') });
    void Promise.resolve().then(() => order.push('promise'));
    process.nextTick(() => order.push('tick'));
  };
  far.send('x');
  await waitFor(() => order.length === 4, { what: 'all of it' });
  assert.deepEqual(order.slice(0, 2), ['read', 'end of the turn']);
});

test('what waits until no socket is ready waits, but not while others keep each other busy', async t => {
  const { socket, far, reader } = await polled(t);
  const other = streamSocket(far.socket, true);
  t.after(() => other.destroy());
  const otherReader = new Reader();
  other.start(otherReader);
  const ball = Buffer.from('x');
  const waitsMs: number[] = [];
  let mostBalls = 0;
  let balls = 0;
  let isNewTurn = true;
  otherReader.onBytes = () => void other.write(ball);
  reader.onBytes = () => {
    balls++;
    if (isNewTurn) {
      isNewTurn = false;
      const begunMs = performance.now();
      const ballsAtFirst = balls;
      const onIdle = () => {
        waitsMs.push(performance.now() - begunMs);
        mostBalls = Math.max(mostBalls, balls - ballsAtFirst);
      };
      whenIdle({ onIdle });
    }
    if (waitsMs.length < 50) socket.write(ball);
  };
  socket.write(ball);
  while (waitsMs.length < 50) {
    await setImmediate();
    isNewTurn = true;
  }
  // A turn of the event loop has rounds for 4 ms. Whatever else the machine does, of fifty waits one shows the limit.
  assert.ok(Math.min(...waitsMs) < 1, `shortest wait: ${Math.min(...waitsMs)} ms`);
  assert.ok(mostBalls > 0, 'it has waited while a socket was ready');
});

test('who is expected and does not come keeps nothing waiting, and is expected no longer', async t => {
  const { far, reader } = await polled(t);
  const expected: boolean[] = [];
  const written: string[] = [];
  reader.onBytes = text => {
    if (text === 'x') expectedPeers.expect();
    whenIdle({ onIdle: () => written.push(text) });
    expected.push(isCompanyExpected());
  };
  for (const text of ['x', 'y']) {
    far.send(text);
    await waitFor(() => written.includes(text), { what: text });
  }
  assert.deepEqual(expected, [true, false]);
});
