// The queue of expected replies on its own: bytes in, replies to whom they belong.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BackendStats } from '../../../src/figures/statistics.ts';
import { Clock } from '../../../src/loop/clock.ts';
import { Turn } from '../../../src/loop/turn.ts';
import { RedisReplyScanner } from '../../../src/protocol/redis/reply-scanner.ts';
import type { FailureReason } from '../../../src/request/failure.ts';
import { Request } from '../../../src/request/request.ts';
import { Outbox } from '../../../src/socket/outbox.ts';
import {
  ReplyStream,
  type ReplyStreamOwner,
  STREAM_ENDED,
  STREAM_GARBAGE,
  STREAM_READ,
  STREAM_UNASKED,
} from '../../../src/upstream/reply-stream.ts';

class Fixture implements ReplyStreamOwner {
  readonly server = { name: 's' };
  readonly stats = new BackendStats();
  readonly clock = new Clock(new Turn());
  /** What became of each request and push, in order. */
  readonly events: string[] = [];
  readonly stream: ReplyStream;
  /** Ends the stream when this request's reply is complete. */
  endsAt = '';
  private readonly partial = new Map<string, string>();

  constructor(takesPushes: boolean) {
    const sink = {
      onPush: (buf: Buffer, start: number, end: number, last: boolean) =>
        this.piece('push', buf.toString('latin1', start, end), last),
    };
    this.stream = new ReplyStream(this, new RedisReplyScanner(), takesPushes ? sink : null);
    this.stream.open(new Outbox(null, new Turn(), null), 0);
  }

  expect(name: string, nowMs = 0): Request {
    const request = new Request(
      {
        onReply: (_request, buf, start, end, last) => this.piece(name, buf.toString('latin1', start, end), last),
        onFailure: (_request, reason) => void this.events.push(`${name} ! ${reason}`),
      },
      0,
    );
    this.stream.expect(request, 10, nowMs);
    return request;
  }

  read(text: string, nowMs = 0) {
    const bytes = Buffer.from(text, 'latin1');
    return this.stream.read(bytes, bytes.length, null, nowMs);
  }

  answered(): void {
    this.stats.responses++;
  }

  fail(request: Request, reason: FailureReason): void {
    request.sink?.onFailure(request, reason);
  }

  private piece(name: string, text: string, isLast: boolean): void {
    const whole = (this.partial.get(name) ?? '') + text;
    this.partial.set(name, isLast ? '' : whole);
    if (!isLast) return;
    this.events.push(`${name} < ${whole}`);
    if (name === this.endsAt) this.stream.end('connection_reset');
  }
}

const A = '$5\r\nhello\r\n';
const B = '*2\r\n:1\r\n$-1\r\n';
const PUSH = '>3\r\n$7\r\nmessage\r\n+ch\r\n$2\r\nhi\r\n';

test('each reply goes to the request that was first, whatever the pieces', () => {
  const wire = A + B + A;
  for (let i = 0; i < wire.length; i++) {
    const fixture = new Fixture(false);
    for (const name of ['a', 'b', 'c']) fixture.expect(name);
    assert.equal(fixture.read(wire.slice(0, i)), STREAM_READ);
    assert.equal(fixture.read(wire.slice(i)), STREAM_READ);
    assert.deepEqual(fixture.events, [`a < ${A}`, `b < ${B}`, `c < ${A}`], `at ${i}`);
    assert.equal(fixture.stream.inflightBytes, 0);
    assert.equal(fixture.stats.responses, 3);
  }
});

describe('what answers no request', () => {
  test('goes to the push sink, before, between and after replies, at any split', () => {
    const wire = PUSH + A + PUSH + B + PUSH;
    for (let i = 0; i < wire.length; i++) {
      const fixture = new Fixture(true);
      fixture.expect('a');
      fixture.expect('b');
      assert.equal(fixture.read(wire.slice(0, i)), STREAM_READ);
      assert.equal(fixture.read(wire.slice(i)), STREAM_READ);
      const push = `push < ${PUSH}`;
      assert.deepEqual(fixture.events, [push, `a < ${A}`, push, `b < ${B}`, push], `at ${i}`);
    }
  });

  test('of whatever type, where nothing is awaited', () => {
    const fixture = new Fixture(true);
    assert.equal(fixture.read(B + A), STREAM_READ);
    assert.deepEqual(fixture.events, [`push < ${B}`, `push < ${A}`]);
  });

  test('is not to be trusted without a push sink', () => {
    const fixture = new Fixture(false);
    assert.equal(fixture.read(A), STREAM_UNASKED);
    fixture.expect('a');
    assert.equal(fixture.read(PUSH), STREAM_GARBAGE);
    assert.deepEqual(fixture.events, []);
  });

  test('is never part of a reply', () => {
    const fixture = new Fixture(true);
    fixture.expect('a');
    assert.equal(fixture.read(`*1\r\n${PUSH}`), STREAM_GARBAGE);
    assert.equal(new Fixture(true).read(`>1\r\n${PUSH}`), STREAM_GARBAGE);
  });
});

describe('a request that is overdue', () => {
  test('fails, and its reply is dropped when it comes: the next one gets its own, at any split', () => {
    const wire = A + B;
    for (let i = 0; i < wire.length; i++) {
      const fixture = new Fixture(false);
      fixture.expect('a', 0);
      fixture.expect('b', 50);
      assert.equal(fixture.stream.failOverdue(100, 100), 1);
      assert.equal(fixture.stream.failOverdue(100, 100), 0, 'once');
      assert.deepEqual([fixture.stream.length, fixture.stream.awaited], [2, 1]);
      fixture.read(wire.slice(0, i), 110);
      fixture.read(wire.slice(i), 110);
      assert.deepEqual(fixture.events, ['a ! timed_out', `b < ${B}`], `at ${i}`);
      assert.deepEqual([fixture.stream.length, fixture.stream.awaited], [0, 0]);
    }
  });

  test('in the middle of its reply gets nothing more of it', () => {
    const fixture = new Fixture(false);
    fixture.expect('a', 0);
    fixture.read(A.slice(0, 6), 60);
    fixture.stream.failOverdue(100, 100);
    fixture.expect('b', 100);
    fixture.read(A.slice(6) + B, 120);
    assert.deepEqual(fixture.events, ['a ! timed_out', `b < ${B}`]);
  });

  test('fails once, also when the connection ends later', () => {
    const fixture = new Fixture(false);
    fixture.expect('a', 0);
    fixture.expect('b', 50);
    fixture.stream.failOverdue(100, 100);
    fixture.stream.end('connection_reset');
    assert.deepEqual(fixture.events, ['a ! timed_out', 'b ! connection_reset']);
    assert.deepEqual([fixture.stream.length, fixture.stream.inflightBytes], [0, 0]);
  });
});

test('a server is silent since it was last heard, or since something is awaited', () => {
  const fixture = new Fixture(false);
  const { stream } = fixture;
  assert.equal(stream.silentMs(1000), 0, 'nobody awaits anything');
  fixture.expect('a', 1000);
  fixture.expect('b', 1010);
  assert.equal(stream.silentMs(1100), 100);
  fixture.read('$5', 1050);
  assert.equal(stream.silentMs(1100), 50);
});

test('nothing more is passed on once the stream has ended, not even what was read with it', () => {
  const fixture = new Fixture(false);
  for (const name of ['a', 'b']) fixture.expect(name);
  fixture.endsAt = 'a';
  assert.equal(fixture.read(A + B), STREAM_ENDED);
  assert.deepEqual(fixture.events, [`a < ${A}`, 'b ! connection_reset']);
});

test('what was asked waits until it is written, and then takes until its last byte; a late reply counts too', () => {
  const fixture = new Fixture(false);
  const { stream, clock } = fixture;
  const at = (us: number) => {
    clock.turnUs = () => us;
    clock.nowUs = us;
  };
  // The scale goes round in between.
  const zero = 2 ** 31 - 1000;
  at(zero);
  fixture.expect('a');
  fixture.expect('b');
  at((zero + 500) | 0);
  stream.written();
  fixture.expect('c');
  at((zero + 3000) | 0);
  stream.written();
  fixture.read(A.slice(0, 3));
  at((zero + 4000) | 0);
  stream.failOverdue(1000, 1000);
  fixture.read(A.slice(3) + A + A);
  const [server, queue] = fixture.stats.times.histograms();
  assert.deepEqual([server?.count, server?.sumUs, server?.maxUs], [3, 3500 + 3500 + 1000, 3500]);
  assert.deepEqual([queue?.count, queue?.sumUs, queue?.maxUs], [3, 500 + 500 + 2500, 2500]);
});

test('what fails without a reply has no time of the server', () => {
  const fixture = new Fixture(false);
  fixture.expect('a');
  fixture.stream.written();
  fixture.stream.end('connection_reset');
  fixture.stream.open(new Outbox(null, new Turn(), null), 0);
  fixture.expect('b');
  fixture.stream.written();
  assert.deepEqual(fixture.stats.times.histograms(), [null, null]);
});
